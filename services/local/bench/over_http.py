"""How soon events arrive, how many bookings a second the gateway takes, how long a search lasts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import aiohttp

from services.kernel.errors import Unavailable
from services.local.aws import Aws
from services.local.bench.clients import at_once, clients, command, free_slots
from services.local.bench.figures import Figure, at_most, percentile
from services.local.bench.running import Run
from services.local.demo.client import Appointment, Person
from services.local.demo.tap import Tap
from services.local.state import PlatformState

PART = "http"
BOOKED = "booking.appointment-booked.v1"
TAP_SECONDS = 30.0
ZIPS = ("02108", "60611", "77030", "33136", "10016", "90033")
# The design's figures (performance.md) are of a quiet machine.
EVENT_P99_MS, SEARCH_P99_MS = 50.0, 15.0


def measure(run: Run) -> list[Figure]:
    """Book and cancel slots, search; return the figures."""
    state = run.platform()
    bookings, searches = run.size(100, 40), run.size(300, 100)
    scheduler = Person(state, "scheduler")
    with Tap(Aws(state.emulator), state.bus) as tap:
        booked, seconds = asyncio.run(_book(state, scheduler, bookings))
        ids = {appointment.id for appointment, _ in booked}
        deadline = time.monotonic() + TAP_SECONDS
        while len(arrived := _latencies(tap, ids)) < len(ids) and time.monotonic() < deadline:
            time.sleep(0.1)
    for appointment, _ in booked:
        scheduler.change(appointment, "cancel", {"reason": "other"})
    if not booked or not arrived:
        raise Unavailable("no slot could be booked, or no event came: is the platform well?")
    asked, asking = asyncio.run(_search(state, scheduler, searches))
    took = [milliseconds for _, milliseconds in booked]
    return [
        Figure(PART, "commit to queued event, p50", round(percentile(arrived, 50), 1), "ms"),
        at_most(PART, "commit to queued event, p99", percentile(arrived, 99), "ms", EVENT_P99_MS),
        Figure(PART, "booking, p50", round(percentile(took, 50), 1), "ms"),
        Figure(PART, "booking, p99", round(percentile(took, 99), 1), "ms"),
        Figure(PART, "bookings", round(len(booked) / seconds, 1), "a second"),
        Figure(PART, "search, p50", round(percentile(asked, 50), 1), "ms"),
        at_most(PART, "search, p99", percentile(asked, 99), "ms", SEARCH_P99_MS),
        Figure(PART, "searches", round(len(asked) / asking, 1), "a second"),
    ]


async def _book(state: PlatformState, scheduler: Person, count: int) -> tuple[list[tuple[Appointment, float]], float]:
    slots = await asyncio.to_thread(free_slots, scheduler, count)

    async def one(session: aiohttp.ClientSession, number: int) -> tuple[Appointment | None, float]:
        body = {"offer": slots[number]["offer"], "patient_id": f"pat-{10 + number:06}"}
        _, made, took = await command(session, "/booking/appointments", body)
        return made, took

    async with clients(state.gateway, scheduler.token) as session:
        results, seconds = await at_once([partial(one, session, number) for number in range(len(slots))])
    return [(made, took) for made, took in results if made is not None], seconds


async def _search(state: PlatformState, scheduler: Person, count: int) -> tuple[Sequence[float], float]:
    async def one(session: aiohttp.ClientSession, number: int) -> float:
        query = {"specialty": "family-medicine", "zip": ZIPS[number % len(ZIPS)], "within_km": "80", "limit": "20"}
        began = time.perf_counter()
        async with session.get("/availability/slots", params=query) as answer:
            await answer.read()
            answer.raise_for_status()
        return (time.perf_counter() - began) * 1000

    async with clients(state.gateway, scheduler.token) as session:
        return await at_once([partial(one, session, number) for number in range(count)])


def _latencies(tap: Tap, ids: set[str]) -> list[float]:
    return [heard.milliseconds for heard in tap.heard() if heard.type == BOOKED and heard.data["appointment_id"] in ids]
