"""Taking a slot: hold, book, move. The three commands that can lose a race, and say what is open instead."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.booking.domain import appointment as rules
from services.booking.domain.claims import PlaceLost, Placement, SlotTaken, SlotWithdrawn, place
from services.booking.domain.freed import FreedSlotGone, FreedState, GraceRules, end, freed_by
from services.booking.domain.lifecycle import Action
from services.booking.ports import Answer, Decide, Look, Question, Register, Replay, Submission, Writing
from services.booking.usecases.alternatives import FindAlternatives
from services.booking.usecases.changing import Precondition, require_version
from services.booking.usecases.repeating import repeated, require_same
from services.booking.usecases.telling import etag, told
from services.booking.usecases.touching import appointment_resource, told_resource, wanted_resource
from services.contracts.security_labels import SecurityLabel, strictest
from services.contracts.slot_offer import OfferKeys, SlotOffer
from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.errors import Conflict, Invalid, NotFound
from services.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Request:
    """A command that takes a slot: the signed offer, who is asking, and the caller's own credentials for one hop.

    ``label`` is what the caller asks for; the visit gets the stricter one of it and its visit type's.
    """

    gate: Gate
    submission: Submission
    offer: str
    authorization: str
    label: SecurityLabel = SecurityLabel.NORMAL


class TakeSlots:
    """Hold, book and move, decided here and settled by the register. ``lost`` is told of each lost race."""

    def __init__(
        self,
        register: Register,
        offers: OfferKeys,
        alternatives: FindAlternatives,
        clock: Clock,
        lost: Callable[[str], None],
        grace: GraceRules,
    ) -> None:
        self._register = register
        self._offers = offers
        self._alternatives = alternatives
        self._clock = clock
        self._lost = lost
        self._grace = grace

    async def hold(self, request: Request, patient_id: str, keep: timedelta) -> Answer:
        """Hold the offered slot for ``patient_id`` during ``keep``; Conflict when it cannot be had."""
        return await self._create(request, patient_id, Action.HOLD, keep)

    async def book(self, request: Request, patient_id: str) -> Answer:
        """Book the offered slot for ``patient_id``; Conflict when it cannot be had."""
        return await self._create(request, patient_id, Action.BOOK, None)

    async def move(self, request: Request, appointment_id: UUID, precondition: Precondition) -> Answer:
        """Move an appointment to the offered slot, or change nothing."""
        now = self._clock.now()
        question = Question(now, request.submission, appointment_id)
        standing = (await self._register.look(question)).appointment
        if standing is None:
            raise NotFound("No such appointment.")
        offer = await self._read(request, question)
        if isinstance(offer, Answer):
            return offer
        patient_id = standing.patient_id

        def decide(look: Look) -> Writing | Replay:
            before = look.appointment
            if before is None:
                raise NotFound("No such appointment.")
            former = request.gate.require(appointment_resource(before, look))
            if replay := repeated(request.submission, look, former):
                return replay
            wanted = request.gate.require(wanted_resource(str(before.id), offer, patient_id, look, look.label))
            # The place it has now stands in for the new one, to ask the lifecycle before the version.
            rules.move(before, now, before.place)
            require_version(before, precondition)
            placement = placement_of(look, offer, patient_id, now, own=before.id)
            change = rules.move(before, now, placement.place, look.label)
            answer = Answer(200, told(change.after), etag(change.after))
            leaves = freed_by(change, new_id(), now, self._grace) if look.waiting else None
            return Writing(change, answer, (former, wanted), placement.expired, leaves, emptied=placement.emptied)

        asked = Question(now, request.submission, appointment_id, patient_id, offer)
        return await self._settle(asked, decide, request, patient_id, offer)

    async def book_freed(self, request: Request, patient_id: str, freed_id: UUID) -> Answer:
        """Book a freed slot for the patient whom waitlist offered it; Conflict when it is kept no more.

        Nothing else is searched when it is lost: waitlist is calling, and one hop is all there may be.
        """
        now = self._clock.now()
        question = Question(now, request.submission, patient_id=patient_id)

        def read() -> SlotOffer:
            reserved = self._offers.read_reserved(request.offer, now)
            if (reserved.patient_id, reserved.freed_id) != (patient_id, freed_id):
                raise Invalid("The offer is for another patient or another slot.", slug="offer-not-yours")
            return reserved.offer

        offer = await self._read(request, question, read)
        if isinstance(offer, Answer):
            return offer

        def decide(look: Look) -> Writing | Replay:
            label = strictest((look.label, request.label))
            entry = request.gate.require(wanted_resource(offer.slot_id, offer, patient_id, look, label))
            if replay := repeated(request.submission, look, entry):
                return replay
            freed = look.freed
            if freed is None or not freed.held(now) or freed.place.slot_id != offer.slot_id:
                raise FreedSlotGone
            _require_bookable(look, offer, now)
            # Asked for the patient's sake alone: the place itself is the freed slot's, lanes and all.
            placement = place(offer, patient_id, look.taken, now, freed_id)
            # Who needs no interpreter is offered the slot without theirs: that part of the place goes back.
            change = rules.create(
                Action.BOOK, new_id(), patient_id, freed.place.only(offer.resources), now, None, label
            )
            answer = Answer(201, told(change.after), etag(change.after))
            taken = end(freed, FreedState.TAKEN, now)
            return Writing(change, answer, (entry,), placement.expired, takes=taken)

        asked = Question(now, request.submission, patient_id=patient_id, offer=offer, freed_id=freed_id)
        try:
            return await self._register.carry_out(asked, decide)
        except PlaceLost as refusal:
            self._lost(refusal.slug)
            raise Conflict(refusal.detail, slug=refusal.slug) from None

    async def _create(self, request: Request, patient_id: str, action: Action, keep: timedelta | None) -> Answer:
        now = self._clock.now()
        offer = await self._read(request, Question(now, request.submission, patient_id=patient_id))
        if isinstance(offer, Answer):
            return offer

        def decide(look: Look) -> Writing | Replay:
            label = strictest((look.label, request.label))
            entry = request.gate.require(wanted_resource(offer.slot_id, offer, patient_id, look, label))
            if replay := repeated(request.submission, look, entry):
                return replay
            placement = placement_of(look, offer, patient_id, now)
            expires = now + keep if keep else None
            change = rules.create(action, new_id(), patient_id, placement.place, now, expires, label)
            answer = Answer(201, told(change.after), etag(change.after))
            return Writing(change, answer, (entry,), placement.expired, emptied=placement.emptied)

        asked = Question(now, request.submission, patient_id=patient_id, offer=offer)
        return await self._settle(asked, decide, request, patient_id, offer)

    async def _settle(
        self, asked: Question, decide: Decide, request: Request, patient_id: str, offer: SlotOffer
    ) -> Answer:
        try:
            return await self._register.carry_out(asked, decide)
        except PlaceLost as refusal:
            self._lost(refusal.slug)
            found = await self._alternatives.near(offer, patient_id, request.authorization)
            raise Conflict(refusal.detail, slug=refusal.slug, extra=found.as_problem()) from None

    async def _read(
        self, request: Request, question: Question, read: Callable[[], SlotOffer] | None = None
    ) -> SlotOffer | Answer:
        """Return the offer; or, when it is too old but the command succeeded with it before, that answer again."""
        try:
            return read() if read else self._offers.read(request.offer, question.now)
        except Conflict as expired:
            # Kept under another name: Python drops the exception's when the clause ends, decide runs inside it.
            refusal = expired

            def decide(look: Look) -> Replay:
                if look.stored is None:
                    raise refusal
                require_same(request.submission, look)
                entry = request.gate.require(told_resource(look.stored.answer.body, look))
                return Replay(look.stored.answer, entry)

            return await self._register.carry_out(question, decide)


def placement_of(look: Look, offer: SlotOffer, patient_id: str, now: datetime, own: UUID | None = None) -> Placement:
    """Return the place ``offer`` becomes; raise PlaceLost, or Conflict when it cannot be booked by anyone."""
    _require_bookable(look, offer, now)
    if look.session_open and not look.session_free:
        raise SlotTaken
    return place(offer, patient_id, look.taken, now, own)


def _require_bookable(look: Look, offer: SlotOffer, now: datetime) -> None:
    if not look.patient_active:
        raise Conflict("The patient's record is closed.", slug="patient-inactive")
    if now >= offer.starts_at:
        raise Conflict("The slot has begun or passed; search again.", slug="too-late")
    if look.blocked:
        raise SlotWithdrawn
