"""A clinician's sick day or a closure: every patient is asked, told and listed, and one wins each other time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from services.contracts.events.availability import ClosureRecorded, LeaveRecorded, LeaveWithdrawn
from tests.services.booking.disrupting import (
    DAY,
    MINUTES,
    MORNING,
    OTHER_DAY,
    booked,
    seen,
    sent,
    sick,
    slots,
    take,
    visit_of,
)
from tests.services.booking.invariants import assert_sound
from tests.services.booking.world import NOW, START, World, offer


async def test_a_sick_day_is_worked_off_and_every_patient_is_accounted_for(world: World) -> None:
    made = await booked(world, 5)
    elsewhere = (await world.book(offer(OTHER_DAY + timedelta(days=3)), "pat-000009")).json()
    world.replacements.slots = [*slots(3, OTHER_DAY), *slots(3, MORNING, clinician="cln-00002")]
    await sick(world)
    assert (await seen(world))["states"]["found"] == 5
    assert await world.due.disruptions.round() == {"asked": 5}
    assert (await world.events()).count("booking.visit-disrupted.v1") == 5
    assert len(world.replacements.asked) == 1, "one search does for all visits that are alike"
    assert await world.due.disruptions.round() == {}
    visits = [await visit_of(world, one) for one in made]
    await sent(world, visits[0])
    await sent(world, visits[1], reason="no-contact")
    await sent(world, visits[2], reason="opted-out")
    told = await seen(world)
    assert (told["affected"], told["told"], told["on_the_way"]) == (5, 1, 2)
    assert told["not_reached"] == {"no-contact": 1, "opted-out": 1}
    assert told["to_call"] == {"not-reached": 2}
    world.clock.at += timedelta(hours=5)
    assert await world.due.disruptions.round() == {"to-call": 3}
    told = await seen(world)
    assert told["to_call"] == {"not-reached": 4, "no-answer": 1}
    assert told["not_reached"] == {"no-contact": 1, "opted-out": 1, "no-word": 2}
    calls = (await world.client("frontdesk").get("/facilities/fac-0001/calls")).json()["visits"]
    assert [call["appointment_id"] for call in calls] == [one["id"] for one in made]
    assert [line["outcome"] for line in calls[0]["tellings"]] == ["sent"]
    called = await world.post(f"/disrupted-visits/{visits[1]}/calls", {"outcome": "reached"})
    assert called.status_code == 201
    assert [(line["channel"], line["told_by"]) for line in called.json()["tellings"]] == [
        ("email", "notifications"), ("phone", "sub-frontdesk"),
    ]  # fmt: skip
    assert (await seen(world))["told"] == 2
    # What nobody settled is cancelled before the first patient stands before a closed door, the untouched visit stays.
    world.clock.at = MORNING - 10 * MINUTES
    assert await world.due.disruptions.round() == {"cancelled": 1}
    gone = (await world.client("frontdesk").get(f"/appointments/{made[0]['id']}")).json()
    assert (gone["status"], gone["reason"], gone["late_cancel"]) == ("cancelled", "prov-pers", False)
    assert (await world.client("frontdesk").get(f"/appointments/{elsewhere['id']}")).json()["status"] == "booked"
    await assert_sound(world)


async def test_two_want_the_same_time_one_wins_and_the_other_is_shown_new_ones(world: World) -> None:
    first, second = await booked(world, 2)
    world.replacements.slots = slots(1, OTHER_DAY)
    await sick(world)
    await world.due.disruptions.round()
    only = world.replacements.slots[0].slot_id
    ones, twos = await visit_of(world, first), await visit_of(world, second)
    shown = (await world.client("maria").get(f"/disrupted-visits/{ones}")).json()
    assert [one["slot"]["slot_id"] for one in shown["alternatives"]] == [only]
    world.replacements.slots += slots(1, OTHER_DAY + 20 * MINUTES)
    answers = await asyncio.gather(
        world.post(f"/disrupted-visits/{ones}/accept", {"slot_id": only}, who="maria", key="k"),
        world.post(f"/disrupted-visits/{twos}/accept", {"slot_id": only}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    lost = next(answer.json() for answer in answers if answer.status_code == 409)
    assert [one["slot"]["slot_id"] for one in lost["alternatives"]] == [world.replacements.slots[1].slot_id]
    other = ones if answers[0].status_code == 409 else twos
    again = await world.post(
        f"/disrupted-visits/{other}/accept", {"slot_id": world.replacements.slots[1].slot_id}, who="callcenter"
    )
    assert again.status_code == 200
    assert (await seen(world))["states"]["rebooked"] == 2
    assert (await world.events()).count("booking.visit-disruption-ended.v1") == 2
    await assert_sound(world)


async def test_accepting_again_gets_the_same_answer_and_a_settled_visit_takes_no_other(world: World) -> None:
    (made,) = await booked(world, 1)
    world.replacements.slots = slots(2, OTHER_DAY)
    await sick(world)
    await world.due.disruptions.round()
    visit = await visit_of(world, made)
    one, two = (slot.slot_id for slot in world.replacements.slots)
    path = f"/disrupted-visits/{visit}/accept"
    first = await world.post(path, {"slot_id": one}, who="maria", key="same")
    again = await world.post(path, {"slot_id": one}, who="maria", key="same")
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert (first.json()["id"], first.json()["slot_id"]) == (made["id"], one)
    late = await world.post(path, {"slot_id": two}, who="maria")
    assert (late.status_code, late.json()["type"]) == (409, "urn:careslot:problem:settled")
    assert (await world.post(f"/disrupted-visits/{visit}/decline", who="maria")).status_code == 409
    assert await world.value("SELECT count(*) FROM outbox WHERE type = 'booking.appointment-moved.v1'") == 1


async def test_an_offer_that_ran_out_is_made_anew_while_the_slot_is_there(world: World) -> None:
    (made,) = await booked(world, 1)
    world.replacements.slots = slots(1, OTHER_DAY)
    await sick(world)
    await world.due.disruptions.round()
    visit = await visit_of(world, made)
    world.clock.at += timedelta(hours=1)
    answer = await world.post(
        f"/disrupted-visits/{visit}/accept", {"slot_id": world.replacements.slots[0].slot_id}, who="maria"
    )
    assert answer.status_code == 200, answer.text


async def test_saying_no_leads_to_a_call_and_does_not_close_the_door(world: World) -> None:
    (made,) = await booked(world, 1)
    world.replacements.slots = slots(1, OTHER_DAY)
    await sick(world)
    await world.due.disruptions.round()
    visit = await visit_of(world, made)
    own = (await world.client("maria").get("/disrupted-visits?patient_id=pat-000001")).json()["visits"]
    assert [(one["visit_id"], one["still_open"]) for one in own] == [(visit, True)]
    for _ in range(2):
        said = await world.post(f"/disrupted-visits/{visit}/decline", who="maria")
        assert (said.status_code, said.json()["state"]) == (200, "to-call")
    assert (await seen(world))["to_call"] == {"declined": 1}
    moved = await world.move({**made}, world.replacements.slots[0])
    assert moved.status_code == 200
    assert (await seen(world))["states"]["rebooked"] == 1


async def test_leave_taken_back_restores_what_was_not_settled(world: World) -> None:
    first, second = await booked(world, 2)
    world.replacements.slots = slots(1, OTHER_DAY)
    await sick(world)
    await world.due.disruptions.round()
    await world.post(
        f"/disrupted-visits/{await visit_of(world, first)}/accept",
        {"slot_id": world.replacements.slots[0].slot_id},
        who="maria",
    )
    await take(world, LeaveWithdrawn(leave_id="leave-1", clinician_id="cln-00001"))
    told = await seen(world)
    assert (told["states"]["rebooked"], told["states"]["restored"], told["still_open"]) == (1, 1, 0)
    ended = await world.rows("SELECT data FROM outbox WHERE type = 'booking.visit-disruption-ended.v1' ORDER BY id")
    assert [row["data"]["outcome"] for row in ended] == ["rebooked", "restored"]
    assert ended[1]["data"]["appointment_id"] == second["id"]
    assert await world.due.disruptions.round() == {}


async def test_a_closure_over_the_same_visit_takes_it_over_from_the_leave(world: World) -> None:
    (made,) = await booked(world, 1)
    await sick(world)
    closure = ClosureRecorded(
        closure_id="closure-1", facility_id="fac-0001", starts_at=DAY, ends_at=DAY + timedelta(days=1)
    )
    await take(world, closure)
    assert ((await seen(world))["affected"], (await seen(world, "closure-1"))["affected"]) == (1, 0)
    await take(world, LeaveWithdrawn(leave_id="leave-1", clinician_id="cln-00001"))
    outcome = await world.value(
        "SELECT data ->> 'outcome' FROM outbox WHERE type = 'booking.visit-disruption-ended.v1'"
    )
    assert outcome == "passed-on", "nobody is told that it takes place after all"
    assert (await world.due.disruptions.round())["found"] == 1
    assert (await seen(world, "closure-1"))["states"]["asked"] == 1
    assert (
        made["id"]
        == (await world.client("callcenter").get("/disruptions/closure-1/visits")).json()["visits"][0]["appointment_id"]
    )


async def test_withdrawn_before_recorded_opens_nothing_and_a_repetition_asks_nobody_twice(world: World) -> None:
    await booked(world, 1)
    await take(world, LeaveWithdrawn(leave_id="leave-1", clinician_id="cln-00001"))
    await sick(world)
    assert await world.value("SELECT count(*) FROM disruption") == 0
    for _ in range(2):
        await sick(world, "leave-2")
        await world.due.disruptions.round()
    assert (await world.events()).count("booking.visit-disrupted.v1") == 1


async def test_a_booking_that_was_under_way_is_found_by_the_next_round(world: World) -> None:
    held = (await world.hold(offer(MORNING))).json()
    await sick(world)
    assert (await seen(world))["affected"] == 0
    assert (await world.do(held, "confirm")).status_code == 200
    assert await world.due.disruptions.round() == {"found": 1, "asked": 1}


async def test_who_was_told_by_a_mail_that_came_back_was_not_told(world: World) -> None:
    (made,) = await booked(world, 1)
    await sick(world)
    await world.due.disruptions.round()
    visit = await visit_of(world, made)
    await sent(world, visit)
    await sent(world, visit, reason="provider:late", minutes=1)
    assert (await seen(world))["not_reached"] == {}, "a second message that fails takes the first one not back"
    await sent(world, visit, reason="bounced", minutes=2)
    told = await seen(world)
    assert (told["told"], told["not_reached"], told["to_call"]) == (0, {"bounced": 1}, {"not-reached": 1})
    await sent(world, visit, minutes=3)
    assert (await seen(world))["told"] == 1, "by text, then"


async def test_without_availability_patients_wait_a_little_and_are_told_all_the_same(world: World) -> None:
    (made,) = await booked(world, 1)
    world.replacements.out = True
    await sick(world)
    assert await world.due.disruptions.round() == {}
    world.clock.at += timedelta(minutes=3)
    assert await world.due.disruptions.round() == {"asked": 1}
    visit = await visit_of(world, made)
    shown = (await world.client("maria").get(f"/disrupted-visits/{visit}")).json()
    assert (shown["alternatives"], shown["alternatives_status"]) == ([], "unavailable")
    world.replacements.out, world.replacements.slots = False, slots(1, OTHER_DAY)
    shown = (await world.client("maria").get(f"/disrupted-visits/{visit}")).json()
    assert [one["slot"]["slot_id"] for one in shown["alternatives"]] == [world.replacements.slots[0].slot_id]


async def test_who_is_checked_in_is_spoken_to_and_who_comes_all_the_same_is_kept(world: World) -> None:
    here = (await world.book(offer(START), "pat-000001")).json()
    later = (await world.book(offer(START + 40 * MINUTES), "pat-000002")).json()
    here = (await world.do(here, "check-in")).json()
    today = LeaveRecorded(leave_id="today", clinician_id="cln-00001", starts_at=NOW, ends_at=NOW + timedelta(days=1))
    await take(world, today)
    await world.due.disruptions.round()
    told = await seen(world, "today")
    assert (told["to_call"], told["not_reached"], told["states"]["asked"]) == ({"checked-in": 1}, {"checked-in": 1}, 1)
    await world.do(later, "check-in")
    assert (await seen(world, "today"))["states"]["kept"] == 1
    world.clock.at = START + timedelta(hours=2)
    assert await world.due.disruptions.round() == {}


async def test_a_round_that_comes_too_late_to_cancel_lists_the_visit(world: World) -> None:
    await booked(world, 1)
    await sick(world)
    await world.due.disruptions.round()
    world.clock.at = MORNING + MINUTES
    await world.due.disruptions.round()
    assert (await seen(world))["to_call"] == {"begun": 1}
    assert await world.due.disruptions.round() == {}
