"""Over HTTP, on real PostgreSQL and with the real policies: who may read and change what a patient wants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.contracts.roles import Role
from services.kernel.actor import Actor
from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.notifications.adapters.postgres import PostgresStore, unit_of_work
from services.notifications.domain.people import Proxy
from services.notifications.main import create
from services.notifications.usecases.planning import Planning
from services.notifications.usecases.preferences import PreferenceDesk
from tests.fixtures.edge import client_of, edge_of
from tests.fixtures.platform import NewDatabase
from tests.services.notifications.examples import NOW, PATIENT, RECIPIENT, booked

URL = f"/patients/{PATIENT}/preferences"
BODY: dict[str, Any] = {"channels": ["sms"], "language": "es", "timezone": "America/Chicago", "opted_out": False}


def actor(role: Role, person: str = "", facilities: str = "") -> Actor:
    return Actor(f"sub-{role}", frozenset({role}), person, frozenset(facilities.split()))


ACTORS = {
    "patient": actor(Role.PATIENT, PATIENT),
    "stranger": actor(Role.PATIENT, "pat-000002"),
    "proxy": actor(Role.PROXY, "pat-000003"),
    "call-centre": actor(Role.FRONT_DESK, facilities="*"),
    "desk": actor(Role.FRONT_DESK, facilities="fac-0001"),
    "auditor": actor(Role.AUDITOR, facilities="*"),
    "clinician": actor(Role.CLINICIAN, "cln-00001", "fac-0001"),
}


class World:
    """A running edge over a database with one patient and one proxy."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FixedClock(NOW)
        self.app = create()
        self.app.state.edge = edge_of("notifications", database, ACTORS, self.clock)
        self.app.state.notifications = PreferenceDesk(unit_of_work(database), self.clock)

    async def ask(self, token: str, method: str, url: str, **given: Any) -> httpx.Response:
        async with client_of(self.app, token) as client:
            return await client.request(method, url, **given)

    async def outbox(self, column: str) -> list[Any]:
        async with self.database.connection() as connection:
            return [row[0] for row in await connection.fetch(f"SELECT {column} FROM outbox ORDER BY id")]


@pytest.fixture
async def world(database: NewDatabase) -> AsyncIterator[World]:
    """Return a world with the patient in it."""
    opened = Database(database("notifications"), application="test", max_size=3)
    await opened.open()
    async with opened.transaction() as connection:
        store = PostgresStore(connection)
        await store.keep_recipient(RECIPIENT)
        await store.keep_proxy(Proxy("prx-1", 1, PATIENT, "pat-000003", NOW + timedelta(days=1), active=True))
    yield World(opened)
    await opened.close()


async def test_a_patient_reads_changes_and_reads_again(world: World) -> None:
    first = await world.ask("patient", "GET", URL)
    assert (first.status_code, first.headers["etag"]) == (200, '"0"')
    assert first.json() == {
        "patient_id": PATIENT, "version": 0, "channels": ["email", "sms"], "language": None, "timezone": None,
        "consent": {"reminders": True, "offers": False, "marketing": False}, "opted_out": False,
    }  # fmt: skip
    changed = await world.ask("patient", "PUT", URL, json=BODY, headers={"if-match": '"0"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"1"')
    again = await world.ask("patient", "GET", URL)
    assert again.json() == changed.json() == {**first.json(), **BODY, "version": 1}
    assert await world.outbox("type") == [
        "audit.entry.v1", "audit.entry.v1", "notifications.preferences-changed.v1", "audit.entry.v1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        (None, 428),
        ('"1"', 412),
        ('W/"0"', 412),
        ("rubbish", 412),
        ('"99999999999999999999"', 412),
        ('"7", "0"', 200),
        ("*", 200),
    ],
)
async def test_a_change_names_what_it_changes(world: World, if_match: str | None, status: int) -> None:
    headers = {"if-match": if_match} if if_match else {}
    answer = await world.ask("patient", "PUT", URL, json=BODY, headers=headers)
    assert answer.status_code == status
    kept = (await world.ask("patient", "GET", URL)).json()["version"]
    assert kept == (1 if status == 200 else 0)


