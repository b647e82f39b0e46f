"""Live streams over a real server: what is shown, to whom, resumed from where, and how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
import uvicorn

from services.booking.adapters.feed import PostgresFeed
from services.booking.domain.feed import Cursor
from services.booking.usecases.following import QUEUE, Broadcaster
from tests.fixtures.platform import NewDatabase
from tests.services.booking.world import START, World, offer, world_over


@dataclass
class Served:
    """The application on a free port, with the streams' reader running."""

    world: World
    server: uvicorn.Server
    http: httpx.AsyncClient


@asynccontextmanager
async def served(world: World) -> AsyncIterator[Served]:
    config = uvicorn.Config(world.app, port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    tasks = [asyncio.create_task(server.serve()), asyncio.create_task(world.parts.broadcast.run())]
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            yield Served(world, server, http)
    finally:
        server.should_exit = True
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Stream:
    """A client of one stream: collects events as (name, data, id) and heartbeats."""

    events: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    heartbeats: int = 0
    status: int = 0
    ended: bool = False

    @property
    def last_id(self) -> str:
        return self.events[-1][2]

    async def follow(self, http: httpx.AsyncClient, path: str, who: str, last_id: str | None = None) -> None:
        headers = {"authorization": f"Bearer {who}", **({"last-event-id": last_id} if last_id else {})}
        async with http.stream("GET", path, headers=headers) as response:
            self.status = response.status_code
            if self.status != 200:
                return
            fields: dict[str, str] = {}
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if line.startswith(":"):
                    self.heartbeats += 1
                elif line:
                    fields[name] = value
                elif "data" in fields:
                    self.events.append((fields["event"], json.loads(fields["data"]), fields["id"]))
                    fields = {}
        self.ended = True

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not enough():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def following(on: Served, path: str, who: str = "frontdesk", last_id: str | None = None) -> AsyncIterator[Stream]:
    stream = Stream()
    task = asyncio.create_task(stream.follow(on.http, path, who, last_id))
    try:
        await stream.until(lambda: bool(stream.status))
        yield stream
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


DAY = "/facilities/fac-0001/stream"


async def test_a_front_desk_sees_its_facility_and_no_patient(world: World) -> None:
    async with served(world) as on, following(on, DAY) as stream:
        await stream.until(lambda: len(stream.events) == 1)
        assert stream.events[0][0] == "ready"
        await world.book(offer(facility="fac-0002", clinician="cln-2"), "pat-2", who="elsewhere")
        booked = (await world.book(offer())).json()
        await world.do(booked, "cancel", {"reason": "other"})
        await stream.until(lambda: len(stream.events) == 3)
    assert [(name, data["status"], data["version"]) for name, data, _ in stream.events[1:]] == [
        ("appointment", "booked", 1),
        ("appointment", "cancelled", 2),
    ]
    assert set(stream.events[1][1]) == {
        "appointment_id", "version", "status", "starts_at", "ends_at", "clinician_id", "facility_id", "busy",
    }  # fmt: skip
    assert stream.events[1][1]["appointment_id"] == booked["id"]


async def test_resuming_misses_nothing_and_repeats_nothing(world: World) -> None:
    async with served(world) as on:
        async with following(on, DAY) as stream:
            await stream.until(lambda: len(stream.events) == 1)
            await world.book(offer(), "pat-1")
            await stream.until(lambda: len(stream.events) == 2)
        for n in range(5):
            await world.book(offer(START + timedelta(hours=n + 1)), "pat-1")
        async with following(on, DAY, last_id=stream.last_id) as again:
            await world.book(offer(START + timedelta(hours=9)), "pat-1")
            await again.until(lambda: len(again.events) == 6)
        async with following(on, DAY, last_id=stream.events[0][2]) as whole:
            await whole.until(lambda: len(whole.events) == 7)
    assert [name for name, _, _ in again.events] == ["appointment"] * 6
    assert len({data["appointment_id"] for _, data, _ in again.events}) == 6
    assert whole.events == [*stream.events[1:], *again.events]


async def test_a_facility_that_was_left_learns_only_that(world: World) -> None:
    booked = (await world.book(offer())).json()
    there = offer(START + timedelta(hours=1), facility="fac-0002", clinician="cln-2")
    async with served(world) as on, following(on, DAY) as left, following(
        on, "/facilities/fac-0002/stream", "elsewhere"
    ) as entered:  # fmt: skip
        await left.until(lambda: bool(left.events))
        await entered.until(lambda: bool(entered.events))
        await world.move(booked, there, who="callcenter")
        await left.until(lambda: len(left.events) == 2)
        await entered.until(lambda: len(entered.events) == 2)
    assert left.events[1][:2] == ("departed", {"appointment_id": booked["id"], "version": 2})
    assert (entered.events[1][0], entered.events[1][1]["clinician_id"]) == ("appointment", "cln-2")


async def test_one_appointment(world: World) -> None:
    booked = (await world.book(offer(), who="maria")).json()
    other = (await world.book(offer(START + timedelta(hours=1)), "pat-2")).json()
    async with served(world) as on, following(on, f"/appointments/{booked['id']}/stream", "maria") as stream:
        await stream.until(lambda: bool(stream.events))
        await world.do(other, "check-in")
        await world.do(booked, "check-in")
        await stream.until(lambda: len(stream.events) == 2)
    assert (stream.events[1][1]["appointment_id"], stream.events[1][1]["status"]) == (booked["id"], "checked-in")


async def test_who_may_follow(world: World) -> None:
    booked = (await world.book(offer())).json()
    async with served(world) as on:
        wanted = {
            (DAY, "elsewhere"): 403, (DAY, "maria"): 403, (DAY, "nobody"): 401,
            (f"/appointments/{booked['id']}/stream", "elsewhere"): 403,
            ("/appointments/0197a000-0000-7000-8000-00000000000a/stream", "maria"): 404,
        }  # fmt: skip
        for (path, who), status in wanted.items():
            async with following(on, path, who) as stream:
                assert (stream.status, stream.events) == (status, []), (path, who)


async def test_streams_beat_and_end_in_time(database: NewDatabase) -> None:
    async with (
        world_over(database("booking"), stream_seconds=1.2, heartbeat_seconds=0.2) as world,
        served(world) as on,
        following(on, DAY) as stream,
    ):
        await stream.until(lambda: stream.ended)
        assert stream.heartbeats >= 2
        async with following(on, DAY, last_id=stream.last_id) as again:
            assert again.status == 200


async def test_shutdown_ends_streams(world: World) -> None:
    async with served(world) as on, following(on, DAY) as stream:
        await stream.until(lambda: bool(stream.events))
        on.server.should_exit = True
        await stream.until(lambda: stream.ended)
    assert stream.status == 200


async def test_closing_ends_listeners_and_leaves_nothing_behind(world: World) -> None:
    broadcaster = Broadcaster(PostgresFeed(world.database))
    listening = broadcaster.listen("facility:fac-0001", None)
    assert (await anext(listening))[1] is None
    waiting = asyncio.ensure_future(anext(listening))
    await asyncio.sleep(0)
    broadcaster.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert not broadcaster.listeners


MORE = """
INSERT INTO status_history (appointment_id, version, action, from_status, to_status, actor_subject, actor_roles,
    reason, at, correlation_id, facility_id, former_facility_id, event_type, event)
SELECT appointment_id, $1 + n, action, from_status, to_status, actor_subject, actor_roles, reason, at,
    correlation_id, facility_id, former_facility_id, event_type, event
FROM status_history, generate_series(0, $2 - 1) AS n WHERE version = 1
"""


async def test_a_listener_that_does_not_keep_up_is_let_go(world: World) -> None:
    booked = (await world.book(offer())).json()
    broadcaster = Broadcaster(PostgresFeed(world.database), poll_seconds=0.01)
    reader = asyncio.create_task(broadcaster.run())
    slow = broadcaster.listen(f"appointment:{booked['id']}", None)
    start, _ = await anext(slow)
    await world.rows(MORE, 2, 1)
    seen: list[Cursor] = [(await anext(slow))[0]]
    # It has begun to listen; now it does nothing while more arrive than its queue holds.
    await world.rows(MORE, 3, QUEUE + 10)
    # A transaction still open in another test's database keeps rows from the feed for a while.
    async with asyncio.timeout(60):
        while len(every := await PostgresFeed(world.database).after(start, QUEUE + 20)) < QUEUE + 11:
            await asyncio.sleep(0.05)
        while broadcaster.cursor != every[-1].cursor:
            await asyncio.sleep(0.01)
    seen += [cursor async for cursor, _ in slow]
    assert len(seen) < QUEUE + 11
    resumed = broadcaster.listen(f"appointment:{booked['id']}", seen[-1])
    again = [(await anext(resumed))[0] for _ in range(QUEUE + 11 - len(seen))]
    assert sorted({*seen, *again}) == [*seen, *again]
    assert start < seen[0]
    await resumed.aclose()
    reader.cancel()


async def test_nothing_falls_between_what_was_read_back_and_what_is_handed_on(world: World) -> None:
    """The reader, asking late where the feed ends, must not begin behind a listener's own beginning."""
    asked = asyncio.Event()

    class LateForTheReader(PostgresFeed):
        heads = 0

        async def head(self) -> Cursor:
            LateForTheReader.heads += 1
            if LateForTheReader.heads > 1:
                await asked.wait()
            return await super().head()

    booked = (await world.book(offer())).json()
    broadcaster = Broadcaster(LateForTheReader(world.database), poll_seconds=0.01)
    listening = broadcaster.listen(f"appointment:{booked['id']}", None)
    reader: asyncio.Task[None] | None = None
    try:
        first = asyncio.ensure_future(anext(listening))
        await asyncio.sleep(0)
        reader = asyncio.create_task(broadcaster.run())
        await first
        await world.rows(MORE, 2, 1)
        await anext(listening)
        await world.rows(MORE, 3, 1)
        asked.set()
        async with asyncio.timeout(30):
            _, change = await anext(listening)
        assert change is not None
        assert change.version == 3
    finally:
        if reader is not None:
            reader.cancel()
        await listening.aclose()


async def test_who_comes_back_after_too_long_is_told_to_read_anew(world: World) -> None:
    await world.book(offer())
    broadcaster = Broadcaster(PostgresFeed(world.database), page=1, pages_back=2)
    for n in range(4):
        await world.book(offer(START + timedelta(hours=n + 1)))
    listening = broadcaster.listen("facility:fac-0001", Cursor(0, 0))
    seen = [await anext(listening) for _ in range(3)]
    assert [change is None for _, change in seen] == [False, False, True]
    assert seen[2][0] > seen[1][0]
    await listening.aclose()
