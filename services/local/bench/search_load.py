"""Bookings and cancellations of a made-up health system, as booking's events tell of them, and searches people make."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from services.availability.domain.slots import OpenSlot, SlotQuery
from services.contracts.events.booking import AppointmentBooked, AppointmentCancelled
from services.kernel.ids import new_id
from services.kernel.outbox import Envelope
from services.local.bench.search_data import CITIES, CLINICIANS_A_FACILITY, SPECIALTIES, Size, shares, specialty_of

WINDOW = timedelta(days=14)
# Most people look from now on; some for next week, some for next month.
LEADS = (0, 0, 0, 1, 3, 14, 40)
KEPT = 2000


class Bookings:
    """A stream of events: two bookings for each cancellation of an earlier one."""

    def __init__(self, size: Size, seed: int) -> None:
        self._size = size
        self._dice = Random(seed)
        self._live: list[Mapping[str, Any]] = []

    def next(self) -> Envelope:
        """Return the next event."""
        dice = self._dice
        if len(self._live) > KEPT or (self._live and dice.random() < 1 / 3):
            return cancelled(self._live.pop(dice.randrange(len(self._live))))
        number = dice.randrange(self._size.clinicians)
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start = midnight + timedelta(days=dice.randrange(1, 30), minutes=5 * dice.randrange(12 * 14, 12 * 22))
        facilities = max(1, self._size.clinicians // CLINICIANS_A_FACILITY)
        data = {
            **AppointmentBooked.EXAMPLE, "appointment_id": str(new_id()), "clinician_id": f"cln-{number:05}",
            "facility_id": f"fac-{number % facilities:04}", "starts_at": start.isoformat(),
            "ends_at": (start + timedelta(minutes=20)).isoformat(),
        }  # fmt: skip
        self._live.append(data)
        return _envelope(AppointmentBooked.TYPE, data)


def booked(slot: OpenSlot) -> Envelope:
    """Return the event of a booking of ``slot``."""
    data = {
        **AppointmentBooked.EXAMPLE, "appointment_id": str(new_id()), "clinician_id": slot.clinician_id,
        "facility_id": slot.facility_id, "starts_at": slot.starts_at.isoformat(), "ends_at": slot.ends_at.isoformat(),
    }  # fmt: skip
    return _envelope(AppointmentBooked.TYPE, data)


def cancelled(data: Mapping[str, Any]) -> Envelope:
    """Return the event of the cancellation of what was booked with ``data``."""
    return _envelope(
        AppointmentCancelled.TYPE, {**data, "status": "cancelled", "version": 2, "reason": "pat", "late": False}
    )


def _envelope(type_: str, data: Mapping[str, Any]) -> Envelope:
    return Envelope(new_id(), type_, "careslot.booking", datetime.now(UTC), "0" * 32, data)


class Searches:
    """What people look for: a specialty, the large ones more often, around a city, within two weeks."""

    def __init__(self, near: Mapping[str, Mapping[str, float]], seed: int) -> None:
        self._near = near
        self._dice = Random(seed)

    def next(self, now: datetime) -> SlotQuery:
        """Return the next query."""
        specialty, starts_at = self._specialty(), now + timedelta(days=self._dice.choice(LEADS))
        kind, minutes = self._dice.choice((("follow-up", 20), ("follow-up", 20), ("new-patient", 40)))
        city = self._dice.choice(CITIES)[0]
        return SlotQuery(
            specialty, f"{specialty}-{kind}", minutes, starts_at, starts_at + WINDOW, distances=dict(self._near[city])
        )

    def parameters(self, now: datetime) -> dict[str, str]:
        """Return the next query as a client of `GET /slots` sends it."""
        starts_at = now + timedelta(days=self._dice.choice(LEADS), minutes=1)
        return {
            "specialty": self._specialty(), "zip": self._dice.choice(CITIES)[0], "within_km": "50", "limit": "20",
            "from": starts_at.isoformat(), "to": (starts_at + WINDOW).isoformat(),
        }  # fmt: skip

    def _specialty(self) -> str:
        if self._dice.random() < 0.5:
            return specialty_of(self._dice.choices(range(SPECIALTIES), shares())[0])
        return specialty_of(self._dice.randrange(SPECIALTIES))
