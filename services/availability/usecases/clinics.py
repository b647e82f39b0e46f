"""Publishing clinics. Search offers their starts like any others, with the capacity that booking goes by."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.availability.domain.clinics import Clinic
from services.availability.domain.sessions import Period
from services.availability.ports import Store
from services.availability.usecases.schedules import facilities_of, require_any
from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.errors import Conflict, FieldError, Invalid, NotFound
from services.kernel.ids import new_id


class ClinicStore(Store, Protocol):
    """The store, with clinics."""

    async def works(self, clinician_id: str, period: Period) -> bool:
        """Tell whether the clinician has working time or another clinic in ``period``."""

    async def add_clinic(self, clinic: Clinic) -> None: ...
    async def remove_clinic(self, clinician_id: str, clinic_id: UUID) -> bool: ...
    async def clinics_of(self, clinician_id: str, ends_after: datetime) -> Sequence[Clinic]: ...


ClinicWork = Callable[[], AbstractAsyncContextManager[ClinicStore]]


@dataclass(frozen=True, slots=True)
class ClinicWish:
    """A clinic as asked for."""

    facility_id: str
    room_id: str
    visit_type: str
    period: Period
    minutes: int
    capacity: int


class Clinics:
    """The clinics of a clinician."""

    def __init__(self, work: ClinicWork, clock: Clock) -> None:
        self._work = work
        self._clock = clock

    async def publish(self, clinician_id: str, wish: ClinicWish, gate: Gate) -> Clinic:
        """Publish a clinic; Conflict where the clinician has other working time, which would be offered beside it."""
        async with self._work() as store:
            await self._require(store, clinician_id, gate, wish.facility_id)
            if wish.period.starts_at <= self._clock.now():
                raise _wrong("starts_at", "must lie ahead")
            if wish.facility_id not in await store.facilities([wish.facility_id]):
                raise _wrong("facility_id", "no such facility is known here")
            if await store.visit_type(wish.visit_type) is None:
                raise _wrong("visit_type", "there is no such visit type")
            clinic = Clinic(
                new_id(), clinician_id, wish.facility_id, wish.room_id, wish.visit_type, wish.period, wish.minutes,
                wish.capacity,
            )  # fmt: skip
            if await store.works(clinician_id, wish.period):
                raise Conflict("The clinician has other working time then; end it first.", slug="working-then")
            await store.add_clinic(clinic)
            return clinic

    async def withdraw(self, clinician_id: str, clinic_id: UUID, gate: Gate) -> None:
        """Offer its places no more; what is booked stays."""
        async with self._work() as store:
            await self._require(store, clinician_id, gate)
            if not await store.remove_clinic(clinician_id, clinic_id):
                raise NotFound("The clinician has no such clinic.")

    async def coming(self, clinician_id: str, gate: Gate) -> Sequence[Clinic]:
        """Return the clinician's clinics that have not ended."""
        async with self._work() as store:
            await self._require(store, clinician_id, gate)
            return await store.clinics_of(clinician_id, self._clock.now())

    async def _require(self, store: Store, clinician_id: str, gate: Gate, facility_id: str = "") -> None:
        await store.lock_schedules([clinician_id])
        clinician = (await store.clinicians([clinician_id])).get(clinician_id)
        known = facilities_of(clinician, await store.templates_of([clinician_id]))
        await store.audit(require_any(gate, clinician_id, [facility_id] if facility_id else known))
        if clinician is None:
            raise NotFound("No such clinician is known here.")


def _wrong(where: str, what: str) -> Invalid:
    return Invalid("The clinic cannot be published.", errors=[FieldError(f"body/{where}", what)])
