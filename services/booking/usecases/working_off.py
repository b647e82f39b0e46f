"""Working disruptions off, round by round: find visits, ask their patients, list whom to call, cancel at the last.

All of it is read from the tables, so a crash between two steps costs a round. Two processes may go round at once:
every step names the state it starts from, and only who changes it tells of it.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from services.booking.domain import appointment as rules_of_appointments
from services.booking.domain.disruption import Cause, DisruptedVisit, Disruption, DisruptionRules, answer_by
from services.booking.ports import Answer, DisruptionWork, Look, Question, Register, Replay, Writing
from services.booking.usecases.repeating import submission
from services.booking.usecases.replacing import FindReplacements
from services.booking.usecases.telling import etag, told
from services.kernel.actor import system_actor
from services.kernel.audit import AuditEntry
from services.kernel.clock import Clock
from services.kernel.errors import Conflict, NotFound, Unavailable
from services.kernel.ids import new_id
from services.kernel.telemetry import correlation_id

ASKED_A_ROUND = 200
CANCELLED_A_ROUND = 50
SYSTEM = "booking"


class WorkOffDisruptions:
    """One round after the other; see ``round``."""

    def __init__(
        self, work: DisruptionWork, register: Register, replace: FindReplacements, clock: Clock, rules: DisruptionRules
    ) -> None:
        self._work = work
        self._register = register
        self._replace = replace
        self._clock = clock
        self._rules = rules

    async def round(self) -> Counter[str]:
        """Go round once; return how many visits took which step."""
        done: Counter[str] = Counter()
        now = self._clock.now()
        async with self._work() as store:
            running = await store.running(now)
        for disruption in running:
            async with self._work() as store:
                done["found"] += await store.find_visits(disruption, now)
        done["asked"] += await self._ask()
        async with self._work() as store:
            done["to-call"] += await store.give_up_waiting(self._clock.now())
        done["cancelled"] += await self._cancel()
        return +done

    async def _ask(self) -> int:
        """Ask the patients of visits nobody was asked about; one search does for all that are alike."""
        async with self._work() as store:
            found = await store.found(ASKED_A_ROUND)
        alike: defaultdict[tuple[str, ...], list[DisruptedVisit]] = defaultdict(list)
        for visit in found:
            day = visit.starts_at.date().isoformat()
            alike[visit.clinician_id, visit.facility_id, visit.specialty, visit.visit_type, day].append(visit)
        return sum([await self._ask_alike(visits) for visits in alike.values()])

    async def _ask_alike(self, visits: Sequence[DisruptedVisit]) -> int:
        try:
            candidates = await self._replace.candidates(visits[0])
        except Unavailable:
            async with self._work() as store:
                since = await store.waiting_since([visit.id for visit in visits])
            if since is not None and self._clock.now() - since < self._rules.patience:
                return 0
            candidates = ()
        async with self._work() as store:
            shown = Counter(await store.shown([one.offer.slot_id for one in candidates]))
        chosen = [await self._replace.choose(visit, candidates, shown) for visit in visits]
        now, asked = self._clock.now(), 0
        async with self._work() as store:
            for visit, items in zip(visits, chosen, strict=True):
                asked += await store.ask(visit, items, answer_by(now, visit.starts_at, self._rules.window), now)
        return asked

    async def _cancel(self) -> int:
        """Cancel what nobody found another time for: better a cancelled visit than a patient before a closed door."""
        until = self._clock.now() + self._rules.last_moment
        async with self._work() as store:
            due = await store.last_moment(until, CANCELLED_A_ROUND)
        return sum([await self._cancel_one(disruption, visit) for disruption, visit in due])

    async def _cancel_one(self, disruption: Disruption, visit: DisruptedVisit) -> int:
        now = self._clock.now()
        asked = submission(system_actor(SYSTEM).subject, f"disruption-{visit.id}", "cancel", {"visit": str(visit.id)})

        def decide(look: Look) -> Writing | Replay:
            if look.appointment is None:
                raise NotFound("No such appointment.")
            entry = _by_system(visit, now)
            if look.stored is not None:
                return Replay(look.stored.answer, entry)
            change = rules_of_appointments.cancel(look.appointment, now, disruption.reason)
            return Writing(change, Answer(200, told(change.after), etag(change.after)), (entry,))

        try:
            await self._register.carry_out(Question(now, asked, visit.appointment_id), decide)
        except Conflict:
            # It began, or was changed this moment: somebody has to look at it, and this round must not stop here.
            async with self._work() as store:
                await store.call_about(visit.id, Cause.BEGUN, now)
            return 0
        return 1


def _by_system(visit: DisruptedVisit, now: datetime) -> AuditEntry:
    actor = system_actor(SYSTEM)
    return AuditEntry(
        id=new_id(), at=now, service=SYSTEM, action="cancel-disrupted", outcome="allowed", subject=actor.subject,
        roles=tuple(actor.roles), person="", resource_type="Appointment", resource_id=str(visit.appointment_id),
        about=visit.patient_id, reason="", policies=(), correlation_id=correlation_id(),
        facilities=(visit.facility_id,),
    )  # fmt: skip
