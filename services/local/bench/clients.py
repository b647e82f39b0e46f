"""Many clients at the gateway: slots to book, and commands sent a bounded number at a time or at a steady pace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import aiohttp

from services.local.demo.client import Appointment, Person

T = TypeVar("T")
AT_ONCE = 16
SPECIALTY = "family-medicine"


def free_slots(scheduler: Person, count: int, hours: int = 24) -> list[dict[str, Any]]:
    """Return up to ``count`` slots of the next four weeks that do not overlap; searched ``hours`` at a time."""
    found: dict[str, dict[str, Any]] = {}
    starts = datetime.now(UTC) + timedelta(days=1)
    last = starts + timedelta(days=27)
    while starts < last and len(found) < count:
        ends = starts + timedelta(hours=hours)
        window = {"from": starts.isoformat(), "to": ends.isoformat()}
        for slot in scheduler.slots(specialty=SPECIALTY, limit=100, **window):
            # One start a clinician and hour, or visits of different lengths would overlap.
            found.setdefault(f"{slot['slot']['clinician_id']} {slot['slot']['starts_at'][:13]}", slot)
        starts = ends
    return list(found.values())[:count]


@asynccontextmanager
async def clients(gateway: str, token: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Return connections that speak in the name of ``token``."""
    async with aiohttp.ClientSession(gateway, headers={"Authorization": f"Bearer {token}"}) as session:
        yield session


async def command(
    session: aiohttp.ClientSession, path: str, body: Any = None, etag: str = ""
) -> tuple[int, Appointment | None, float]:
    """POST a command of booking; return status, the appointment if it was done, and how many milliseconds it took."""
    headers = {"Idempotency-Key": str(uuid4())} | ({"If-Match": etag} if etag else {})
    began = time.perf_counter()
    async with session.post(path, json=body, headers=headers) as answer:
        told = await answer.json()
        took = (time.perf_counter() - began) * 1000
        done = Appointment(told["id"], answer.headers["ETag"], told) if answer.ok else None
        return answer.status, done, took


async def at_once(work: Sequence[Callable[[], Awaitable[T]]]) -> tuple[list[T], float]:
    """Do ``work``, AT_ONCE at a time; return the results and how many seconds it took."""
    places = asyncio.Semaphore(AT_ONCE)

    async def placed(one: Callable[[], Awaitable[T]]) -> T:
        async with places:
            return await one()

    began = time.perf_counter()
    return list(await asyncio.gather(*map(placed, work))), time.perf_counter() - began


async def steadily(work: Sequence[Callable[[], Awaitable[T]]], seconds: float) -> list[T]:
    """Begin each of ``work`` evenly over ``seconds``, whatever became of the one before; return the results."""

    async def due(number: int, one: Callable[[], Awaitable[T]]) -> T:
        await asyncio.sleep(number * seconds / len(work))
        return await one()

    return list(await asyncio.gather(*(due(number, one) for number, one in enumerate(work))))