@pytest.mark.parametrize(
    ("token", "read", "change", "messages"),
    [
        ("patient", 200, 200, 200),
        ("proxy", 200, 200, 403),
        ("call-centre", 200, 200, 200),
        ("auditor", 200, 403, 200),
        ("stranger", 403, 403, 403),
        ("desk", 403, 403, 403),
        ("clinician", 403, 403, 403),
        ("nobody", 401, 401, 401),
    ],
)
async def test_who_may_what(world: World, token: str, read: int, change: int, messages: int) -> None:
    assert (await world.ask(token, "GET", URL)).status_code == read
    assert (await world.ask(token, "PUT", URL, json=BODY, headers={"if-match": "*"})).status_code == change
    assert (await world.ask(token, "GET", f"/patients/{PATIENT}/messages")).status_code == messages
    entries = [entry for entry in await world.outbox("data") if "outcome" in entry]
    expected = {200: "allowed", 403: "refused", 401: "unauthenticated"}
    assert [entry["outcome"] for entry in entries] == [expected[read], expected[change], expected[messages]]


async def test_a_proxys_right_ends(world: World) -> None:
    world.clock.at = NOW + timedelta(days=1)
    assert (await world.ask("proxy", "GET", URL)).status_code == 403


async def test_an_unknown_patient_is_not_found_and_the_asking_is_audited(world: World) -> None:
    for method, url in (("GET", "preferences"), ("PUT", "preferences"), ("GET", "messages")):
        answer = await world.ask(
            "call-centre", method, f"/patients/pat-unknown/{url}", json=BODY, headers={"if-match": "*"}
        )
        assert answer.status_code == 404
    assert [entry["about"] for entry in await world.outbox("data")] == ["pat-unknown"] * 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": ["sms", "sms"]},
        {"channels": ["voice"]},
        {"language": "fr"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "../../etc/passwd"},
        {"timezone": "\x00"},
        {"consent": {"spam": True}},
        {"consent": {"reminders": "perhaps"}},
        {"name": "Maria"},
    ],
)
async def test_wrong_preferences_are_named(world: World, wrong: dict[str, Any]) -> None:
    answer = await world.ask("patient", "PUT", URL, json={**BODY, **wrong}, headers={"if-match": "*"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"].startswith(f"body/{next(iter(wrong))}")


async def test_the_ledger_shows_what_was_and_will_be_told_without_contact_details(world: World) -> None:
    async with world.database.transaction() as connection:
        await Planning(PostgresStore(connection), world.clock).take(booked())
    url = f"/patients/{PATIENT}/messages"
    first = (await world.ask("patient", "GET", url, params={"limit": 3})).json()
    assert [item["kind"] for item in first["items"]] == ["reminder-1d", "reminder-3d", "reminder-7d"]
    rest = await world.ask("patient", "GET", url, params={"before": first["next"]})
    [confirmation] = rest.json()["items"]
    assert rest.json()["next"] is None
    assert (confirmation["kind"], confirmation["state"], confirmation["channel"]) == ("confirmation", "planned", None)
    assert [line["state"] for line in confirmation["ledger"]] == ["planned"]
    assert RECIPIENT.email not in rest.text and RECIPIENT.phone not in rest.text


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "before=no-uuid", "before=%00"])
async def test_wrong_pages_are_named(world: World, query: str) -> None:
    assert (await world.ask("patient", "GET", f"/patients/{PATIENT}/messages?{query}")).status_code == 422


@pytest.mark.parametrize("patient", ["%00", "a%20b", "x" * 65, "é"])
async def test_wrong_patient_ids_are_named(world: World, patient: str) -> None:
    assert (await world.ask("patient", "GET", f"/patients/{patient}/preferences")).status_code == 422


async def test_only_the_patient_reads_the_ledger_of_labelled_visits(world: World) -> None:
    async with world.database.transaction() as connection:
        for number, discreet in ((1, True), (2, False)):
            await connection.execute(
                "INSERT INTO messages (message_id, appointment_id, appointment_version, patient_id, kind, starts_at, "
                "timezone, due_at, send_after, correlation_id, discreet) "
                "VALUES (gen_random_uuid(), gen_random_uuid(), $1, $2, 'moved', $3, 'UTC', $3, $3, '', $4)",
                number, PATIENT, NOW, discreet,
            )  # fmt: skip
    for who, count in (("patient", 2), ("call-centre", 1), ("auditor", 1)):
        found = await world.ask(who, "GET", f"/patients/{PATIENT}/messages")
        assert len(found.json()["items"]) == count, who
