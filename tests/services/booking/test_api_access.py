"""Who may do what with whose appointment, over the real policies; refusals are written down, nothing leaks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.services.booking.world import START, World, offer

CANCEL = {"reason": "other"}


# A fresh database costs more than a request: tests that only vary the request share one.
MAY_BOOK = {
    ("frontdesk", "pat-000001"): 201,
    ("callcenter", "pat-000001"): 201,
    ("maria", "pat-000001"): 201,
    ("maria", "pat-000002"): 403,
    ("elsewhere", "pat-000001"): 403,
    ("jo", "pat-000001"): 403,
    ("doctor", "pat-000001"): 403,
    ("auditor", "pat-000001"): 403,
    ("feed", "pat-000001"): 403,
    ("nobody", "pat-000001"): 401,
}


async def test_who_may_book(world: World) -> None:
    last = "SELECT data FROM outbox WHERE channel = 'audit' ORDER BY id DESC LIMIT 1"
    for (who, patient), status in MAY_BOOK.items():
        for command in (world.book, world.hold):
            before = await world.value("SELECT count(*) FROM appointment")
            answer = await command(offer(), patient, who=who)
            assert answer.status_code == status, (who, patient, answer.text)
            outcome = {201: "allowed", 403: "refused", 401: "unauthenticated"}[status]
            assert (await world.value(last))["outcome"] == outcome, (who, patient)
            assert await world.value("SELECT count(*) FROM appointment") == before + (status == 201)
            if status == 201:
                await world.do(answer.json(), "cancel" if command == world.book else "release", CANCEL)


async def test_a_refusal_does_not_say_whether_the_slot_is_taken(world: World) -> None:
    await world.book(offer())
    taken = await world.book(offer(), "pat-000002", who="elsewhere")
    free = await world.book(offer(START + timedelta(hours=1)), "pat-000002", who="elsewhere")
    hidden = {"instance": ""}
    assert {**taken.json(), **hidden} == {**free.json(), **hidden}


@pytest.mark.parametrize(("who", "status"), [("doctor", 200), ("maria", 403), ("elsewhere", 403), ("frontdesk", 200)])
async def test_who_may_complete(world: World, who: str, status: int) -> None:
    booked = (await world.book(offer())).json()
    arrived = (await world.do(booked, "check-in")).json()
    assert arrived["status"] == "checked-in"
    answer = await world.do(arrived, "complete", who=who)
    assert answer.status_code == status, answer.text


async def test_no_show_of_ones_own_clinic(world: World) -> None:
    booked = (await world.book(offer())).json()
    early = await world.do(booked, "no-show", who="doctor")
    assert early.json()["type"] == "urn:careslot:problem:too-early"
    world.clock.at = START
    missed = await world.do(booked, "no-show", who="doctor")
    assert missed.json()["status"] == "noshow"
    events = await world.events()
    assert events[-1] == "booking.appointment-noshow.v1"


async def test_every_command_needs_its_headers_and_an_appointment(world: World) -> None:
    unknown = {"id": "0197a000-0000-7000-8000-00000000000a", "version": 1}
    for command in ("confirm", "release", "check-in", "complete", "no-show", "cancel", "move"):
        body = {"cancel": CANCEL, "move": {"offer": world.token(offer())}}.get(command)
        assert (await world.do(unknown, command, body)).status_code == 404, command
        missing = await world.do(unknown, command, body, version=None)
        assert (missing.status_code, missing.json()["type"]) == (428, "urn:careslot:problem:precondition-required")
        path = f"/appointments/{unknown['id']}/{command}"
        keyless = await world.client("frontdesk").post(path, json=body, headers={"if-match": '"1"'})
        assert keyless.status_code == 400, command


async def test_if_match_as_rfc_9110_has_it(world: World) -> None:
    tags = {"*": 200, '"1"': 200, '"0", "1"': 200, '"2"': 412, 'W/"1"': 412, "1": 422, "": 422}
    for n, (tag, status) in enumerate(tags.items()):
        booked = (await world.book(offer(START + timedelta(hours=n)))).json()
        headers = {"idempotency-key": f"key-{n}", "if-match": tag}
        path = f"/appointments/{booked['id']}/cancel"
        answer = await world.client("frontdesk").post(path, json=CANCEL, headers=headers)
        assert answer.status_code == status, (tag, answer.text)


async def test_the_state_is_looked_at_before_the_version(world: World) -> None:
    booked = (await world.book(offer())).json()
    await world.do(booked, "cancel", CANCEL)
    assert (await world.do(booked, "cancel", CANCEL)).json()["type"] == "urn:careslot:problem:not-in-this-status"


async def test_reasons_are_codes(world: World) -> None:
    booked = (await world.book(offer())).json()
    texts: list[Any] = [
        {"reason": "the patient has a rash"}, {"reason": "other", "note": "free text"}, {"reason": ""}, {}, [], None,
    ]  # fmt: skip
    for body in texts:
        answer = await world.do(booked, "cancel", body)
        assert answer.status_code == 422, body
        assert "rash" not in answer.text


async def test_odd_bodies_are_the_callers_fault(world: World) -> None:
    bodies = [
        {"patient_id": "pat-000001"},
        {"offer": "a.b.c", "patient_id": "pat-000001"},
        {"offer": "not a token", "patient_id": "pat-000001"},
        {"offer": "a.b.c", "patient_id": "pat\u0000"},
        {"offer": "a.b.c", "patient_id": "\ud800"},
        {"offer": "a.b.c", "patient_id": "x" * 65},
        {"offer": "a.b.c", "patient_id": ""},
        {"offer": "a" * 9000 + ".b.c", "patient_id": "pat-000001"},
    ]
    for body in bodies:
        assert (await world.post("/appointments", body)).status_code == 422, ascii(body)


async def test_an_offer_of_the_past_is_too_late(world: World) -> None:
    token = world.token(offer(world.clock.at))
    answer = await world.post("/appointments", {"offer": token, "patient_id": "pat-000001"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:careslot:problem:too-late")
