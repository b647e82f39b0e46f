"""Between rows and the domain: the one place that knows which column holds what."""

from datetime import time, timedelta
from typing import Any, Protocol

from services.contracts.slot_offer import SlotOffer
from services.waitlist.domain.offers import Offer, OfferState
from services.waitlist.domain.requests import Priority, Request, Status, TimeWindow, Wishes


class Row(Protocol):
    """A row by column name."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a column's value."""
        ...


def request_of(row: Row) -> Request:
    """Read a row of ``request``."""
    wishes = Wishes(
        facilities=frozenset(row["facility_ids"]), clinicians=frozenset(row["clinician_ids"]),
        weekdays=frozenset(row["weekdays"]), windows=tuple(_window(pair) for pair in row["windows"]),
        earliest=row["earliest"], latest=row["latest"], notice=timedelta(minutes=row["notice_minutes"]),
        minutes=row["minutes"], interpreter=row["interpreter"],
    )  # fmt: skip
    return Request(
        row["id"], row["patient_id"], row["specialty"], row["visit_type"], wishes, Priority(row["priority"]),
        Status(row["status"]), row["version"], row["joined_at"], row["lapses"],
    )  # fmt: skip


def windows_json(windows: tuple[TimeWindow, ...]) -> list[list[str]]:
    """Return windows as they are stored."""
    return [[window.starts.isoformat(), window.ends.isoformat()] for window in windows]


def offer_of(row: Row) -> Offer:
    """Read a row of ``offer``."""
    return Offer(
        row["id"], row["freed_id"], row["request_id"], row["patient_id"], SlotOffer.model_validate(row["slot"]),
        OfferState(row["state"]), row["made_at"], row["expires_at"], row["accepted_by"], row["appointment_id"],
    )  # fmt: skip


def _window(pair: list[str]) -> TimeWindow:
    return TimeWindow(time.fromisoformat(pair[0]), time.fromisoformat(pair[1]))
