"""The list over HTTP: who may, what is refused and how kindly, and that repeating changes nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.services.waitlist.world import World, slot


async def offered(world: World, who: str = "p1") -> dict[str, Any]:
    """Let a patient join and be offered a freed slot; return the offer as they see it."""
    patient = f"pat-{int(who[1:]):06}"
    await world.consent(patient)
    request = (await world.join(who)).json()
    await world.free(slot())
    await world.offering.round()
    offer_id = (await world.send("GET", f"/requests/{request['id']}", who)).json()["offer_id"]
    answer = await world.send("GET", f"/offers/{offer_id}", who)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_the_wish_for_an_interpreter_is_kept(world: World) -> None:
    joined = await world.join(interpreter="es")
    assert (joined.status_code, joined.json()["interpreter"]) == (201, "es")
    read = await world.send("GET", f"/requests/{joined.json()['id']}", "p1")
    assert read.json()["interpreter"] == "es"
    assert "'es'" not in str(await world.rows("SELECT data FROM outbox WHERE channel = 'bus'")), "no language is told"
    assert (await world.join(interpreter="Spanish")).status_code == 422


async def test_join_read_withdraw(world: World) -> None:
    joined = await world.join(key="k1", weekdays=[1], windows=[{"starts": "08:00", "ends": "12:00"}])
    assert joined.status_code == 201, joined.text
    assert joined.headers["location"] == f"requests/{joined.json()['id']}"
    again = await world.join(key="k1", weekdays=[1], windows=[{"starts": "08:00", "ends": "12:00"}])
    assert again.json() == joined.json()
    assert (await world.join(key="k1")).status_code == 422
    assert (await world.join()).json()["type"] == "urn:careslot:problem:already-waiting"
    listed = await world.send("GET", "/requests?patient_id=pat-000001", "p1")
    assert [request["id"] for request in listed.json()["requests"]] == [joined.json()["id"]]
    for _ in range(2):
        gone = await world.send("POST", f"/requests/{joined.json()['id']}/withdraw", "p1")
        assert (gone.status_code, gone.json()["status"]) == (200, "withdrawn")
    assert await world.events() == [
        "waitlist.demand-changed.v1", "waitlist.request-joined.v1", "waitlist.demand-changed.v1",
        "waitlist.request-withdrawn.v1",
    ]  # fmt: skip
    assert (await world.join()).status_code == 201


@pytest.mark.parametrize(
    ("wishes", "status"),
    [
        ({"near": {"zip_code": "02108", "distance_km": 20}}, 201),
        ({"near": {"zip_code": "99999", "distance_km": 20}}, 422),
        ({"facilities": ["fac-0404"]}, 422),
        ({"facilities": []}, 422),
        ({"windows": [{"starts": "12:00", "ends": "08:00"}]}, 422),
        ({"earliest": "2027-02-01", "latest": "2027-01-01"}, 422),
        ({"weekdays": [8]}, 422),
        ({"priority": "asap"}, 422),
    ],
)
async def test_wishes_are_checked(world: World, wishes: dict[str, Any], status: int) -> None:
    assert (await world.join(**wishes)).status_code == status


async def test_only_those_concerned_see_it_and_only_staff_rank_it(world: World) -> None:
    request = (await world.join()).json()
    path = f"/requests/{request['id']}"
    assert [(await world.send("GET", path, who)).status_code for who in ("p2", "elsewhere", "jo")] == [403, 403, 403]
    assert (await world.send("GET", path, "frontdesk")).status_code == 200
    ranked = {"referral_priority": "urgent"}
    assert (await world.send("PUT", f"{path}/priority", "p1", ranked)).status_code == 403
    assert (await world.send("PUT", f"{path}/priority", "frontdesk", ranked)).json()["priority"] == "urgent"
    await world.tell("directory.proxy-recorded.v1", patient_id="pat-000001", person="pat-000900",
                     expires_at=world.clock.at + timedelta(days=1))  # fmt: skip
    assert (await world.send("GET", path, "jo")).status_code == 200
    assert (await world.join("p1", patient="pat-000002")).status_code == 403
    refusals = await world.rows("SELECT count(*) FROM outbox WHERE channel = 'audit' AND data->>'outcome' = 'refused'")
    assert refusals == [5]


async def test_accepting_books_once_and_repeats_the_answer(world: World) -> None:
    offer = await offered(world)
    first = await world.send("POST", f"/offers/{offer['id']}/accept", "p1")
    assert (first.status_code, first.json()["state"]) == (200, "accepted")
    assert (await world.send("POST", f"/offers/{offer['id']}/accept", "p1")).json() == first.json()
    request = (await world.send("GET", f"/requests/{offer['request_id']}", "p1")).json()
    assert (request["status"], request["offer_id"]) == ("accepted", None)
    assert (await world.events())[-2:] == ["waitlist.demand-changed.v1", "waitlist.offer-accepted.v1"]
    assert len(world.booking.booked) == 1


async def test_two_accepting_at_once_one_wins_the_other_is_told_kindly(world: World) -> None:
    offer = await offered(world)
    await world.tell("directory.proxy-recorded.v1", patient_id="pat-000001", person="pat-000900",
                     expires_at=world.clock.at + timedelta(days=1))  # fmt: skip
    path = f"/offers/{offer['id']}/accept"
    answers = await asyncio.gather(*(world.send("POST", path, who) for who in ("p1", "jo", "p1", "jo")))
    assert Counter(answer.status_code for answer in answers) == {200: 2, 409: 2}
    lost = next(answer for answer in answers if answer.status_code == 409).json()
    assert lost["type"].rpartition(":")[2] in {"offer-gone", "offer-accepted"}
    assert len(await world.rows("SELECT id FROM offer WHERE state = 'accepted'")) == 1


async def test_a_link_changes_nothing_and_strangers_see_nothing(world: World) -> None:
    offer = await offered(world)
    for _ in range(3):
        assert (await world.send("GET", f"/offers/{offer['id']}", "p1")).json()["state"] == "open"
    for who in ("p2", "frontdesk", "jo"):
        assert (await world.send("GET", f"/offers/{offer['id']}", who)).status_code == 403
        assert (await world.send("POST", f"/offers/{offer['id']}/accept", who)).status_code == 403
    assert (await world.send("GET", f"/offers/{offer['id']}/accept", "p1")).status_code == 405
    assert (await world.send("GET", f"/offers/{uuid4()}", "p1")).status_code == 404
    assert not world.booking.booked


async def test_declining_asks_the_next_and_keeps_the_place_in_line(world: World) -> None:
    offer = await offered(world)
    await world.consent("pat-000002")
    await world.join("p2")
    for _ in range(2):
        declined = await world.send("POST", f"/offers/{offer['id']}/decline", "p1")
        assert (declined.status_code, declined.json()["state"]) == (200, "declined")
    assert (await world.send("POST", f"/offers/{offer['id']}/accept", "p1")).status_code == 409
    await world.offering.round()
    assert await world.rows("SELECT patient_id FROM offer WHERE state = 'open'") == ["pat-000002"]
    assert (await world.send("GET", f"/requests/{offer['request_id']}", "p1")).json()["status"] == "waiting"


async def test_too_late_too_busy_and_booking_out(world: World) -> None:
    offer = await offered(world)
    path = f"/offers/{offer['id']}/accept"
    world.booking.busy = True
    assert (await world.send("POST", path, "p1")).json()["type"] == "urn:careslot:problem:patient-busy"
    world.booking.busy, world.booking.out = False, True
    assert (await world.send("POST", path, "p1")).status_code == 503
    world.booking.out = False
    world.clock.at += timedelta(hours=13)
    assert (await world.send("POST", path, "p1")).json()["type"] == "urn:careslot:problem:offer-ended"


async def test_withdrawing_gives_the_offer_to_the_next(world: World) -> None:
    offer = await offered(world)
    await world.send("POST", f"/requests/{offer['request_id']}/withdraw", "p1")
    assert (await world.send("GET", f"/offers/{offer['id']}", "p1")).json()["state"] == "declined"
    await world.offering.round()
    assert world.booking.released


async def test_a_facility_sees_who_waits_there_in_order_and_every_patient_is_a_touch(world: World) -> None:
    joined = [(await world.join(f"p{n}")).json() for n in (1, 2, 3)]
    urgent = {"referral_priority": "urgent"}
    await world.send("PUT", f"/requests/{joined[2]['id']}/priority", "frontdesk", urgent)
    await world.send("POST", f"/requests/{joined[1]['id']}/withdraw", "p2")
    told = "SELECT data ->> 'about' FROM outbox WHERE channel = 'audit' ORDER BY id"
    before = len(await world.rows(told))
    first = (await world.send("GET", "/facilities/fac-0001/requests?limit=1", "frontdesk")).json()
    assert [one["patient_id"] for one in first["requests"]] == ["pat-000003"]
    rest = (await world.send("GET", f"/facilities/fac-0001/requests?after={first['next']}", "frontdesk")).json()
    assert ([one["patient_id"] for one in rest["requests"]], rest["next"]) == (["pat-000001"], "")
    assert (await world.rows(told))[before:] == ["", "pat-000003", "", "pat-000001"]
    for who, status in (("elsewhere", 403), ("p1", 403)):
        assert (await world.send("GET", "/facilities/fac-0001/requests", who)).status_code == status
    odd = f"9999999999999999_{'f' * 32}"
    assert (await world.send("GET", f"/facilities/fac-0001/requests?after={odd}", "frontdesk")).json()["requests"] == []
