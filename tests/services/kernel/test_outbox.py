"""What commits is told, what does not commit is not, and a bus that is down loses nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.contracts.events.booking import AppointmentBooked
from services.kernel.audit import AuditEntry
from services.kernel.database import Database
from services.kernel.ids import new_id
from services.kernel.outbox import (
    BATCH,
    Envelope,
    Relay,
    append_audit,
    append_events,
)
from tests.services.kernel.test_audit import ENTRY

NOW = datetime(2027, 1, 1, tzinfo=UTC)
BOOKED = AppointmentBooked.model_validate(AppointmentBooked.EXAMPLE)


class Bus:
    """Takes events, unless told to refuse some or all."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.calls = 0
        self.refusing: Callable[[Envelope], bool] = lambda _event: False
        self.down = False

    async def publish(self, batch: Sequence[Envelope]) -> frozenset[UUID]:
        if self.down:
            raise OSError("unreachable")
        self.calls += 1
        self.taken += [event for event in batch if not self.refusing(event)]
        return frozenset(event.id for event in batch if self.refusing(event))


@pytest.fixture
async def opened(database: Callable[[str], str]) -> AsyncIterator[Database]:
    made = Database(database("kernel"), application="test")
    await made.open()
    yield made
    await made.close()


async def write(opened: Database, count: int = 1) -> None:
    async with opened.transaction() as connection:
        await append_events(connection, [BOOKED] * count, NOW)


async def unsent(opened: Database) -> int:
    async with opened.connection() as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL")
        return found


async def test_a_committed_event_is_sent_once_with_its_data(opened: Database) -> None:
    bus = Bus()
    relay = Relay(opened, {"bus": bus}, service="booking")
    await write(opened)
    assert [await relay.drain_once(), await relay.drain_once()] == [1, 0]
    [event] = bus.taken
    assert (event.type, event.source, event.occurred_at) == (BOOKED.TYPE, "careslot.booking", NOW)
    assert event.data == BOOKED.payload()


async def test_a_rolled_back_event_is_never_sent(opened: Database) -> None:
    with pytest.raises(KeyError):
        async with opened.transaction() as connection:
            await append_events(connection, [BOOKED], NOW)
            raise KeyError
    bus = Bus()
    assert await Relay(opened, {"bus": bus}, service="booking").drain_once() == 0
    assert not bus.taken


async def test_a_bus_that_is_down_keeps_everything_for_later(opened: Database) -> None:
    bus = Bus()
    bus.down = True
    relay = Relay(opened, {"bus": bus}, service="booking")
    await write(opened, 3)
    with pytest.raises(OSError):
        await relay.drain_once()
    assert await unsent(opened) == 3
    bus.down = False
    assert await relay.drain_once() == 3


async def test_a_refused_event_waits_and_does_not_hold_up_the_others(opened: Database) -> None:
    bus = Bus()
    relay = Relay(opened, {"bus": bus}, service="booking")
    await write(opened, 2)
    async with opened.connection() as connection:
        first = await connection.fetchval("SELECT event_id FROM outbox ORDER BY id LIMIT 1")
    bus.refusing = lambda event: event.id == first
    assert await relay.drain_once() == 1
    assert await relay.drain_once() == 0
    async with opened.connection() as connection:
        await connection.execute("UPDATE outbox SET next_attempt_at = clock_timestamp()")
        assert await connection.fetchval("SELECT attempts FROM outbox WHERE sent_at IS NULL") == 1
    bus.refusing = lambda _event: False
    assert await relay.drain_once() == 1
    assert await unsent(opened) == 0


async def test_two_relays_never_send_the_same_event(opened: Database) -> None:
    bus = Bus()
    relays = [Relay(opened, {"bus": bus}, service="booking") for _ in range(4)]
    await write(opened, BATCH * 3)

    async def drain(relay: Relay) -> None:
        while await relay.drain_once():
            pass

    await asyncio.gather(*(drain(relay) for relay in relays))
    # A relay whose turn it is not stops; one more round takes what is left.
    await drain(relays[0])
    assert len(bus.taken) == len({event.id for event in bus.taken}) == BATCH * 3


