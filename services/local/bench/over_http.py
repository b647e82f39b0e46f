"""How soon events arrive, how long a booking and a search last through the gateway, and how many it takes at all.

Latency is of a steady rate, three times what 12,000 clinicians with 20 visits a day amount to over ten hours (6.7 a
second): a closed loop would measure how long its own queue is. How many a second there can be is asked afterwards.
From commit to queue the emulated bus takes its time, which has no target: how soon it is asked says ``outbox``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import aiohttp

from services.kernel.errors import Unavailable
from services.local.aws import Aws
from services.local.bench.clients import AT_ONCE, at_once, clients, command, free_slots, steadily
from services.local.bench.figures import Figure, at_most, percentile
from services.local.bench.running import Run
from services.local.demo.client import Appointment, Person
from services.local.demo.tap import Tap
from services.local.state import PlatformState

PART = "http"
A_SECOND = 20
Slot = Mapping[str, Any]
Booking = Callable[[], Awaitable[tuple[Appointment | None, float]]]
BOOKED = "booking.appointment-booked.v1"
TAP_SECONDS = 30.0
ZIPS = ("02108", "60611", "77030", "33136", "10016", "90033")
SEARCH_P99_MS = 15.0


def measure(run: Run) -> list[Figure]:
    """Book and cancel slots, search; return the figures."""
    state = run.platform()
    scheduler = Person(state, "scheduler")
    slots = free_slots(scheduler, run.size(200, 40) + run.size(100, 40))
    steady, rush = slots[: run.size(200, 40)], slots[run.size(200, 40) :]
    with Tap(Aws(state.emulator), state.bus) as tap:
        with run.step("bookings at a steady rate"):
            booked = asyncio.run(_steadily(state, scheduler, steady))
        ids = {appointment.id for appointment, _ in booked}
        deadline = time.monotonic() + TAP_SECONDS
        while len(arrived := _latencies(tap, ids)) < len(ids) and time.monotonic() < deadline:
            time.sleep(0.1)
    if not booked or not arrived:
        raise Unavailable("no slot could be booked, or no event came: is the platform well?")
    with run.step("searches at a steady rate"):
        asked = asyncio.run(_search(state, scheduler, run.size(300, 100)))
    with run.step("as many as it takes"):
        hurried, seconds = asyncio.run(_hurriedly(state, scheduler, rush))
    for appointment, _ in (*booked, *hurried):
        scheduler.change(appointment, "cancel", {"reason": "other"})
    took = [milliseconds for _, milliseconds in booked]
    return [
        Figure(PART, "commit to queued event, p50", round(percentile(arrived, 50), 1), "ms"),
        Figure(PART, "commit to queued event, p99", round(percentile(arrived, 99), 1), "ms"),
        Figure(PART, "booking through the gateway, p50", round(percentile(took, 50), 1), "ms"),
        Figure(PART, "booking through the gateway, p99", round(percentile(took, 99), 1), "ms"),
        Figure(PART, "search through the gateway, p50", round(percentile(asked, 50), 1), "ms"),
        at_most(PART, "search through the gateway, p99", percentile(asked, 99), "ms", SEARCH_P99_MS),
        Figure(PART, f"bookings, {AT_ONCE} at once", round(len(hurried) / seconds, 1), "a second"),
    ]


def _bookings(session: aiohttp.ClientSession, slots: Sequence[Slot], first: int) -> list[Booking]:
    async def one(number: int) -> tuple[Appointment | None, float]:
        body = {"offer": slots[number]["offer"], "patient_id": f"pat-{first + number:06}"}
        _, made, took = await command(session, "/booking/appointments", body)
        return made, took

    return [partial(one, number) for number in range(len(slots))]


def _made(results: Sequence[tuple[Appointment | None, float]]) -> list[tuple[Appointment, float]]:
    return [(made, took) for made, took in results if made is not None]


async def _steadily(state: PlatformState, scheduler: Person, slots: Sequence[Slot]) -> list[tuple[Appointment, float]]:
    async with clients(state.gateway, scheduler.token) as session:
        return _made(await steadily(_bookings(session, slots, 10), len(slots) / A_SECOND))


async def _hurriedly(
    state: PlatformState, scheduler: Person, slots: Sequence[Slot]
) -> tuple[list[tuple[Appointment, float]], float]:
    async with clients(state.gateway, scheduler.token) as session:
        results, seconds = await at_once(_bookings(session, slots, 300))
    return _made(results), seconds


async def _search(state: PlatformState, scheduler: Person, count: int) -> Sequence[float]:
    async def one(session: aiohttp.ClientSession, number: int) -> float:
        query = {"specialty": "family-medicine", "zip": ZIPS[number % len(ZIPS)], "within_km": "80", "limit": "20"}
        began = time.perf_counter()
        async with session.get("/availability/slots", params=query) as answer:
            await answer.read()
            answer.raise_for_status()
        return (time.perf_counter() - began) * 1000

    async with clients(state.gateway, scheduler.token) as session:
        return await steadily([partial(one, session, number) for number in range(count)], count / A_SECOND)


def _latencies(tap: Tap, ids: set[str]) -> list[float]:
    return [heard.milliseconds for heard in tap.heard() if heard.type == BOOKED and heard.data["appointment_id"] in ids]
