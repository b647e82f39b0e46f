"""Commands on an appointment that exists and stays where it is: confirm, release, cancel, check-in, complete, no-show.

Order of refusals: unknown, not allowed, key reused, not in this status, then the version. RFC 9110 section 13.2.1: a
precondition is only looked at when the request would have succeeded without it.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.booking.domain import appointment as rules
from services.booking.domain.appointment import Appointment, Change
from services.booking.domain.freed import GraceRules, freed_by
from services.booking.domain.lateness import is_late
from services.booking.domain.lifecycle import Action
from services.booking.domain.reasons import PATIENTS_OWN, CancelReason, LateWaiver
from services.booking.ports import Answer, Look, Question, Register, Replay, Submission, Writing
from services.booking.usecases.repeating import repeated
from services.booking.usecases.telling import etag, told
from services.booking.usecases.touching import appointment_resource
from services.contracts.roles import Role
from services.kernel.access import Gate
from services.kernel.actor import Actor
from services.kernel.clock import Clock
from services.kernel.errors import Invalid, NotFound, StaleVersion
from services.kernel.ids import new_id

Precondition = frozenset[str]
ANY_VERSION = "*"
Rule = Callable[[Appointment, datetime], Change]
Judge = Callable[[Look, Appointment, datetime], Change]
_THEMSELVES = frozenset({Role.PATIENT.value, Role.PROXY.value})
RULES: dict[Action, Rule] = {
    Action.CONFIRM: rules.confirm,
    Action.RELEASE: rules.release,
    Action.CHECK_IN: rules.check_in,
    Action.COMPLETE: rules.complete,
    Action.NO_SHOW: rules.no_show,
}


def require_version(standing: Appointment, precondition: Precondition) -> None:
    """Raise StaleVersion, with the current tag, unless If-Match names this version or any (RFC 9110 13.1.1)."""
    current = etag(standing)
    if not precondition & {ANY_VERSION, current}:
        raise StaleVersion("Read it again and decide anew.", extra={"current_etag": current})


def themselves(actor: Actor) -> bool:
    """Tell whether the actor acts as a patient or proxy and as nothing else."""
    return bool(actor.roles) and actor.roles <= _THEMSELVES


def require_own_reason(actor: Actor, reason: CancelReason) -> None:
    """Raise Invalid when a patient or proxy gives a reason that is the clinic's to give."""
    if themselves(actor) and reason not in PATIENTS_OWN:
        raise Invalid("This reason is for staff; choose one of yours.", slug="reason-not-yours")


def hours_of(look: Look, otherwise: int) -> int:
    """Return the hours before the start within which cancelling the appointment is late."""
    return otherwise if look.late_hours is None else look.late_hours


class ChangeAppointments:
    """Applies one rule to one appointment."""

    def __init__(self, register: Register, clock: Clock, grace: GraceRules, late_hours: int) -> None:
        self._register = register
        self._clock = clock
        self._grace = grace
        self._late_hours = late_hours

    async def apply(
        self, gate: Gate, submission: Submission, action: Action, appointment_id: UUID, precondition: Precondition
    ) -> Answer:
        """Carry out one of RULES; raise NotFound, Conflict, StaleVersion or Invalid."""
        rule = RULES[action]
        return await self._change(
            gate, submission, lambda _, before, now: rule(before, now), appointment_id, precondition
        )

    async def cancel(
        self, gate: Gate, submission: Submission, appointment_id: UUID, precondition: Precondition, reason: CancelReason
    ) -> Answer:
        """Call it off for ``reason``; its place is free again at once, or kept a moment for those who wait."""
        require_own_reason(gate.actor, reason)

        def rule(look: Look, before: Appointment, now: datetime) -> Change:
            hours = hours_of(look, self._late_hours)
            return rules.cancel(before, now, reason, late=is_late(before.place.starts_at, now, hours, reason))

        return await self._change(gate, submission, rule, appointment_id, precondition)

    async def waive_late(
        self, gate: Gate, submission: Submission, appointment_id: UUID, precondition: Precondition, waiver: LateWaiver
    ) -> Answer:
        """Note that a late cancellation does not count, and why."""

        def rule(_: Look, before: Appointment, now: datetime) -> Change:
            return rules.waive_late(before, now, waiver)

        return await self._change(gate, submission, rule, appointment_id, precondition)

    async def _change(
        self, gate: Gate, submission: Submission, judge: Judge, appointment_id: UUID, precondition: Precondition
    ) -> Answer:
        now = self._clock.now()

        def decide(look: Look) -> Writing | Replay:
            before = look.appointment
            if before is None:
                raise NotFound("No such appointment.")
            entry = gate.require(appointment_resource(before, look))
            if replay := repeated(submission, look, entry):
                return replay
            change = judge(look, before, now)
            require_version(before, precondition)
            answer = Answer(200, told(change.after), etag(change.after))
            leaves = freed_by(change, new_id(), now, self._grace) if look.waiting else None
            return Writing(change, answer, (entry,), leaves=leaves)

        return await self._register.carry_out(Question(now, submission, appointment_id), decide)
