"""Series: book several visits in one go, look at them, cancel the rest of them or all. Moving one is an ordinary move.

All of a command commits together, whatever the caller wants done about the visits that cannot be had.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.booking.domain import appointment as rules
from services.booking.domain.appointment import Appointment
from services.booking.domain.claims import PlaceLost
from services.booking.domain.freed import GraceRules, freed_by
from services.booking.domain.lateness import is_late
from services.booking.domain.lifecycle import Action, Status
from services.booking.domain.reasons import CancelReason
from services.booking.domain.series import Policy, in_order
from services.booking.ports import (
    Answer,
    Look,
    Question,
    Replay,
    SeriesRegister,
    Submission,
    Together,
    UnitOfWork,
    Writing,
)
from services.booking.usecases.alternatives import Alternatives, FindAlternatives
from services.booking.usecases.changing import hours_of, require_own_reason
from services.booking.usecases.repeating import repeated, require_same
from services.booking.usecases.taking import placement_of
from services.booking.usecases.telling import etag, told
from services.booking.usecases.touching import appointment_resource, told_resource, wanted_resource
from services.contracts.slot_offer import OfferKeys, SlotOffer
from services.kernel.access import Gate
from services.kernel.audit import AuditEntry
from services.kernel.clock import Clock
from services.kernel.errors import Conflict, NotFound
from services.kernel.ids import new_id

Lost = dict[str, PlaceLost]
# Each round knows the alternatives of more lost slots; a series is no longer than this.
ROUNDS = 8


class _AskFirst(Exception):
    """Slots were lost whose alternatives nobody has looked for yet; nothing was written."""

    def __init__(self, lost: Lost) -> None:
        super().__init__()
        self.lost = lost


class Series:
    """Visits booked together."""

    def __init__(
        self,
        register: SeriesRegister,
        work: UnitOfWork,
        offers: OfferKeys,
        alternatives: FindAlternatives,
        clock: Clock,
        lost: Callable[[str], None],
        grace: GraceRules,
        late_hours: int,
    ) -> None:
        self._register = register
        self._work = work
        self._offers = offers
        self._alternatives = alternatives
        self._clock = clock
        self._lost = lost
        self._grace = grace
        self._late_hours = late_hours

    async def book(
        self, gate: Gate, submission: Submission, tokens: Sequence[str], patient_id: str, policy: Policy,
        authorization: str,
    ) -> Answer:  # fmt: skip
        """Book every offer, or by ``policy`` those that can be had; Conflict with alternatives when it is none."""
        now = self._clock.now()
        if replay := await self._repeated(gate, submission, Question(now, submission, patient_id=patient_id)):
            return replay
        offers = in_order([self._offers.read(token, now) for token in tokens])
        questions = [Question(now, submission, patient_id=patient_id, offer=offer) for offer in offers]
        found: dict[str, Alternatives] = {}

        def decide(looks: Sequence[Look]) -> Together | Replay:
            return self._decide(gate, submission, policy, patient_id, offers, looks, found)

        for _ in range(ROUNDS):
            try:
                return await self._register.carry_out_together(submission, questions, decide)
            except _AskFirst as ask:
                for slug in sorted(refusal.slug for refusal in ask.lost.values()):
                    self._lost(slug)
                wanted = [offer for offer in offers if offer.slot_id in ask.lost]
                near = await asyncio.gather(
                    *(self._alternatives.near(offer, patient_id, authorization) for offer in wanted)
                )
                found |= {offer.slot_id: one for offer, one in zip(wanted, near, strict=True)}
        raise Conflict("The slots are being taken one after another; search again.", slug="slot-taken")

    async def one(self, gate: Gate, series_id: UUID) -> Sequence[Appointment]:
        """Return the visits of a series by start; raise NotFound."""
        async with self._work() as store:
            found = await store.of_series(series_id)
            if not found:
                raise NotFound("No such series.")
            known = await store.patient(found[0].patient_id, self._clock.now())
            # Labelled visits are left out of lists that name a patient, unless all of them are: then it is refused.
            shown = [one for one in found if gate.allows(appointment_resource(one, known))]
            for appointment in shown or found:
                await store.audit(gate.require(appointment_resource(appointment, known)))
            return shown

    async def cancel(
        self, gate: Gate, submission: Submission, series_id: UUID, since: UUID | None, reason: CancelReason
    ) -> Answer:
        """Cancel what is still booked and ahead, from the visit ``since`` on or all of it; the past stays as it was."""
        require_own_reason(gate.actor, reason)
        now = self._clock.now()
        async with self._work() as store:
            found = await store.of_series(series_id)
        if not found or (since is not None and since not in {one.id for one in found}):
            raise NotFound("No such series, or it has no such visit.")
        begin = next((n for n, one in enumerate(found) if one.id == since), 0)
        questions = [Question(now, submission, one.id) for one in found[begin:]]

        def decide(looks: Sequence[Look]) -> Together | Replay:
            entries = [_allowed(gate, look) for look in looks]
            if replay := repeated(submission, looks[0], entries[0]):
                return replay
            writings: list[Writing | None] = []
            for look, entry in zip(looks, entries, strict=True):
                writings.append(self._cancelled(look, entry, reason))
            done = [writing for writing in writings if writing is not None]
            if not done:
                raise Conflict("Nothing of it is ahead any more.", slug="nothing-to-cancel")
            shown = [w.answer.body if w else told(_standing(look)) for w, look in zip(writings, looks, strict=True)]
            answer = Answer(200, {"series_id": str(series_id), "appointments": shown, "missed": []}, "")
            return Together(tuple(writings), answer, series_id)

        return await self._register.carry_out_together(submission, questions, decide)

    def _cancelled(self, look: Look, entry: AuditEntry, reason: CancelReason) -> Writing | None:
        before, now = _standing(look), self._clock.now()
        if before.status is not Status.BOOKED or before.place.starts_at <= now:
            return None
        late = is_late(before.place.starts_at, now, hours_of(look, self._late_hours), reason)
        change = rules.cancel(before, now, reason, late=late)
        leaves = freed_by(change, new_id(), now, self._grace) if look.waiting else None
        return Writing(change, Answer(200, told(change.after), etag(change.after)), (entry,), leaves=leaves)

    def _decide(
        self, gate: Gate, submission: Submission, policy: Policy, patient_id: str, offers: Sequence[SlotOffer],
        looks: Sequence[Look], found: Mapping[str, Alternatives],
    ) -> Together | Replay:  # fmt: skip
        now, series_id = self._clock.now(), new_id()
        lost: Lost = {}
        writings: list[Writing | None] = []
        entries = [
            gate.require(wanted_resource(offer.slot_id, offer, patient_id, look, look.label))
            for offer, look in zip(offers, looks, strict=True)
        ]
        if replay := repeated(submission, looks[0], entries[0]):
            return replay
        for offer, look, entry in zip(offers, looks, entries, strict=True):
            try:
                placement = placement_of(look, offer, patient_id, now)
            except PlaceLost as refusal:
                lost[offer.slot_id] = refusal
                writings.append(None)
                continue
            change = rules.create(Action.BOOK, new_id(), patient_id, placement.place, now, None, look.label, series_id)
            answer = Answer(201, told(change.after), etag(change.after))
            writings.append(Writing(change, answer, (entry,), placement.expired, emptied=placement.emptied))
        if lost.keys() - found.keys():
            raise _AskFirst({slot: lost[slot] for slot in lost.keys() - found.keys()})
        missed = [_missed(offer, lost[offer.slot_id], found) for offer in offers if offer.slot_id in lost]
        done = [writing for writing in writings if writing is not None]
        if not done or (lost and policy is Policy.ALL_OR_NOTHING):
            detail = "Not every visit of the series can be had; nothing was booked."
            raise Conflict(detail, slug="series-incomplete", extra={"missed": missed})
        body = {"series_id": str(series_id), "appointments": [w.answer.body for w in done], "missed": missed}
        return Together(tuple(writings), Answer(201, body, ""), series_id)

    async def _repeated(self, gate: Gate, submission: Submission, question: Question) -> Answer | None:
        """Return the earlier answer without looking at the offers, which may have expired since."""
        if (await self._register.look(question)).stored is None:
            return None

        def decide(look: Look) -> Replay:
            assert look.stored is not None, "answers are kept for days"
            require_same(submission, look)
            entries = [gate.require(told_resource(shown, look)) for shown in look.stored.answer.body["appointments"]]
            return Replay(look.stored.answer, entries[0])

        return await self._register.carry_out(question, decide)


def _missed(offer: SlotOffer, refusal: PlaceLost, found: Mapping[str, Alternatives]) -> dict[str, Any]:
    wanted = {"slot_id": offer.slot_id, "starts_at": offer.starts_at.isoformat().replace("+00:00", "Z")}
    return {**wanted, "reason": refusal.slug, "detail": refusal.detail, **found[offer.slot_id].as_problem()}


def _allowed(gate: Gate, look: Look) -> AuditEntry:
    return gate.require(appointment_resource(_standing(look), look))


def _standing(look: Look) -> Appointment:
    assert look.appointment is not None, "appointments are never deleted"
    return look.appointment
