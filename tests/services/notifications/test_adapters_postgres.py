"""The store on real PostgreSQL: versions, claims, limits and a ledger that only grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.kernel.ids import new_id
from services.notifications.adapters.postgres import PostgresStore, unit_of_work
from services.notifications.domain.messages import Appointment, Channel, Kind, Language, Message, State
from services.notifications.domain.people import FacilityZone, Preferences, Proxy, Topic
from services.notifications.ports import OutcomeUnknown, Step
from services.notifications.usecases.delivery import LEASE, Delivery
from services.notifications.usecases.planning import Planning
from tests.fixtures.platform import NewDatabase
from tests.services.notifications.examples import (
    APPOINTMENT,
    BOSTON,
    NOW,
    PATIENT,
    RECIPIENT,
    START,
    booked,
    cancelled,
    moved,
)
from tests.services.notifications.fakes import FakeComposer, FakeSender

PLANNED = frozenset({State.PLANNED})


@pytest.fixture
async def db(database: NewDatabase) -> AsyncIterator[Database]:
    """Return an open, migrated, empty database."""
    opened = Database(database("notifications"), application="test", max_size=12)
    await opened.open()
    yield opened
    await opened.close()


def message(kind: Kind = Kind.CONFIRMATION, **changes: object) -> Message:
    plain = Message(new_id(), APPOINTMENT, 1, PATIENT, kind, START, BOSTON, NOW, "c" * 32)
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name


async def test_projections_keep_the_highest_version(db: Database) -> None:
    appointment = Appointment(APPOINTMENT, 2, "booked", PATIENT, "fac-0001", START, BOSTON)
    proxy = Proxy("prx-1", 2, PATIENT, "pat-000009", NOW + timedelta(days=1), active=True)
    async with db.transaction() as connection:
        store = PostgresStore(connection)
        for version, news in ((2, True), (1, False), (2, False), (3, True)):
            assert await store.keep_recipient(replace(RECIPIENT, version=version)) is news
            assert await store.keep_facility(FacilityZone("fac-0001", version, f"Zone/{version}")) is news
            assert await store.keep_proxy(replace(proxy, version=version)) is news
            assert await store.keep_appointment(replace(appointment, version=version)) is news
        assert (
            await store.recipient(PATIENT) == await store.recipient(PATIENT, lock=True) == replace(RECIPIENT, version=3)
        )
        assert await store.recipient("pat-nobody") is None
        assert await store.facility_timezone("fac-0001") == "Zone/3"
        assert await store.facility_timezone("fac-nowhere") is None


async def test_proxies_end(db: Database) -> None:
    ends = NOW + timedelta(days=1)
    async with db.transaction() as connection:
        store = PostgresStore(connection)
        await store.keep_proxy(Proxy("prx-1", 1, PATIENT, "pat-000008", ends, active=True))
        await store.keep_proxy(Proxy("prx-2", 1, PATIENT, "pat-000009", ends, active=False))
        assert await store.proxies_of(PATIENT, NOW) == {"pat-000008"}
        assert await store.proxies_of(PATIENT, ends) == frozenset()


async def test_preferences_are_kept_by_version(db: Database) -> None:
    wanted = Preferences(
        PATIENT, 1, (Channel.SMS,), Language.ES, "America/Chicago",
        {Topic.REMINDERS: False, Topic.OFFERS: True, Topic.MARKETING: False}, opted_out=True,
    )  # fmt: skip
    async with db.transaction() as connection:
        store = PostgresStore(connection)
        assert await store.preferences(PATIENT) == Preferences(PATIENT)
        assert await store.keep_preferences(wanted, NOW)
        assert await store.preferences(PATIENT) == wanted
        assert not await store.keep_preferences(wanted, NOW), "version 1 is not the one after version 1"
        assert await store.keep_preferences(replace(wanted, version=2, channels=()), NOW)
        assert (await store.preferences(PATIENT)).channels == ()


async def test_a_message_is_planned_once(db: Database) -> None:
    async with db.transaction() as connection:
        store = PostgresStore(connection)
        assert await store.plan([message(), message(Kind.REMINDER_1D)], NOW) == 2
        assert await store.plan([message(), message(Kind.REMINDER_1D), message(appointment_version=2)], NOW) == 1


async def test_a_claimed_message_is_nobody_elses(db: Database) -> None:
    async with db.transaction() as connection:
        await PostgresStore(connection).plan(
            [message(), message(Kind.REMINDER_1D, due_at=NOW + timedelta(days=9))], NOW
        )
    async with db.transaction() as one, db.transaction() as other:
        assert await PostgresStore(one).next_due(NOW, None) is not None
        assert await PostgresStore(other).next_due(NOW, None) is None
        assert await PostgresStore(one).next_due(NOW, [new_id()]) is None


async def test_a_step_and_its_line_in_the_ledger_are_one(db: Database) -> None:
    planned = message()
    later = NOW + timedelta(hours=1)
    async with db.transaction() as connection:
        store = PostgresStore(connection)
        await store.plan([planned], NOW)
        assert await store.step(planned.message_id, Step(PLANNED, State.PLANNED, NOW, "quiet-hours", send_after=later))
        assert await store.next_due(NOW, None) is None
        claim = Step(PLANNED, State.SENDING, later, channel=Channel.SMS, language=Language.EN, claimed_at=later)
        assert await store.step(planned.message_id, claim)
        assert not await store.step(planned.message_id, claim), "it is no longer planned"
        assert await store.texts_since(PATIENT, NOW) == [later]
        assert [m.message_id for m in await store.stuck(later + timedelta(seconds=1))] == [planned.message_id]
        assert not await store.stuck(later)
        refused = Step(frozenset({State.SENDING}), State.FAILED, later, "provider:MessageRejected")
        assert await store.step(planned.message_id, refused)
        assert await store.texts_since(PATIENT, NOW) == [], "what surely did not leave does not count"
        [record] = await store.messages_of(PATIENT, None, 10)
    assert record.message == replace(planned, tries=1)
    assert (record.state, record.channel, record.language) == (State.FAILED, Channel.SMS, Language.EN)
    assert [(line.state, line.at, line.channel, line.reason) for line in record.ledger] == [
        ("planned", NOW, "", ""), ("planned", NOW, "", "quiet-hours"),
        ("sending", later, "sms", ""), ("failed", later, "sms", "provider:MessageRejected"),
    ]  # fmt: skip


async def test_messages_are_paged_newest_first(db: Database) -> None:
    planned = [message(appointment_version=version) for version in range(1, 6)]
    async with db.transaction() as connection:
        store = PostgresStore(connection)
        await store.plan(planned, NOW)
        first = await store.messages_of(PATIENT, None, 3)
        rest = await store.messages_of(PATIENT, first[-1].message.message_id, 3)
        assert [r.message.message_id for r in (*first, *rest)] == [m.message_id for m in reversed(planned)]
        assert await store.messages_of("pat-nobody", None, 3) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE deliveries SET state = 'sent'",
        "DELETE FROM deliveries",
        "TRUNCATE deliveries",
        "TRUNCATE messages CASCADE",
    ],
)
async def test_the_ledger_only_grows(db: Database, statement: str) -> None:
    async with db.transaction() as connection:
        await PostgresStore(connection).plan([message()], NOW)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
        async with db.transaction() as connection:
            await connection.execute(statement)


async def _hears(db: Database, *events: object) -> None:
    for event in events:
        async with db.transaction() as connection:
            await Planning(PostgresStore(connection), FixedClock(NOW)).take(event)  # type: ignore[arg-type]


async def _states(db: Database) -> list[tuple[str, str]]:
    async with db.connection() as connection:
        rows = await connection.fetch("SELECT kind, state FROM messages ORDER BY message_id")
    return [(row["kind"], row["state"]) for row in rows]


async def test_many_senders_at_once_send_each_message_once_and_keep_the_limit(db: Database) -> None:
    async with db.transaction() as connection:
        store = PostgresStore(connection)
        await store.keep_recipient(RECIPIENT)
        await store.keep_preferences(Preferences(PATIENT, 1, (Channel.SMS,)), NOW)
        others = [replace(RECIPIENT, patient_id=f"pat-{n}") for n in range(20)]
        for other in others:
            await store.keep_recipient(other)
        mine = [message(appointment_id=new_id()) for _ in range(10)]
        theirs = [message(appointment_id=new_id(), patient_id=other.patient_id) for other in others for _ in range(2)]
        await store.plan([*mine, *theirs], NOW)
    mail, text = FakeSender(), FakeSender()
    deliveries = [
        Delivery(unit_of_work(db), {Channel.EMAIL: mail, Channel.SMS: text}, FakeComposer(), FixedClock(NOW))
        for _ in range(3)
    ]
    tallies = await asyncio.gather(*(delivery.deliver(NOW) for delivery in deliveries))
    assert sum(tally[State.SENT] for tally in tallies) == 41
    assert len(mail.sent) == 40
    assert len(text.sent) == 1, "one text a day, although ten were due at once"


async def test_story_with_a_crash_an_outage_and_a_cancellation(db: Database) -> None:
    async with db.transaction() as connection:
        await PostgresStore(connection).keep_recipient(RECIPIENT)
    clock, mail = FixedClock(NOW), FakeSender()
    delivery = Delivery(unit_of_work(db), {Channel.EMAIL: mail}, FakeComposer(), clock)
    await _hears(db, moved(2, starts_at=START + timedelta(days=2)), booked(1), moved(3))
    mail.answers = [OutcomeUnknown()]
    await delivery.deliver(NOW)
    assert await _states(db) == [
        ("moved", "withdrawn"), ("reminder-7d", "withdrawn"),
        ("reminder-3d", "withdrawn"), ("reminder-1d", "withdrawn"),
        ("moved", "unknown"), ("reminder-7d", "planned"),
        ("reminder-3d", "planned"), ("reminder-1d", "planned"),
    ]  # fmt: skip
    clock.at = START - timedelta(days=2)
    await delivery.deliver(clock.at)
    await delivery.deliver(clock.at)
    assert [words.subject for _, words in mail.sent] == ["reminder-3d"]
    await _hears(db, cancelled(4))
    clock.at = START - timedelta(days=1)
    await delivery.deliver(clock.at)
    assert [words.subject for _, words in mail.sent] == ["reminder-3d", "cancelled"]
    async with db.connection() as connection:
        told = await connection.fetch("SELECT type, data->>'reason' AS reason, correlation_id FROM outbox ORDER BY id")
    assert [(row["type"], row["reason"]) for row in told] == [
        ("notifications.message-failed.v1", "outcome-unknown"),
        ("notifications.message-sent.v1", None),
        ("notifications.message-sent.v1", None),
    ]


async def test_a_sender_that_was_killed_leaves_unknown_and_a_slow_one_corrects_it(db: Database) -> None:
    async with db.transaction() as connection:
        store = PostgresStore(connection)
        await store.keep_recipient(RECIPIENT)
        await store.plan([message()], NOW)
    clock, mail = FixedClock(NOW), FakeSender()
    sweeping = Delivery(unit_of_work(db), {Channel.EMAIL: mail}, FakeComposer(), clock)

    class Slow(FakeSender):
        async def send(self, *given: object) -> str:
            clock.at = NOW + LEASE + timedelta(seconds=1)
            assert await sweeping.give_up_stuck() == 1
            assert await _states(db) == [("confirmation", "unknown")]
            assert not await sweeping.deliver(clock.at), "unknown is never sent again"
            return "late"

    await Delivery(unit_of_work(db), {Channel.EMAIL: Slow()}, FakeComposer(), clock).deliver(NOW)
    assert await _states(db) == [("confirmation", "sent")]
