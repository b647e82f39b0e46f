"""A steady mix of what people do all day, through the gateway, with every answer noted.

Open loop: a request is sent when it is due, whatever became of the one before, so a service that hangs is seen to hang.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import uuid4

import aiohttp

from services.local.drill.observations import Call

SPECIALTY = "family-medicine"
VISIT_TYPE = "family-medicine-follow-up"
DAYS_AHEAD = range(2, 25)
AT_ONCE = 64
ANSWER_SECONDS = 20.0
# Offers are good for thirty minutes; older ones are not worth trying.
OFFER_SECONDS = 1500.0
SETTLED_SECONDS = 3.0
WAIT_BEHIND = 20


@dataclass(frozen=True, slots=True)
class Cast:
    """In whose name: tokens of a scheduler, a front desk at ``desk_at``, an auditor; for which patients, and where.

    ``own`` are patients the load leaves to probes.
    """

    scheduler: str
    desk: str
    auditor: str
    desk_at: str
    patients: Sequence[str]
    own: Sequence[str]
    facilities: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Made:
    """An appointment the load booked, and when on its clock."""

    id: str
    etag: str
    at: float


@dataclass(slots=True)
class Load:
    """The mix. ``rate`` scales it: 1.0 is some fifteen requests a second."""

    gateway: str
    cast: Cast
    rate: float = 1.0
    seed: int = 1
    calls: list[Call] = field(default_factory=list)
    booked: deque[Made] = field(default_factory=deque)
    waiting: deque[str] = field(default_factory=deque)
    running: asyncio.Event = field(default_factory=asyncio.Event)
    _open: deque[tuple[float, dict[str, Any]]] = field(default_factory=deque)
    _today: deque[tuple[float, dict[str, Any]]] = field(default_factory=deque)
    _pooled: set[str] = field(default_factory=set)
    _arrived: deque[Made] = field(default_factory=deque)
    _turn: int = 0
    _random: random.Random = field(init=False)
    _session: aiohttp.ClientSession = field(init=False)
    _senders: list[asyncio.Task[None]] = field(default_factory=list)
    _in_flight: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def reserve(self, slot: Mapping[str, Any]) -> None:
        """Leave a slot to somebody else, and whatever starts with the same clinician within its hour."""
        self._pooled.add(_hour(slot))

    def offers_in_hand(self) -> int:
        """Return how many slots the load could book without searching."""
        return len(self._open)

    async def __aenter__(self) -> Self:
        """Begin to send, whenever ``running`` is set."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        self._session = aiohttp.ClientSession(self.gateway, timeout=timeout, connector=connector)
        mix: Sequence[tuple[Callable[[], Coroutine[Any, Any, None]], float]] = (
            (self._search, 3), (self._search_today, 0.3), (self._book, 2), (self._cancel, 2), (self._arrive, 0.4),
            (self._join, 1), (self._withdraw, 1), (self._preferences, 2), (self._look_up, 2), (self._review, 0.5),
            (self._open_portal, 1), (self._open_finder, 1),
        )  # fmt: skip
        self._senders = [asyncio.create_task(self._steadily(what, a_second * self.rate)) for what, a_second in mix]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop sending, and give back what is booked and who waits, as far as it can be."""
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)
        await self.pause()
        while self.booked or self._arrived:
            await self._cancel(patient=False)
        while self.waiting:
            await self._withdraw(behind=0)
        await self._session.close()

    async def pause(self) -> None:
        """Send nothing more, and wait for the answers that are still out."""
        self.running.clear()
        await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def _steadily(self, what: Callable[[], Coroutine[Any, Any, None]], a_second: float) -> None:
        while True:
            await self.running.wait()
            task = asyncio.create_task(what())
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)
            # Evenly mixed rather than in step with one another.
            await asyncio.sleep(self._random.uniform(0.5, 1.5) / a_second)

    # ---- the mix ----------------------------------------------------------------------------------------------------

    async def _search(self) -> None:
        starts = datetime.now(UTC) + timedelta(days=self._random.choice(DAYS_AHEAD))
        place = self._random.choice(self.cast.facilities)
        await self._find(self._open, "search", starts, timedelta(days=1), zip=place["zip_code"], within_km="200")

    async def _search_today(self) -> None:
        soon = datetime.now(UTC) + timedelta(minutes=10)
        await self._find(self._today, "search", soon, timedelta(hours=10), facility=self.cast.desk_at)

    async def _find(
        self, pool: deque[tuple[float, dict[str, Any]]], kind: str, starts: datetime, length: timedelta, **where: str
    ) -> None:
        query = {"specialty": SPECIALTY, "limit": "50", "from": starts.isoformat(), "to": (starts + length).isoformat()}
        status, told, _ = await self._ask(kind, "availability", "GET", "/slots", params=query | where)
        for slot in told.get("slots", ()) if status == 200 else ():
            today = datetime.fromisoformat(slot["starts_local"])
            wanted = pool is self._open or today.date() == datetime.now(today.tzinfo).date()
            if wanted and _hour(slot) not in self._pooled:
                self._pooled.add(_hour(slot))
                pool.append((time.monotonic(), slot))

    async def _book(self) -> None:
        if made := await self._take(self._open):
            self.booked.append(made)

    async def _take(self, pool: deque[tuple[float, dict[str, Any]]]) -> Made | None:
        while pool:
            at, slot = pool.popleft()
            self._pooled.discard(_hour(slot))
            if time.monotonic() - at < OFFER_SECONDS:
                break
        else:
            return None
        body = {"offer": slot["offer"], "patient_id": self._patient()}
        sent = time.monotonic()
        status, told, etag = await self._ask("book", "booking", "POST", "/appointments", json=body)
        return Made(told["id"], etag, sent) if status == 201 else None

    async def _cancel(self, patient: bool = True) -> None:
        """Call off the one booked longest ago; a while after it was made, as people do."""
        kept = self._arrived or self.booked
        if not kept or (patient and time.monotonic() - kept[0].at < SETTLED_SECONDS):
            return
        made = kept.popleft()
        status, _, _ = await self._ask(
            "cancel", "booking", "POST", f"/appointments/{made.id}/cancel", etag=made.etag, json={"reason": "other"}
        )
        if patient and status not in {200, 404, 409, 412}:
            kept.append(made)

    async def _arrive(self) -> None:
        """Book a visit of today and check in for it."""
        made = await self._take(self._today)
        if made is None:
            return
        path = f"/appointments/{made.id}/check-in"
        status, _, etag = await self._ask("check in", "booking", "POST", path, token=self.cast.desk, etag=made.etag)
        (self._arrived if status == 200 else self.booked).append(Made(made.id, etag or made.etag, made.at))

    async def _join(self) -> None:
        place = self._random.choice(self.cast.facilities)
        body = {
            "patient_id": self._patient(), "specialty": SPECIALTY, "visit_type": VISIT_TYPE,
            "facilities": [place["facility_id"]],
        }  # fmt: skip
        status, told, _ = await self._ask("join", "waitlist", "POST", "/requests", json=body)
        if status == 201:
            self.waiting.append(told["id"])

    async def _withdraw(self, behind: int = WAIT_BEHIND) -> None:
        if len(self.waiting) <= behind:
            return
        request = self.waiting.popleft()
        await self._ask("withdraw", "waitlist", "POST", f"/requests/{request}/withdraw")

    async def _preferences(self) -> None:
        await self._ask("read preferences", "notifications", "GET", f"/patients/{self._patient()}/preferences")

    async def _look_up(self) -> None:
        await self._ask("look up", "directory", "GET", f"/patients/{self._patient()}")

    async def _review(self) -> None:
        path = f"/patients/{self._patient()}/accesses"
        await self._ask("review", "audit", "GET", path, token=self.cast.auditor, params={"limit": "20"})

    async def _open_portal(self) -> None:
        await self._ask("open portal", "portal", "GET", "/sign-in")

    async def _open_finder(self) -> None:
        await self._ask("open finder", "finder", "GET", "/find")

    # ---- one request ------------------------------------------------------------------------------------------------

    def _patient(self) -> str:
        self._turn += 1
        return self.cast.patients[self._turn % len(self.cast.patients)]

    async def _ask(
        self, kind: str, service: str, method: str, path: str, *, token: str = "", etag: str = "", **more: Any
    ) -> tuple[int, dict[str, Any], str]:
        headers = {"Authorization": f"Bearer {token or self.cast.scheduler}"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        if etag:
            headers["If-Match"] = etag
        began = time.monotonic()
        status, told, tag = 0, {}, ""
        try:
            async with self._session.request(method, f"/{service}{path}", headers=headers, **more) as answer:
                status, tag = answer.status, answer.headers.get("ETag", "")
                found = await answer.json(content_type=None) if "json" in answer.content_type else await answer.read()
                told = found if isinstance(found, dict) else {}
        except (aiohttp.ClientError, TimeoutError, ConnectionError, ValueError):
            status = 0
        self.calls.append(Call(kind, service, began, (time.monotonic() - began) * 1000, status))
        return status, told, tag


def _hour(slot: Mapping[str, Any]) -> str:
    return f"{slot['slot']['clinician_id']} {slot['slot']['starts_at'][:13]}"
