"""What the platform does on this machine, measured from outside: events, bookings, searches.

Figures are for comparing a change with the state before it on one machine; nothing asserts them.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp

from services.kernel.errors import Unavailable
from services.local.aws import Aws
from services.local.demo.client import Appointment, Person
from services.local.demo.tap import Tap
from services.local.state import PlatformState

BOOKED = "booking.appointment-booked.v1"
AT_ONCE = 16
TAP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement: durations in milliseconds, ``per_second`` over the whole run."""

    what: str
    count: int
    p50_ms: float
    p99_ms: float
    per_second: float

    def told(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return asdict(self)


def measure(state: PlatformState, bookings: int, searches: int) -> list[Figure]:
    """Book and cancel ``bookings`` slots, search ``searches`` times; return the figures."""
    scheduler = Person(state, "scheduler")
    slots = _slots(scheduler, bookings)
    patients = [f"pat-{number:06}" for number in range(10, 10 + len(slots))]
    with Tap(Aws(state.emulator), state.bus) as tap:
        booked, seconds = asyncio.run(_book(state.gateway, scheduler.token, slots, patients))
        ids = {appointment.id for appointment, _ in booked}
        deadline = time.monotonic() + TAP_SECONDS
        while len(arrived := _latencies(tap, ids)) < len(ids) and time.monotonic() < deadline:
            time.sleep(0.1)
    for appointment, _ in booked:
        scheduler.change(appointment, "cancel", {"reason": "other"})
    if not booked or not arrived:
        raise Unavailable("no slot could be booked, or no event came: is the platform well?")
    asked, asking = asyncio.run(_search(state.gateway, scheduler.token, searches))
    return [
        _figure("commit to queued event", arrived, seconds),
        _figure("booking over HTTP", [took for _, took in booked], seconds),
        _figure("search over HTTP", asked, asking),
    ]


def _slots(scheduler: Person, count: int) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for day in range(1, 28):
        if len(found) >= count:
            break
        starts = datetime.now(UTC) + timedelta(days=day)
        window = {"from": starts.isoformat(), "to": (starts + timedelta(days=1)).isoformat()}
        for slot in scheduler.slots(specialty="family-medicine", limit=100, **window):
            # One start a clinician, or visits of different lengths would overlap.
            found.setdefault(f"{slot['slot']['clinician_id']} {slot['slot']['starts_at'][:13]}", slot)
    return list(found.values())[:count]


async def _book(
    gateway: str, token: str, slots: Sequence[dict[str, Any]], patients: Sequence[str]
) -> tuple[list[tuple[Appointment, float]], float]:
    async def one(session: aiohttp.ClientSession, number: int) -> tuple[Appointment, float] | None:
        body = {"offer": slots[number]["offer"], "patient_id": patients[number]}
        began = time.perf_counter()
        async with session.post(
            "/booking/appointments", json=body, headers={"Idempotency-Key": str(uuid4())}
        ) as answer:
            told = await answer.json()
            took = (time.perf_counter() - began) * 1000
            if answer.status != 201:
                return None
            return Appointment(told["id"], answer.headers["ETag"], told), took

    results, seconds = await _all(gateway, token, [lambda s, n=n: one(s, n) for n in range(len(slots))])  # type: ignore[misc]
    return [result for result in results if result is not None], seconds


async def _search(gateway: str, token: str, count: int) -> tuple[list[float], float]:
    zips = ("02108", "60611", "77030", "33136", "10016", "90033")

    async def one(session: aiohttp.ClientSession, number: int) -> float:
        query = {"specialty": "family-medicine", "zip": zips[number % len(zips)], "within_km": "80", "limit": "20"}
        began = time.perf_counter()
        async with session.get("/availability/slots", params=query) as answer:
            await answer.read()
            answer.raise_for_status()
        return (time.perf_counter() - began) * 1000

    return await _all(gateway, token, [lambda s, n=n: one(s, n) for n in range(count)])  # type: ignore[misc]


async def _all(
    gateway: str, token: str, work: Sequence[Callable[[aiohttp.ClientSession], Awaitable[Any]]]
) -> tuple[list[Any], float]:
    """Do ``work``, AT_ONCE at a time; return the results and how many seconds it took."""
    places = asyncio.Semaphore(AT_ONCE)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(gateway, headers=headers) as session:

        async def placed(one: Callable[[aiohttp.ClientSession], Awaitable[Any]]) -> Any:
            async with places:
                return await one(session)

        began = time.perf_counter()
        results = await asyncio.gather(*map(placed, work))
        return list(results), time.perf_counter() - began


def _latencies(tap: Tap, ids: set[str]) -> list[float]:
    return [heard.milliseconds for heard in tap.heard() if heard.type == BOOKED and heard.data["appointment_id"] in ids]


def _figure(what: str, milliseconds: Sequence[float], seconds: float) -> Figure:
    p50, p99 = percentile(milliseconds, 50), percentile(milliseconds, 99)
    return Figure(what, len(milliseconds), round(p50, 1), round(p99, 1), round(len(milliseconds) / seconds, 1))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the percentile (1 to 99) by linear interpolation, of a single value that value."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
