"""What is told before anyone cancels: whether it would count as late, from when on, and which reasons can be given.

And the rules behind it, which administrators set per facility, per visit type, or both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.booking.domain.lateness import LateRule, late_from
from services.booking.domain.lifecycle import Action, next_status
from services.booking.domain.reasons import PATIENTS_OWN, CancelReason
from services.booking.ports import LateRuleWork, Question, Register, UnitOfWork
from services.booking.usecases.changing import hours_of, themselves
from services.booking.usecases.touching import appointment_resource, facility_resource
from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Outlook:
    """What cancelling now would mean; ``late_from`` is None where it is never late."""

    late: bool
    hours: int
    late_from: datetime | None
    reasons: tuple[CancelReason, ...]


class LateCancellations:
    """The outlook of one appointment, and the rules."""

    def __init__(
        self, register: Register, work: UnitOfWork, rules: LateRuleWork, clock: Clock, late_hours: int
    ) -> None:
        self._register = register
        self._work = work
        self._rules = rules
        self._clock = clock
        self._late_hours = late_hours

    async def outlook(self, gate: Gate, appointment_id: UUID) -> Outlook:
        """Tell what cancelling now would mean; raise NotFound, or Conflict when it cannot be cancelled any more."""
        now = self._clock.now()
        look = await self._register.look(Question(now, appointment_id=appointment_id))
        found = look.appointment
        if found is None:
            raise NotFound("No such appointment.")
        entry = gate.require(appointment_resource(found, look))
        async with self._work() as store:
            await store.audit(entry)
        next_status(found.status, Action.CANCEL)
        hours = hours_of(look, self._late_hours)
        since = late_from(found.place.starts_at, hours) if hours else None
        reasons = [reason for reason in CancelReason if reason in PATIENTS_OWN or not themselves(gate.actor)]
        return Outlook(since is not None and now >= since, hours, since, tuple(reasons))

    async def rules_of(self, gate: Gate, facility_id: str) -> tuple[Sequence[LateRule], int]:
        """Return the rules that name the facility or every facility, and the hours where none fits."""
        gate.require(facility_resource(facility_id))
        async with self._rules() as store:
            return await store.rules_of(facility_id), self._late_hours

    async def set_rule(self, gate: Gate, rule: LateRule) -> LateRule:
        """Keep a rule in place of the one before; one for every facility needs a role that is for all of them."""
        entry = gate.require(facility_resource(rule.facility_id))
        async with self._rules() as store:
            await store.set_rule(rule)
            await store.audit(entry)
        return rule

    async def drop_rule(self, gate: Gate, facility_id: str, visit_type: str) -> None:
        """Remove a rule; raise NotFound when there is none."""
        entry = gate.require(facility_resource(facility_id))
        async with self._rules() as store:
            if not await store.drop_rule(facility_id, visit_type):
                raise NotFound("There is no such rule.")
            await store.audit(entry)
