"""Visits not everyone may know of: whole to some, busy time to others, nothing in a list that names the patient."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from services.booking.adapters.projections import PostgresProjections, ended_break_glass
from services.booking.consumers import on_directory
from services.contracts.break_glass import Revocations
from services.contracts.events.directory import BreakGlassRecorded
from services.kernel.actor import Actor, Emergency
from services.kernel.outbox import Envelope
from tests.fixtures.edge import TokenTable, client_of
from tests.fixtures.glass import glass_key, glass_keys
from tests.services.booking.test_streams import following, served
from tests.services.booking.world import ACTORS, NOW, START, World, offer

PATIENT, DAY = "pat-000001", {"date": START.date().isoformat()}
DESK = ACTORS["frontdesk"]
WHO = {
    **ACTORS,
    "cleared-r": replace(DESK, subject="sub-cleared-r", clearances=frozenset({"R"})),
    "cleared-eth": replace(DESK, subject="sub-cleared-eth", clearances=frozenset({"R", "ETH"})),
    "cleared-elsewhere": replace(ACTORS["elsewhere"], clearances=frozenset({"R", "ETH"})),
    "surgeon": Actor("sub-surgeon", frozenset({"clinician"}), person="cln-00009", facilities=frozenset({"fac-0001"})),
}
SEES = {
    "R": {"maria", "doctor", "jo", "cleared-r", "cleared-eth"},
    "ETH": {"maria", "doctor", "cleared-eth"},
}


@pytest_asyncio.fixture
async def labelled(world: World) -> AsyncIterator[World]:
    """Return a world with two labelled visit types; jo is Maria's parent and still in her confidence."""
    world.app.state.edge.verifier = TokenTable(WHO)
    for label in SEES:
        await world.rows("INSERT INTO visit_type VALUES ($1, 1, $2) RETURNING 1", f"visit-{label.lower()}", label)
    await world.rows(
        "INSERT INTO proxy VALUES ('prx-1', 1, $1, 'pat-000900', $2, true, $2) RETURNING 1",
        PATIENT, NOW + timedelta(days=1),
    )  # fmt: skip
    yield world


async def booked(world: World, label: str, who: str = "maria", hours: int = 0, **more: Any) -> Any:
    slot = offer(START + timedelta(hours=hours)).model_copy(update={"visit_type": f"visit-{label.lower()}"})
    body = {"offer": world.token(slot), "patient_id": PATIENT, **more}
    return await world.post("/appointments", body, who=who)


@pytest.mark.parametrize("label", ["R", "ETH"])
async def test_who_sees_a_labelled_visit(labelled: World, label: str) -> None:
    made = (await booked(labelled, label)).json()
    assert (made["security_label"], made["busy"]) == (label, False)
    one = f"/appointments/{made['id']}"
    for who in WHO.keys() - {"feed", "waitlist", "auditor"}:
        client = labelled.client(who)
        read = await client.get(one)
        history, mine = (
            await client.get(f"{one}/history"),
            await client.get("/appointments", params={"patient_id": PATIENT}),
        )
        if who in SEES[label]:
            assert read.json() == made, who
            assert history.status_code == 200, who
        else:
            assert history.status_code == 403, who
            assert (read.status_code, read.headers.get("etag")) in {(200, None), (403, None)}, who
            if read.status_code == 200:
                assert hidden(read.json()) == made["id"], who
        if mine.status_code == 200:
            assert [found["id"] for found in mine.json()["appointments"]] == [made["id"]] * (who in SEES[label]), who
        day = await client.get("/facilities/fac-0001/day", params=DAY)
        if day.status_code == 200:
            [shown] = day.json()["appointments"]
            assert shown == made if who in SEES[label] else hidden(shown) == made["id"], who
    assert (await labelled.client("frontdesk").get(one)).json()["clinician_id"] == "cln-00001", "the time is told"
    auditor = (await labelled.client("auditor").get(one)).json()
    assert hidden(auditor) == made["id"]


def hidden(shown: dict[str, Any]) -> str:
    """Return the id of busy time, having made sure that nothing else is told."""
    assert shown["busy"] is True
    assert {"fac-0001", "cln-00001"} < set(map(str, shown.values()))
    for name in ("patient_id", "visit_type", "specialty", "slot_id", "reason", "security_label"):
        assert shown[name] == "", name
    assert (shown["status"], shown["version"], shown["created_at"]) == ("booked", 0, None)
    return str(shown["id"])


async def test_each_touch_of_a_labelled_visit_in_a_list_is_written_down(labelled: World) -> None:
    made = (await booked(labelled, "R")).json()
    trail = "SELECT data FROM outbox WHERE channel = 'audit' AND data->>'action' = 'read-day' ORDER BY id"
    await labelled.client("frontdesk").get("/facilities/fac-0001/day", params=DAY)
    assert [row["data"]["about"] for row in await labelled.rows(trail)] == [""], "busy time is nobody's"
    await labelled.client("cleared-r").get("/facilities/fac-0001/day", params=DAY)
    touched = [(row["data"]["resource_id"], row["data"]["about"]) for row in await labelled.rows(trail)]
    assert touched[1:] == [("fac-0001", ""), (made["id"], PATIENT)]