async def test_a_slow_bus_holds_back_no_reader_of_the_change_feed(opened: Database) -> None:
    publishing, answered = asyncio.Event(), asyncio.Event()

    class SlowBus(Bus):
        async def publish(self, batch: Sequence[Envelope]) -> frozenset[UUID]:
            publishing.set()
            await answered.wait()
            return await super().publish(batch)

    await write(opened)
    task = asyncio.create_task(Relay(opened, {"bus": SlowBus()}, service="booking").drain_once())
    await publishing.wait()
    async with opened.transaction() as connection:
        mine = await connection.fetchval("SELECT pg_current_xact_id()::text::bigint")
    async with opened.connection() as connection:
        oldest = await connection.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    answered.set()
    assert await task == 1
    assert oldest > mine


async def test_a_killed_relay_leaves_its_rows_to_the_next(opened: Database) -> None:
    publishing = asyncio.Event()

    class HangingBus(Bus):
        async def publish(self, batch: Sequence[Envelope]) -> frozenset[UUID]:
            publishing.set()
            await asyncio.Event().wait()
            return frozenset()

    await write(opened)
    task = asyncio.create_task(Relay(opened, {"bus": HangingBus()}, service="booking").drain_once())
    await publishing.wait()
    bus = Bus()
    assert await Relay(opened, {"bus": bus}, service="booking").drain_once() == 0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await Relay(opened, {"bus": bus}, service="booking").drain_once() == 1


async def test_audit_entries_wait_until_someone_takes_them(opened: Database) -> None:
    entry = AuditEntry(
        id=new_id(), at=NOW, service="booking", action="read-day", outcome="refused", subject="u", roles=(), person="",
        resource_type="", resource_id="", about="", reason="policy", policies=(), correlation_id="c",
    )  # fmt: skip
    async with opened.transaction() as connection:
        await append_audit(connection, [entry])
    bus, audit = Bus(), Bus()
    assert await Relay(opened, {"bus": bus}, service="booking").drain_once() == 0
    assert await unsent(opened) == 1
    assert await Relay(opened, {"bus": bus, "audit": audit}, service="booking").drain_once() == 1
    assert [event.data for event in audit.taken] == [entry.payload()]


async def test_a_running_relay_is_woken_by_the_commit_and_stops_when_cancelled(opened: Database) -> None:
    bus = Bus()
    task = asyncio.create_task(Relay(opened, {"bus": bus}, service="booking").run())
    await write(opened)
    async with asyncio.timeout(10):
        while not bus.taken:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_nobody_waits_for_leaves_together(opened: Database) -> None:
    bus = Bus()
    task = asyncio.create_task(Relay(opened, {"bus": bus}, service="booking", gather_seconds={"bus": 0.5}).run())
    for _ in range(5):
        await write(opened)
    async with asyncio.timeout(10):
        while len(bus.taken) < 5:
            await asyncio.sleep(0.01)
    assert bus.calls < 5, "commits soon after one another share a call"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_old_sent_rows_go_and_unsent_ones_stay_however_old(opened: Database) -> None:
    relay = Relay(opened, {"bus": Bus()}, service="booking")
    await write(opened, 2)
    async with opened.connection() as connection:
        await connection.execute(
            "UPDATE outbox SET sent_at = now() - interval '8 days' WHERE id = (SELECT min(id) FROM outbox)"
        )
    assert [await relay.purge(), await relay.purge()] == [1, 0]
    assert await unsent(opened) == 1


async def test_a_channel_that_is_down_does_not_hold_up_the_other(opened: Database) -> None:
    bus, audit = Bus(), Bus()
    audit.down = True
    relay = Relay(opened, {"audit": audit, "bus": bus}, service="booking")
    running = asyncio.create_task(relay.run())
    async with opened.transaction() as connection:
        await append_audit(connection, [ENTRY])
    await write(opened, BATCH * 2)
    async with asyncio.timeout(20):
        while len(bus.taken) < BATCH * 2:
            await asyncio.sleep(0.02)
        assert await unsent(opened) == 1
        audit.down = False
        while not audit.taken:
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_one_channels_fault_is_raised_after_the_others_were_sent(opened: Database) -> None:
    bus, audit = Bus(), Bus()
    audit.down = True
    async with opened.transaction() as connection:
        await append_audit(connection, [ENTRY])
    await write(opened, 3)
    with pytest.raises(OSError):
        await Relay(opened, {"audit": audit, "bus": bus}, service="booking").drain_once()
    assert len(bus.taken) == 3
