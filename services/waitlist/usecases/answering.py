"""Looking at an offer and answering it. A link only shows it: an answer needs the patient's (or a proxy's) sign-in.

Booking decides who gets the slot; accepting is safe to repeat because booking gives the same caller the same answer.
"""

from uuid import UUID

from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.errors import Conflict, NotFound
from services.waitlist.domain.offers import Offer, OfferState, require_open
from services.waitlist.ports import Booking, Signer, Store, UnitOfWork
from services.waitlist.usecases.ending import accept_offer, end_offer
from services.waitlist.usecases.touching import request_resource


class Answers:
    """Shows offers and takes answers."""

    def __init__(self, work: UnitOfWork, booking: Booking, sign: Signer, clock: Clock) -> None:
        self._work = work
        self._booking = booking
        self._sign = sign
        self._clock = clock

    async def read(self, gate: Gate, offer_id: UUID) -> Offer:
        """Return an offer; raise NotFound or AccessRefused."""
        async with self._work() as store:
            return await self._enter(store, gate, offer_id)

    async def decline(self, gate: Gate, offer_id: UUID) -> Offer:
        """Turn an offer down; who declined stays on the list. Raise Conflict when it cannot be answered any more."""
        async with self._work() as store:
            offer = await self._enter(store, gate, offer_id, lock=True)
            if offer.state is OfferState.DECLINED:
                return offer
            require_open(offer, self._clock.now())
            return await end_offer(store, offer, OfferState.DECLINED, self._clock.now())

    async def accept(self, gate: Gate, offer_id: UUID, authorization: str) -> Offer:
        """Book the offered slot in the caller's name; raise Conflict, in kind words, when it cannot be had."""
        now = self._clock.now()
        subject = gate.actor.subject
        async with self._work() as store:
            offer = await self._enter(store, gate, offer_id)
        if offer.state is OfferState.ACCEPTED and offer.accepted_by == subject and offer.appointment_id:
            return offer
        if not (offer.state is OfferState.ACCEPTED and offer.accepted_by in {"", subject}):
            require_open(offer, now)
        try:
            appointment_id = await self._booking.book(offer, self._sign(offer, now), authorization)
        except Conflict as refusal:
            async with self._work() as store:
                current = await store.offer(offer_id) or offer
            if refusal.slug == "patient-busy":
                raise Conflict(
                    "You already have a visit at that time. Move or cancel it first, then accept this offer.",
                    slug="patient-busy",
                ) from None
            if current.state is not OfferState.OPEN:
                require_open(current, now)
            raise Conflict(
                "Somebody else was a moment faster. You are still on the list and will hear of the next one.",
                slug="offer-gone",
            ) from None
        async with self._work() as store:
            # The slot is locked before the offer, as everywhere.
            await store.close_freed(offer.freed_id, None, offer.slot.starts_at)
            current = await store.offer(offer_id, lock=True) or offer
            return await accept_offer(store, current, subject, appointment_id, self._clock.now())

    async def _enter(self, store: Store, gate: Gate, offer_id: UUID, *, lock: bool = False) -> Offer:
        offer = await store.offer(offer_id, lock=lock)
        # One that nobody was told of is nobody's to see.
        if offer is None or offer.state in {OfferState.SECURING, OfferState.VOID}:
            raise NotFound("No such offer.")
        circle = await store.circle_of(offer.patient_id, self._clock.now())
        facilities, label = frozenset({offer.slot.facility_id}), await store.label_of(offer.slot.visit_type)
        resource = request_resource(offer.request_id, offer.patient_id, circle, facilities, label)
        await store.audit(gate.require(resource))
        return offer
