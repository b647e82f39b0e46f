"""Commands decided without a database: the order of refusals, what is written down, what a lost race does."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.booking.domain.claims import PlaceLost
from services.booking.domain.freed import GraceRules
from services.booking.domain.lifecycle import Action
from services.booking.domain.reasons import CancelReason
from services.booking.ports import Answer
from services.booking.usecases.alternatives import FindAlternatives
from services.booking.usecases.changing import ANY_VERSION, ChangeAppointments, Precondition
from services.booking.usecases.repeating import submission
from services.booking.usecases.taking import Request, TakeSlots
from services.contracts.slot_offer import OfferKeys, SlotOffer
from services.kernel.access import AccessRefused, Gate
from services.kernel.clock import FixedClock
from services.kernel.errors import CareslotError, Conflict, NotFound, StaleVersion
from tests.fixtures.edge import POLICIES
from tests.services.booking.fakes import FakePlaces, FakeRegister, rival_of
from tests.services.booking.world import ACTORS, NOW, START, FakeSlots, offer, settings_for, signing_key

HELD_FOR = timedelta(minutes=5)
ANY: Precondition = frozenset({ANY_VERSION})
GATES = {
    Action.CONFIRM: "confirm-hold", Action.RELEASE: "release-hold", Action.CHECK_IN: "check-in",
    Action.COMPLETE: "complete-visit", Action.NO_SHOW: "record-no-show",
}  # fmt: skip


@dataclass
class Desk:
    """Use cases over fakes."""

    register: FakeRegister = field(default_factory=FakeRegister)
    slots: FakeSlots = field(default_factory=FakeSlots)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    lost: list[str] = field(default_factory=list)

    @property
    def take(self) -> TakeSlots:
        keys = OfferKeys(settings_for("").offer_key_set())
        alternatives = FindAlternatives(self.slots, FakePlaces(), self.clock)
        return TakeSlots(self.register, keys, alternatives, self.clock, self.lost.append, GraceRules())

    def gate(self, action: str, who: str) -> Gate:
        return Gate(POLICIES, self.clock, service="booking", action=action, actor=ACTORS[who], correlation_id="c")

    def request(self, action: str, slot: SlotOffer, who: str, key: str) -> Request:
        token = signing_key().sign(slot, self.clock.now())
        asked = submission(ACTORS[who].subject, key or str(uuid4()), action, {"slot": slot.slot_id})
        return Request(self.gate(action, who), asked, token, "Bearer x")

    async def book(self, slot: SlotOffer, patient: str = "pat-000001", who: str = "frontdesk", key: str = "") -> Answer:
        return await self.take.book(self.request("book-appointment", slot, who, key), patient)

    async def hold(self, slot: SlotOffer, patient: str = "pat-000001", who: str = "frontdesk") -> Answer:
        return await self.take.hold(self.request("hold-slot", slot, who, ""), patient, HELD_FOR)

    async def move(
        self, answer: Answer, slot: SlotOffer, who: str = "frontdesk", precondition: Precondition = ANY
    ) -> Answer:
        request = self.request("move-appointment", slot, who, "")
        return await self.take.move(request, UUID(answer.body["id"]), precondition)

    async def apply(
        self, action: Action, id_: str, who: str = "frontdesk", key: str = "", precondition: Precondition = ANY
    ) -> Answer:
        asked = submission(ACTORS[who].subject, key or str(uuid4()), action, {"id": id_})
        change = ChangeAppointments(self.register, self.clock, GraceRules(), 24)
        return await change.apply(self.gate(GATES[action], who), asked, action, UUID(id_), precondition)

    async def cancel(self, answer: Answer, precondition: Precondition = ANY) -> Answer:
        asked = submission("sub-frontdesk", str(uuid4()), "cancel", {})
        gate = self.gate("cancel-appointment", "frontdesk")
        change = ChangeAppointments(self.register, self.clock, GraceRules(), 24)
        return await change.cancel(gate, asked, UUID(answer.body["id"]), precondition, CancelReason.OTHER_ORDER_ERROR)


async def refusal(attempt: object) -> CareslotError:
    with pytest.raises(CareslotError) as raised:
        await attempt  # type: ignore[misc]  # a coroutine of any command
    return raised.value


async def test_every_change_carries_its_audit_and_answer() -> None:
    desk = Desk()
    held = await desk.hold(offer())
    booked = await desk.apply(Action.CONFIRM, held.body["id"])
    moved = await desk.move(booked, offer(START + timedelta(hours=1)))
    await desk.cancel(moved)
    actions = [[entry.action for entry in writing.audit] for writing in desk.register.written]
    assert actions == [
        ["hold-slot"], ["confirm-hold"], ["move-appointment", "move-appointment"], ["cancel-appointment"],
    ]  # fmt: skip
    assert {entry.about for entry in desk.register.audited} == {"pat-000001"}
    tags = [writing.answer.etag for writing in desk.register.written]
    assert tags == ['"1"', '"2"', '"3"', '"4"']


async def test_the_order_of_refusals() -> None:
    desk = Desk()
    booked = await desk.book(offer())
    id_, stale = booked.body["id"], frozenset({'"9"'})
    await desk.apply(Action.CHECK_IN, id_, key="key-1")
    # Unknown, before anything is asked of the policies.
    assert isinstance(await refusal(desk.apply(Action.COMPLETE, str(uuid4()), "elsewhere")), NotFound)
    # Not allowed, before the key, the status or the version are looked at.
    refused = await refusal(desk.apply(Action.CHECK_IN, id_, "elsewhere", "key-1", stale))
    assert isinstance(refused, AccessRefused)
    # The key, before the status: the same request is answered again whatever has become of the appointment.
    again = await desk.apply(Action.CHECK_IN, id_, key="key-1", precondition=stale)
    assert again.body["status"] == "checked-in"
    other = await refusal(desk.apply(Action.COMPLETE, id_, key="key-1", precondition=stale))
    assert other.slug == "idempotency-key-reused"
    # The status, before the version.
    assert (await refusal(desk.apply(Action.CHECK_IN, id_, precondition=stale))).slug == "not-in-this-status"
    assert isinstance(await refusal(desk.apply(Action.COMPLETE, id_, precondition=stale)), StaleVersion)


async def test_a_refused_caller_learns_nothing_of_the_slot_and_costs_no_search() -> None:
    desk = Desk()
    await desk.book(offer(), "pat-000002")
    assert isinstance(await refusal(desk.book(offer(), "pat-000001", "elsewhere")), AccessRefused)
    assert (desk.lost, desk.slots.asked) == ([], 0)


async def test_a_rival_in_the_last_moment_is_seen_on_the_second_look() -> None:
    desk = Desk()
    there = (await desk.book(offer(depth=2), "pat-000009")).body["id"]
    rival = rival_of(desk.register.appointments.pop(UUID(there)), uuid4(), "pat-000008")
    desk.register.rivals = [rival]
    desk.register.looks = 0
    booked = await desk.book(offer(depth=2), "pat-000001")
    assert (booked.body["lane"], desk.register.looks) == (1, 2)
    lost = await refusal(desk.book(offer(depth=2), "pat-000003"))
    assert (lost.slug, desk.lost) == ("slot-taken", ["slot-taken"])
    assert lost.extra == {"alternatives": [], "alternatives_status": "ok"}


async def test_races_lost_without_end_are_a_taken_slot() -> None:
    desk = Desk()
    booked = await desk.book(offer(), "pat-000009")
    model = desk.register.appointments[UUID(booked.body["id"])]
    elsewhere = [rival_of(model, uuid4(), f"pat-{n}") for n in range(40)]
    desk.register.rivals = elsewhere
    assert (await refusal(desk.book(offer(START + timedelta(hours=3)), "pat-000001"))).slug == "slot-taken"


@pytest.mark.parametrize(
    ("state", "slug", "searched"),
    [({"blocked": True}, "slot-withdrawn", 1), ({"patient_active": False}, "patient-inactive", 0)],
)
async def test_what_booking_knows_of_others_refuses(state: dict[str, bool], slug: str, searched: int) -> None:
    desk = Desk(FakeRegister(**state))  # type: ignore[arg-type]  # both are booleans
    assert (await refusal(desk.book(offer()))).slug == slug
    assert desk.slots.asked == searched


async def test_an_old_offer_is_refused_unless_it_was_used_under_this_key() -> None:
    desk = Desk()
    token = signing_key().sign(offer(), NOW)
    asked = submission("sub-frontdesk", "key-1", "book", {})
    first = await desk.take.book(Request(desk.gate("book-appointment", "frontdesk"), asked, token, ""), "pat-000001")
    desk.clock.at += timedelta(hours=1)
    again = await desk.take.book(Request(desk.gate("book-appointment", "frontdesk"), asked, token, ""), "pat-000001")
    assert again == first
    assert len(desk.register.written) == 1
    fresh = submission("sub-frontdesk", "key-2", "book", {})
    late = desk.take.book(Request(desk.gate("book-appointment", "frontdesk"), fresh, token, ""), "pat-000001")
    assert (await refusal(late)).slug == "offer-expired"
    other = submission("sub-frontdesk", "key-1", "book", {"another": "request"})
    reused = desk.take.book(Request(desk.gate("book-appointment", "frontdesk"), other, token, ""), "pat-000001")
    assert (await refusal(reused)).slug == "idempotency-key-reused"


async def test_a_hold_in_the_way_goes_only_once_it_has_expired() -> None:
    desk = Desk()
    held = await desk.hold(offer(), "pat-000009")
    assert isinstance(await refusal(desk.book(offer())), Conflict)
    desk.clock.at += HELD_FOR
    await desk.book(offer())
    assert desk.register.written[-1].expired == {UUID(held.body["id"])}
    assert desk.register.appointments[UUID(held.body["id"])].reason == "hold-expired"
    assert issubclass(PlaceLost, Conflict)
