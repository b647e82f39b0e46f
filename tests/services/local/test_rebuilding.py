"""Projections rebuilt from what their owners answer: equal to what events made, whatever happened to them meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
import typer
from fastapi import FastAPI

from services.audit.main import create as audit_app
from services.availability.adapters.records import KINDS as AVAILABILITY_KINDS
from services.availability.main import create as availability_app
from services.directory.adapters.postgres import unit_of_work
from services.directory.adapters.records import KINDS as DIRECTORY_KINDS
from services.directory.domain.identities import PatientMerge
from services.directory.domain.proxies import proxy_id
from services.directory.domain.records import Proxy
from services.directory.main import create as directory_app
from services.directory.usecases.bulk import bulk_record
from services.kernel import rebuilding
from services.kernel.actor import Actor
from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.kernel.errors import Unavailable
from services.kernel.outbox import Envelope
from services.kernel.records import Records
from services.local.cli_rebuild import rebuild as verb
from services.local.rebuilding import REBUILDS, Owners, Rebuilt, run
from services.notifications.adapters.postgres import PostgresStore
from services.notifications.adapters.records import KINDS as NOTIFICATIONS_KINDS
from services.notifications.domain.people import Preferences, Topic
from services.notifications.main import create as notifications_app
from services.waitlist.adapters.records import KINDS as WAITLIST_KINDS
from services.waitlist.main import create as waitlist_app
from tests.fixtures.edge import edge_of
from tests.fixtures.platform import NewDatabase
from tests.services.booking.test_freed import free, wait_at
from tests.services.booking.world import START, World, offer, world_over
from tests.services.directory.fakes import WORLD

SCOPE = frozenset({"careslot/changes.read"})
ACTORS = {
    "feed": Actor("rebuild", frozenset({"external-app"}), scopes=SCOPE),
    "app": Actor("app", frozenset({"external-app"}), scopes=frozenset({"careslot/directory.read"})),
}
CLOCK = FixedClock(datetime(2026, 11, 23, 15, 0, tzinfo=UTC))
PROXY = Proxy(proxy_id("pat-000003", "pat-000001"), "pat-000003", "pat-000001", datetime(2030, 1, 1, tzinfo=UTC))
MERGE = PatientMerge("pat-000002", "pat-000001", datetime(2026, 1, 1, tzinfo=UTC), "callcentre")
APPS = {
    "audit": (audit_app, None),
    "availability": (availability_app, AVAILABILITY_KINDS),
    "directory": (directory_app, DIRECTORY_KINDS),
    "notifications": (notifications_app, NOTIFICATIONS_KINDS),
    "waitlist": (waitlist_app, WAITLIST_KINDS),
}


@dataclass
class Estate:
    """Every service that owns records, behind one address, with a little of everything to tell."""

    http: httpx.AsyncClient
    databases: dict[str, Database]
    booking: World

    async def rebuild(self, service: str, *, check: bool = False) -> Rebuilt:
        return await run(
            self.databases[service], REBUILDS[service], Owners(self.http), lambda source, count: None, check=check
        )

    async def rows(self, service: str, sql: str, *values: object) -> list[tuple[object, ...]]:
        async with self.databases[service].connection() as connection:
            return [tuple(row) for row in await connection.fetch(sql, *values)]


@pytest.fixture
async def estate(database: NewDatabase) -> AsyncIterator[Estate]:
    async with AsyncExitStack() as stack:
        booking = await stack.enter_async_context(world_over(database("booking")))
        databases, front = {"booking": booking.database}, FastAPI()
        front.mount("/booking", booking.app)
        for service, (create, kinds) in APPS.items():
            databases[service] = Database(database(service), application="test", max_size=2)
            await databases[service].open()
            stack.push_async_callback(databases[service].close)
            app = create()
            app.state.edge = edge_of(service, databases[service], ACTORS, CLOCK)
            if kinds is not None:
                app.state.records = Records(databases[service], kinds)
            front.mount(f"/{service}", app)
        transport, headers = httpx.ASGITransport(front), {"authorization": "Bearer feed"}
        http = httpx.AsyncClient(transport=transport, base_url="http://estate", headers=headers)
        made = Estate(await stack.enter_async_context(http), databases, booking)
        await _fill(made)
        yield made


async def _fill(estate: Estate) -> None:
    async with unit_of_work(estate.databases["directory"])() as store:
        await bulk_record(store, [*WORLD, PROXY], CLOCK.at)
        await store.put(MERGE, 1)
    async with estate.databases["notifications"].transaction() as connection:
        wishes = Preferences("pat-000001", 1, consent={**dict.fromkeys(Topic, True)})
        await PostgresStore(connection).keep_preferences(wishes, CLOCK.at)
    await estate.rows("waitlist", "INSERT INTO demand VALUES ('fac-0001', 'family-medicine', 2, 3) RETURNING 1")
    ahead = datetime(2099, 1, 1, tzinfo=UTC)
    for table, of in (("leave", "cln-00001"), ("closure", "fac-0001")):
        values = (uuid4(), of, ahead, ahead + timedelta(days=1))
        await estate.rows("availability", f"INSERT INTO {table} VALUES ($1, $2, $3, $4) RETURNING 1", *values)
    await wait_at(estate.booking)
    await free(estate.booking, offer(START + timedelta(days=3)))
    await estate.booking.book(offer())


async def test_from_nothing_to_equal_and_then_nothing_to_do(estate: Estate) -> None:
    for service in REBUILDS:
        looked = await estate.rebuild(service, check=True)
        assert not looked.equal, service
        done = await estate.rebuild(service)
        assert done.equal, (service, done.left)
        assert {table for table, rows in done.found.items() if rows} >= {"alias"} & set(done.found)
        again = await estate.rebuild(service)
        assert not any(again.found.values()), (service, again.found)
    assert await estate.rows("booking", "SELECT * FROM alias") == [("pat-000002", "pat-000001", 1)]
    assert await estate.rows("booking", "SELECT kind FROM blocked_period ORDER BY kind") == [
        ("clinician",),
        ("facility",),
    ]
    assert await estate.rows("booking", "SELECT waiting, version FROM waiting_demand") == [(True, 3)]
    assert await estate.rows("waitlist", "SELECT patient_id, offers FROM consent") == [("pat-000001", True)]


async def test_what_appointments_and_freed_slots_occupy_is_what_their_events_made(estate: Estate) -> None:
    take = REBUILDS["availability"].take
    outbox = "SELECT type, data FROM outbox WHERE channel = 'bus' ORDER BY id"
    for type_, data in await estate.rows("booking", outbox):
        async with estate.databases["availability"].transaction() as connection:
            await take(connection, Envelope(uuid4(), str(type_), "careslot.booking", CLOCK.at, "", data))  # type: ignore[arg-type]
    told = await estate.rows("availability", "SELECT * FROM busy ORDER BY 1")
    assert [row[0] for row in told if str(row[0]).startswith("freed:")]
    assert not (await estate.rebuild("availability", check=True)).found["busy"]
    await estate.rows("availability", "DELETE FROM busy RETURNING 1")
    assert (await estate.rebuild("availability")).equal
    assert await estate.rows("availability", "SELECT * FROM busy ORDER BY 1") == told


async def test_damage_is_named_and_mended(estate: Estate) -> None:
    await estate.rebuild("booking")
    await estate.rows("booking", "UPDATE patient SET active = false WHERE patient_id = 'pat-000001' RETURNING 1")
    await estate.rows("booking", "DELETE FROM proxy RETURNING 1")
    await estate.rows("booking", "INSERT INTO patient VALUES ('pat-zz', 9, '{fac-0001}', true) RETURNING 1")
    await estate.rows("booking", "UPDATE blocked_period SET withdrawn = true RETURNING 1")
    looked = await estate.rebuild("booking", check=True)
    named = {(table, one.key[0], one.what) for table in ("patient", "proxy") for one in looked.found[table]}
    assert named == {
        ("patient", "pat-000001", "differs"), ("proxy", PROXY.proxy_id, "missing"), ("patient", "pat-zz", "extra"),
    }  # fmt: skip
    assert len(looked.found["blocked_period"]) == 2
    assert (await estate.rebuild("booking")).equal
    assert not await estate.rows("booking", "SELECT 1 FROM patient WHERE patient_id = 'pat-zz'")


async def test_what_an_event_changed_meanwhile_is_left_alone(estate: Estate) -> None:
    await estate.rebuild("waitlist")
    rebuild = REBUILDS["waitlist"]
    async with estate.databases["waitlist"].connection() as connection:
        await rebuilding.begin(connection, rebuild)
        async for page in Owners(estate.http).pages("directory", "patient"):
            for envelope in page:
                await rebuild.take(connection, envelope)
        newer = "UPDATE patient SET version = 7, timezone = 'UTC' WHERE patient_id = 'pat-000001' RETURNING 1"
        await estate.rows("waitlist", newer)
        await estate.rows("waitlist", "INSERT INTO patient VALUES ('pat-new', 1, 'UTC', true) RETURNING 1")
        async with connection.transaction():
            await rebuilding.replace(connection, rebuild)
        await rebuilding.end(connection)
    kept = await estate.rows("waitlist", "SELECT patient_id, version FROM patient")
    assert {("pat-000001", 7), ("pat-new", 1)} <= set(kept)
    assert not await estate.rows("waitlist", "SELECT 1 FROM facility"), "its owner was not asked, so nothing is told"


async def test_freed_slots_are_what_their_events_made_and_offers_stay(estate: Estate) -> None:
    take = REBUILDS["waitlist"].take
    outbox = "SELECT type, data FROM outbox WHERE channel = 'bus' AND type LIKE 'booking.slot-%' ORDER BY id"
    for type_, data in await estate.rows("booking", outbox):
        async with estate.databases["waitlist"].transaction() as connection:
            await take(connection, Envelope(uuid4(), str(type_), "careslot.booking", CLOCK.at, "", data))  # type: ignore[arg-type]
    told = await estate.rows("waitlist", "SELECT freed_id, state, version, open_until FROM freed_slot")
    assert len(told) == 1
    assert not (await estate.rebuild("waitlist", check=True)).found["freed_slot"]
    # An offer hangs on the slot, and on one that booking never told of: both rows stay, the wrong one is corrected.
    await estate.rows(
        "waitlist",
        """
        WITH lost AS (
            INSERT INTO freed_slot VALUES (gen_random_uuid(), 1, NULL, now(), NULL, 'closed') RETURNING freed_id
        ), waits AS (
            INSERT INTO request VALUES (
                gen_random_uuid(), 'pat-000001', 's', 'v', '{fac-0001}', '{}', '{}', '[]', NULL, NULL, 0, 0, 'routine',
                'offered', 1, now(), 0, now(), 's', 'k', ''
            ) RETURNING id
        )
        INSERT INTO offer
        SELECT gen_random_uuid(), freed_id, waits.id, 'pat-000001', '{}', 'expired', now(), now()
        FROM waits, (SELECT freed_id FROM lost UNION ALL SELECT freed_id FROM freed_slot) AS f RETURNING 1
        """,
    )
    await estate.rows("waitlist", "UPDATE freed_slot SET state = 'closed' WHERE slot IS NOT NULL RETURNING 1")
    assert (await estate.rebuild("waitlist")).equal
    kept = "SELECT freed_id, state, version, open_until FROM freed_slot WHERE slot IS NOT NULL"
    assert await estate.rows("waitlist", kept) == told
    assert await estate.rows("waitlist", "SELECT count(*), count(DISTINCT freed_id) FROM offer") == [(2, 2)]


async def test_labels_and_confidence_come_out_equal_and_looking_relabels_no_visit(estate: Estate) -> None:
    await estate.rows(
        "directory",
        "UPDATE visit_types SET security_label = 'R', version = 2 WHERE code = 'family-medicine-follow-up' RETURNING 1",
    )
    until = datetime(2029, 1, 1, tzinfo=UTC)
    await estate.rows("directory", "UPDATE proxies SET confidential_until = $1, version = 2 RETURNING 1", until)
    labels = "SELECT DISTINCT security_label FROM appointment"
    for service in ("booking", "waitlist"):
        assert (await estate.rebuild(service, check=True)).found["visit_type"], service
        assert await estate.rows("booking", labels) == [("N",)], "a look changes nothing"
    for service in ("booking", "waitlist"):
        assert (await estate.rebuild(service)).equal, service
        label = "SELECT security_label, version FROM visit_type WHERE code = 'family-medicine-follow-up'"
        assert await estate.rows(service, label) == [("R", 2)], service
        assert await estate.rows(service, "SELECT confidential_until FROM proxy") == [(until,)], service
    assert await estate.rows("booking", labels) == [("R",)]


async def test_how_appointments_stand_is_mended_and_nobody_is_written_to(estate: Estate) -> None:
    await estate.rebuild("notifications")
    told = await estate.rows("notifications", "SELECT appointment_id, version, status FROM appointments ORDER BY 1")
    assert {row[2] for row in told} == {"booked", "cancelled"}
    await estate.rows("notifications", "UPDATE appointments SET status = 'booked', version = 1 RETURNING 1")
    assert (await estate.rebuild("notifications")).equal
    mended = await estate.rows("notifications", "SELECT appointment_id, version, status FROM appointments ORDER BY 1")
    assert mended == told
    assert await estate.rows("notifications", "SELECT 1 FROM messages") == []


async def test_working_time_follows_a_mended_record(estate: Estate) -> None:
    await estate.rebuild("availability")
    template = """
        INSERT INTO template VALUES (
            'cln-00001', 'weekly', 1, 'fac-0001', 'room-1', '{mon,tue,wed,thu,fri}', '09:00', '12:00', $1, NULL, 1, 20,
            '{family-medicine-follow-up}', 1, false
        ) RETURNING 1
    """
    await estate.rows("availability", template, date(2026, 1, 1))
    assert not await estate.rows("availability", "SELECT 1 FROM working_session")
    await estate.rows("availability", "UPDATE clinician SET specialty = 'dermatology' RETURNING 1")
    assert (await estate.rebuild("availability")).equal
    assert await estate.rows("availability", "SELECT DISTINCT specialty FROM working_session") == [("family-medicine",)]


async def test_pages_follow_one_another_and_are_for_services_only(estate: Estate) -> None:
    seen, after = [], ""
    while True:
        query: dict[str, str | int] = {"kind": "facility", "limit": 2, "after": after}
        page = (await estate.http.get("/directory/records", params=query)).json()
        seen += [one["data"]["facility_id"] for one in page["records"]]
        if not (after := page["next"]):
            break
    assert seen == ["fac-0001", "fac-0002", "fac-0003"]
    audited = "SELECT count(*) FROM outbox WHERE channel = 'audit' AND data ->> 'action' = 'read-records'"
    assert await estate.rows("directory", audited) == [(2,)]
    refused = await estate.http.get(
        "/directory/records", params={"kind": "patient"}, headers={"authorization": "Bearer app"}
    )
    assert refused.status_code == 403
    assert (await estate.http.get("/directory/records", params={"kind": "role"})).status_code == 422


async def test_an_owner_that_does_not_answer_changes_nothing(estate: Estate) -> None:
    await estate.rebuild("audit")
    estate.http.headers["authorization"] = "Bearer app"
    with pytest.raises(Unavailable, match="directory answered 403 to /directory/records; nothing was changed"):
        await estate.rebuild("audit")
    assert await estate.rows("audit", "SELECT id FROM alias") == [("pat-000002",)]


def test_the_verb_names_the_services_that_have_projections() -> None:
    with pytest.raises(typer.BadParameter, match="audit, availability, booking, notifications, waitlist"):
        verb("directory")
