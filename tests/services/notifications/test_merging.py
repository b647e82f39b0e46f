"""Two records of one person: the stricter wishes hold, nothing planned is lost or told twice, the ledger stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.contracts.events.booking import AppointmentReassigned
from services.contracts.events.directory import PatientMerged
from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.kernel.ids import new_id
from services.kernel.outbox import Envelope
from services.notifications.adapters.postgres import PostgresStore, unit_of_work
from services.notifications.consumers import on_directory
from services.notifications.domain.messages import Channel, Kind, Language
from services.notifications.domain.people import Preferences, Proxy, Topic
from services.notifications.usecases.delivery import Delivery
from services.notifications.usecases.merging import stricter, take_merge
from services.notifications.usecases.planning import Planning
from services.notifications.usecases.projections import record
from tests.fixtures.platform import NewDatabase
from tests.services.notifications.examples import APPOINTMENT, NOW, PATIENT, START, booked, patient
from tests.services.notifications.fakes import FakeComposer, FakeSender

OLD, NEW = "pat-000002", PATIENT
MERGED = PatientMerged.model_validate({**PatientMerged.EXAMPLE, "replaced_id": OLD, "survivor_id": NEW})
SAID = {Topic.REMINDERS: True, Topic.OFFERS: True, Topic.MARKETING: False}


def reassigned(version: int = 2, status: str = "booked") -> AppointmentReassigned:
    data = {**booked(version).payload(), "status": status, "former_patient_id": OLD}
    return AppointmentReassigned.model_validate(data)


@pytest.fixture
async def db(database: NewDatabase) -> AsyncIterator[Database]:
    opened = Database(database("notifications"), application="test", max_size=4)
    await opened.open()
    async with opened.transaction() as connection:
        await record(patient(), PostgresStore(connection))
        await record(patient(patient_id=OLD, email="old@example.org"), PostgresStore(connection))
    yield opened
    await opened.close()


def test_consent_holds_only_where_both_gave_it() -> None:
    mine = Preferences(NEW, 3, (Channel.SMS,), None, None, dict(SAID))
    theirs = Preferences(OLD, 1, (Channel.EMAIL,), Language.ES, None, {**SAID, Topic.OFFERS: False})
    united = stricter(mine, theirs)
    assert not united.takes_offers
    assert (united.patient_id, united.channels, united.language) == (NEW, (Channel.SMS,), Language.ES)
    assert stricter(theirs, Preferences(NEW, 2, consent=dict(SAID), opted_out=True)).opted_out
    assert stricter(mine, Preferences(OLD)) == mine
    assert stricter(Preferences(NEW), theirs).consent == theirs.consent


async def test_the_united_wishes_are_told(db: Database) -> None:
    async with db.transaction() as connection:
        store = PostgresStore(connection)
        await store.keep_preferences(Preferences(NEW, 1, consent=dict(SAID)), NOW)
        await store.keep_preferences(Preferences(OLD, 1, consent={**SAID, Topic.OFFERS: False}), NOW)
        await take_merge(MERGED, store)
        await take_merge(MERGED, store)
        assert (await store.preferences(OLD)).patient_id == NEW
        assert (await store.preferences(NEW)).version == 2
        [told] = await connection.fetch("SELECT data FROM outbox")
    assert (told["data"]["patient_id"], told["data"]["offers"]) == (NEW, False)


async def test_messages_planned_for_the_old_record_reach_the_survivor_once(db: Database) -> None:
    sender = FakeSender()
    clock = FixedClock(NOW)
    async with db.transaction() as connection:
        planning = Planning(PostgresStore(connection), clock)
        await planning.take(booked(patient_id=OLD))
        await take_merge(MERGED, PostgresStore(connection))
        await planning.take(reassigned())
    delivery = Delivery(unit_of_work(db), dict.fromkeys(Channel, sender), FakeComposer(), clock, at_once=1)
    await delivery.deliver(NOW + timedelta(minutes=1))
    async with db.transaction() as connection:
        store = PostgresStore(connection)
        found = await store.messages_of(NEW, None, 50)
        assert await store.messages_of(OLD, None, 50) == found
    kinds = [one.message.kind for one in found]
    assert len(kinds) == len(set(kinds)), "nothing is planned twice"
    assert [one.state for one in found if one.message.kind is Kind.CONFIRMATION] == ["sent"]
    assert {one.state for one in found} == {"sent", "planned"}
    assert [to for to, _ in sender.sent] == ["maria@example.org"]


async def test_a_booking_that_the_merge_overtook_is_still_told(db: Database) -> None:
    async with db.transaction() as connection:
        store = PostgresStore(connection)
        await take_merge(MERGED, store)
        planning = Planning(store, FixedClock(NOW))
        await planning.take(reassigned())
        await planning.take(booked(patient_id=OLD))
        kinds = await store.kinds_of(APPOINTMENT)
        assert {one.message.patient_id for one in await store.messages_of(NEW, None, 50)} == {NEW}
        await planning.take(reassigned(3, "cancelled"))
    assert Kind.CONFIRMATION in kinds
    assert len(kinds) > 1, "reminders follow"


async def test_proxies_of_the_old_record_are_those_of_the_survivor(db: Database) -> None:
    async with db.transaction() as connection:
        store = PostgresStore(connection)
        await store.keep_proxy(Proxy("prx-1", 1, NEW, "pat-000009", START, active=True))
        await on_directory(Envelope(new_id(), MERGED.TYPE, MERGED.source, NOW, "", MERGED.payload()), store)
        assert await store.proxies_of(OLD, NOW) == {"pat-000009"}