async def test_nobody_books_or_changes_what_they_may_not_know_of(labelled: World) -> None:
    assert (await booked(labelled, "ETH", who="frontdesk")).status_code == 403
    assert (await booked(labelled, "ETH", who="cleared-r")).status_code == 403
    assert (await booked(labelled, "ETH", who="jo")).status_code == 403, (
        "a proxy's grant is no consent under 42 CFR 2.31"
    )
    made = (await booked(labelled, "ETH", who="cleared-eth")).json()
    cancel = {"reason": "other"}
    assert (await labelled.do(made, "cancel", cancel, who="frontdesk")).status_code == 403
    assert (await labelled.do(made, "cancel", cancel, who="cleared-eth")).json()["status"] == "cancelled"
    day = await labelled.client("frontdesk").get("/facilities/fac-0001/day", params={**DAY, "cancelled": "true"})
    assert day.json()["appointments"] == [], "what takes no time is no busy time"


async def test_a_patient_may_ask_for_confidence_and_a_move_keeps_it(labelled: World) -> None:
    slot = offer()
    body = {"offer": labelled.token(slot), "patient_id": PATIENT, "confidential": True}
    made = (await labelled.post("/appointments", body, who="maria")).json()
    assert (made["visit_type"], made["security_label"]) == ("family-medicine-follow-up", "R")
    moved = (await labelled.move(made, offer(START + timedelta(hours=1)), who="maria")).json()
    assert moved["security_label"] == "R"
    events = await labelled.rows("SELECT data FROM outbox WHERE channel = 'bus' ORDER BY id")
    assert [row["data"]["security_label"] for row in events] == ["R", "R"]


async def test_a_visit_type_that_becomes_confidential_takes_its_visits_along(labelled: World) -> None:
    made = (await labelled.book(offer())).json()
    await labelled.tell_directory("directory.visit-type-recorded.v1", version=2, security_label="R")
    assert (await labelled.client("frontdesk").get(f"/appointments/{made['id']}")).json()["busy"] is True
    await labelled.tell_directory("directory.visit-type-recorded.v1", version=3, security_label="N")
    assert (await labelled.client("frontdesk").get(f"/appointments/{made['id']}")).json()["busy"] is True
    assert (await labelled.book(offer(START + timedelta(hours=1)))).json()["security_label"] == "N"


async def test_the_stream_tells_taken_time_only(labelled: World) -> None:
    async with served(labelled) as on, following(on, "/facilities/fac-0001/stream") as stream:
        await stream.until(lambda: len(stream.events) == 1)
        made = (await booked(labelled, "R")).json()
        await labelled.do(made, "cancel", {"reason": "other"}, who="maria")
        await stream.until(lambda: len(stream.events) == 3)
    taken, free = stream.events[1:]
    assert (taken[0], taken[1]["busy"], taken[1]["status"], taken[1]["version"]) == ("appointment", True, "booked", 0)
    assert (free[0], free[1]) == ("departed", {"appointment_id": made["id"], "version": 0})


async def test_break_glass_reads_marks_every_access_and_changes_nothing(labelled: World) -> None:
    restricted, part_2 = (await booked(labelled, "R")).json(), (await booked(labelled, "ETH", hours=1)).json()

    async def ask(who: str, path: str, token: str | None = None) -> Any:
        sub = WHO[who].subject
        glass = token or glass_key().sign(Emergency("btg-1", PATIENT), sub, NOW, NOW + timedelta(minutes=15))
        async with client_of(labelled.app, who) as client:
            return await client.get(path, headers={"x-careslot-break-glass": glass})

    mine = f"/appointments?patient_id={PATIENT}"
    seen = (await ask("surgeon", mine)).json()["appointments"]
    assert [one["id"] for one in seen] == [restricted["id"], part_2["id"]], "42 CFR 2.51: medical personnel"
    desk = (await ask("elsewhere", mine)).json()["appointments"]
    assert [one["id"] for one in desk] == [restricted["id"]], "a front desk is not"
    marked = await labelled.rows(
        "SELECT data FROM outbox WHERE channel = 'audit' AND data->>'reason' = 'break-glass: btg-1' ORDER BY id"
    )
    assert len(marked) == 5, "two lists, and each labelled visit in them"
    stolen = glass_key().sign(Emergency("btg-1", PATIENT), "sub-other", NOW, NOW + timedelta(minutes=15))
    old = glass_key().sign(Emergency("btg-1", PATIENT), WHO["surgeon"].subject, NOW, NOW)
    for token, slug in ((stolen, "break-glass-invalid"), (old, "break-glass-ended"), ("x.y.z", "break-glass-invalid")):
        answer = await ask("surgeon", mine, token)
        assert (answer.status_code, answer.json()["type"]) == (401, f"urn:careslot:problem:{slug}")
    assert (await ask("surgeon", "/appointments?patient_id=pat-000002")).status_code == 403, "one patient only"
    ended = {**BreakGlassRecorded.EXAMPLE, "grant_id": "btg-1", "version": 2, "expires_at": "2099-01-01T00:00:00Z"}
    revocations = Revocations(glass_keys())
    labelled.app.state.edge.emergency = revocations
    for told, status in ((ended, 200), ({**ended, "ended_at": "2098-12-31T23:00:00Z"}, 401)):
        envelope = Envelope(uuid4(), BreakGlassRecorded.TYPE, "careslot.directory", NOW, "", told)
        async with labelled.database.transaction() as connection:
            await on_directory(envelope, PostgresProjections(connection))
        await revocations.refresh(partial(ended_break_glass, labelled.database))
        assert (await ask("surgeon", mine)).status_code == status, "ended early, and heard of"
    glass = glass_key().sign(Emergency("btg-2", PATIENT), DESK.subject, NOW, NOW + timedelta(minutes=15))
    headers = {"x-careslot-break-glass": glass, "idempotency-key": "k", "if-match": '"1"'}
    async with client_of(labelled.app, "frontdesk") as client:
        changed = await client.post(f"/appointments/{restricted['id']}/check-in", headers=headers)
    assert changed.status_code == 403
