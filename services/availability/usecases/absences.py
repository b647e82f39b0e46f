"""Leave and closures: recorded here, told to booking, and taken out of working time in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from services.availability.domain.absences import Closure, Leave, period_between, period_of_days
from services.availability.domain.sessions import Period
from services.availability.ports import UnitOfWork
from services.availability.usecases.materialise import Horizon, renew_around
from services.availability.usecases.schedules import facilities_of, require_any
from services.contracts.events.availability import ClosureRecorded, ClosureWithdrawn, LeaveRecorded, LeaveWithdrawn
from services.kernel.access import Gate, Resource
from services.kernel.errors import NotFound
from services.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Span:
    """When someone is away: two instants (the end exclusive), or two local days (both included)."""

    starts: datetime | date
    ends: datetime | date

    def period(self, zones: Sequence[str]) -> Period:
        """Return the instants, days being those of ``zones``."""
        if isinstance(self.starts, datetime) and isinstance(self.ends, datetime):
            return period_between(self.starts, self.ends)
        return period_of_days(self.starts, self.ends, zones)


class LeaveOfAbsence:
    """Leave of one clinician."""

    def __init__(self, transaction: UnitOfWork, horizon: Horizon) -> None:
        self._transaction = transaction
        self._horizon = horizon

    async def record(self, clinician_id: str, span: Span, gate: Gate) -> Leave:
        """Record leave; days are those of every facility the clinician works at. NotFound when nobody knows them."""
        async with self._transaction() as store:
            await store.lock_schedules([clinician_id])
            clinician = (await store.clinicians([clinician_id])).get(clinician_id)
            templates = await store.templates_of([clinician_id])
            facility_ids = facilities_of(clinician, templates)
            await store.audit(require_any(gate, clinician_id, facility_ids))
            if clinician is None:
                raise NotFound("No such clinician is known here.")
            known = await store.facilities(facility_ids)
            leave = Leave(new_id(), clinician_id, span.period([facility.timezone for facility in known.values()]))
            await store.add_leave(leave)
            await renew_around(store, [clinician_id], leave.period, self._horizon)
            event = LeaveRecorded(
                leave_id=str(leave.leave_id), clinician_id=clinician_id, starts_at=leave.period.starts_at,
                ends_at=leave.period.ends_at,
            )  # fmt: skip
            await store.publish([event], self._horizon.clock.now())
            return leave

    async def withdraw(self, clinician_id: str, leave_id: UUID, gate: Gate) -> None:
        """Withdraw leave: its time is working time again. NotFound when there is none."""
        async with self._transaction() as store:
            await store.lock_schedules([clinician_id])
            clinician = (await store.clinicians([clinician_id])).get(clinician_id)
            templates = await store.templates_of([clinician_id])
            await store.audit(require_any(gate, clinician_id, facilities_of(clinician, templates)))
            leave = await store.remove_leave(clinician_id, leave_id)
            if leave is None:
                raise NotFound("The clinician has no such leave.")
            await renew_around(store, [clinician_id], leave.period, self._horizon)
            event = LeaveWithdrawn(leave_id=str(leave_id), clinician_id=clinician_id)
            await store.publish([event], self._horizon.clock.now())


class Closures:
    """Closures of one facility."""

    def __init__(self, transaction: UnitOfWork, horizon: Horizon) -> None:
        self._transaction = transaction
        self._horizon = horizon

    async def coming(self, facility_id: str, gate: Gate) -> Sequence[Closure]:
        """Return the closures that have not ended, in order of start."""
        async with self._transaction() as store:
            await store.audit(gate.require(_facility(facility_id)))
            return await store.closures_of([facility_id], self._horizon.clock.now() - timedelta(days=1))

    async def record(self, facility_id: str, span: Span, gate: Gate) -> Closure:
        """Record a closure; days are the facility's. NotFound when the facility is not known."""
        async with self._transaction() as store:
            await store.lock_facilities()
            await store.audit(gate.require(_facility(facility_id)))
            facility = (await store.facilities([facility_id])).get(facility_id)
            if facility is None:
                raise NotFound("No such facility is known here.")
            closure = Closure(new_id(), facility_id, span.period([facility.timezone]))
            await store.add_closure(closure)
            clinician_ids = await store.clinicians_with_templates_at(facility_id)
            await renew_around(store, clinician_ids, closure.period, self._horizon)
            event = ClosureRecorded(
                closure_id=str(closure.closure_id), facility_id=facility_id, starts_at=closure.period.starts_at,
                ends_at=closure.period.ends_at,
            )  # fmt: skip
            await store.publish([event], self._horizon.clock.now())
            return closure

    async def withdraw(self, facility_id: str, closure_id: UUID, gate: Gate) -> None:
        """Withdraw a closure: its time is working time again. NotFound when there is none."""
        async with self._transaction() as store:
            await store.lock_facilities()
            await store.audit(gate.require(_facility(facility_id)))
            closure = await store.remove_closure(facility_id, closure_id)
            if closure is None:
                raise NotFound("The facility has no such closure.")
            clinician_ids = await store.clinicians_with_templates_at(facility_id)
            await renew_around(store, clinician_ids, closure.period, self._horizon)
            event = ClosureWithdrawn(closure_id=str(closure_id), facility_id=facility_id)
            await store.publish([event], self._horizon.clock.now())


def _facility(facility_id: str) -> Resource:
    return Resource("Facility", facility_id, {"facility": facility_id})
