"""What losers are offered: ranked, really free, asked for once; and nothing at all when availability is out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from services.booking.ports import OpenSlot
from services.booking.usecases.alternatives import FindAlternatives
from services.contracts.slot_offer import SlotOffer
from services.kernel.clock import FixedClock
from services.kernel.errors import Unavailable
from services.kernel.resilience import deadline, remaining
from tests.services.booking.fakes import FakePlaces
from tests.services.booking.world import NOW, START, FakeSlots, World, offer


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


async def shown(find: FindAlternatives, lost: SlotOffer) -> list[str]:
    found = await find.near(lost, "pat-000001", "Bearer x")
    assert found.status == "ok"
    return [item["slot"]["slot_id"] for item in found.items]


async def test_same_clinician_first_nearest_first() -> None:
    slots = FakeSlots()
    same = [offer(START + hours(3)), offer(START - hours(1)), offer(START + hours(2))]
    near = [offer(START + hours(1), clinician="cln-2"), offer(START, clinician="cln-3")]
    far = offer(START, clinician="cln-4", facility="fac-0009")
    slots.slots = [far, *near, *same, offer(START), offer(NOW - hours(1))]
    find = FindAlternatives(slots, FakePlaces(), FixedClock(NOW))
    wanted = [same[1], same[2], same[0], near[1], near[0]]
    assert await shown(find, offer(START)) == [slot.slot_id for slot in wanted]


async def test_what_is_taken_or_clashes_is_left_out() -> None:
    slots, places = FakeSlots(), FakePlaces()
    slots.slots = [offer(START + hours(n)) for n in range(1, 5)]
    places.taken, places.busy = {slots.slots[0].slot_id}, {slots.slots[2].slot_id}
    find = FindAlternatives(slots, places, FixedClock(NOW))
    assert await shown(find, offer(START)) == [slots.slots[1].slot_id, slots.slots[3].slot_id]


async def test_a_crowd_shares_one_search() -> None:
    slots = FakeSlots()
    slots.slots = [offer(START + hours(1))]
    find = FindAlternatives(slots, FakePlaces(), FixedClock(NOW))
    crowd = await asyncio.gather(*(shown(find, offer(START)) for _ in range(200)))
    assert slots.asked == 1
    assert crowd == [[slots.slots[0].slot_id]] * 200
    await shown(find, offer(START + hours(9)))
    assert slots.asked == 2


async def test_one_who_hangs_up_does_not_end_the_search_of_others() -> None:
    slots = FakeSlots()
    slots.slots = [offer(START + hours(1))]
    find = FindAlternatives(slots, FakePlaces(), FixedClock(NOW))
    first = asyncio.create_task(shown(find, offer(START)))
    second = asyncio.create_task(shown(find, offer(START)))
    await asyncio.sleep(0)
    first.cancel()
    assert len(await second) == 1
    assert slots.asked == 1


async def test_a_crowd_does_not_inherit_the_deadline_of_its_first() -> None:
    class Patient(FakeSlots):
        async def near(self, lost: SlotOffer, now: datetime, authorization: str) -> Sequence[OpenSlot]:
            if remaining(3.0) < 3.0:
                raise Unavailable("no time left.")
            return await super().near(lost, now, authorization)

    slots = Patient()
    slots.slots = [offer(START + hours(1))]
    find = FindAlternatives(slots, FakePlaces(), FixedClock(NOW))
    with deadline(0.01):
        assert len(await shown(find, offer(START))) == 1


async def test_what_was_last_found_serves_while_availability_is_too_busy() -> None:
    slots, places = FakeSlots(), FakePlaces()
    slots.slots = [offer(START + hours(1)), offer(START + hours(2))]
    find = FindAlternatives(slots, places, FixedClock(NOW), kept_seconds=0.0)
    assert len(await shown(find, offer(START))) == 2
    slots.out, places.taken = True, {slots.slots[0].slot_id}
    assert await shown(find, offer(START)) == [slots.slots[1].slot_id]
    found = await find.near(offer(START + hours(9)), "pat-000001", "Bearer x")
    assert found.status == "unavailable"


async def test_without_availability_there_are_none_and_it_says_so() -> None:
    slots = FakeSlots()
    slots.out = True
    find = FindAlternatives(slots, FakePlaces(), FixedClock(NOW))
    found = await find.near(offer(START), "pat-000001", "Bearer x")
    assert found.as_problem() == {"alternatives": [], "alternatives_status": "unavailable"}


async def test_a_loser_sees_what_booking_knows_to_be_free(world: World) -> None:
    slots = world.slots
    assert isinstance(slots, FakeSlots)
    here, taken, clash, free, later = (offer(START + hours(n)) for n in range(5))
    elsewhere = offer(START + hours(2), clinician="cln-7")
    slots.slots = [taken, clash, free, later]
    await world.book(here, "pat-000009")
    await world.book(taken, "pat-000009")
    await world.book(elsewhere, "pat-000001")
    lost = (await world.book(here, "pat-000001")).json()
    shown_ids = [item["slot"]["slot_id"] for item in lost["alternatives"]]
    assert (shown_ids, lost["alternatives_status"]) == ([free.slot_id, later.slot_id], "ok")
    assert slots.authorizations == {"Bearer frontdesk"}


async def test_an_expired_hold_is_no_reason_to_leave_a_slot_out(world: World) -> None:
    slots = world.slots
    assert isinstance(slots, FakeSlots)
    held, other = offer(START + hours(1)), offer(START + hours(5))
    slots.slots = [held]
    await world.hold(held, "pat-000009")
    await world.book(offer(START), "pat-000008")
    await world.book(other, "pat-000007")
    assert (await world.book(offer(START), "pat-000001")).json()["alternatives"] == []
    world.clock.at += timedelta(minutes=6)
    (found,) = (await world.book(other, "pat-000001")).json()["alternatives"]
    assert found["slot"]["slot_id"] == held.slot_id
