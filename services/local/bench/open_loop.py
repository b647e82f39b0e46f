"""A crowd that does not wait for answers before it sends more: requests are due at random moments, at a stated rate.

Clients that wait for an answer slow down with what they measure and never overload it (Schroeder, Wierman,
Harchol-Balter, "Open Versus Closed", NSDI 2006); durations count from the moment a request was due (Tene, "How NOT to
Measure Latency"). Requests are bytes made beforehand and of answers only the status is read: an ordinary client takes
as much of two cores as the service it asks.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

UNANSWERED = 0
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of caller: its name, its part of all requests, and the requests it sends, one after the other."""

    name: str
    part: float
    requests: Sequence[bytes]


@dataclass(slots=True)
class Sent:
    """One request: when it was due, seconds since the crowd came; status, UNANSWERED for none; milliseconds."""

    kind: str
    due: float
    status: int = UNANSWERED
    took: float = 0.0

    @property
    def served(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300


class _Connection(asyncio.Protocol):
    """Carries one request at a time; goes back to the others when its answer is there."""

    def __init__(self, idle: list[_Connection]) -> None:
        self._idle = idle
        self._buffer = b""
        self._sent: Sent | None = None
        self._told: asyncio.Future[None] | None = None
        self._due = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, content: bytes, sent: Sent, due: float, told: asyncio.Future[None]) -> None:
        """Send a request that was due at ``due`` (loop time)."""
        assert self._transport is not None
        self._sent, self._due, self._told, self._buffer = sent, due, told, b""
        self._transport.write(content)

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read until the answer is whole."""
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found or self._sent is None:
            return
        _, _, length = head.lower().partition(b"content-length:")
        if len(rest) < int(length.partition(b"\r\n")[0] or 0):
            return
        self._sent.status = int(head[9:12])
        self._sent.took = (time.perf_counter() - self._due) * 1000
        self._finish()
        if b"connection: close" not in head.lower():
            self._idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the request that was on its way unanswered."""
        if self in self._idle:
            self._idle.remove(self)
        self._finish()

    def _finish(self) -> None:
        self._sent = None
        if self._told is not None and not self._told.done():
            self._told.set_result(None)


class Crowd:
    """Callers of one address; keeps its connections between one rate and the next."""

    def __init__(self, port: int, kinds: Sequence[Kind], seed: int = 4) -> None:
        self._port = port
        self._kinds = kinds
        self._dice = random.Random(seed)
        self._idle: list[_Connection] = []
        self.going_on: list[asyncio.Task[None]] = []
        self._turn = dict.fromkeys((kind.name for kind in kinds), 0)

    async def comes(self, rate: float, seconds: float) -> list[Sent]:
        """Send ``rate`` requests a second for ``seconds``, as a Poisson process; return all, answered or given up."""
        began, due = time.perf_counter(), 0.0
        sent: list[Sent] = []
        on_the_way: list[asyncio.Task[None]] = []
        parts = [kind.part for kind in self._kinds]
        # What was sent is kept to the end: walking all of it again and again would make the crowd pause and then push.
        gc.freeze()
        while (due := due + self._dice.expovariate(rate)) < seconds:
            if (left := began + due - time.perf_counter()) > 0:
                await asyncio.sleep(left)
            kind = self._dice.choices(self._kinds, parts)[0]
            one = Sent(kind.name, due)
            sent.append(one)
            on_the_way.append(asyncio.create_task(self._ask(kind, one, began + due)))
        self.going_on = on_the_way
        return sent

    async def rest(self) -> None:
        """Wait for what is still on its way."""
        await asyncio.gather(*self.going_on)

    def leave(self) -> None:
        """Close every connection."""
        for connection in [*self._idle]:
            connection.close()

    async def _ask(self, kind: Kind, one: Sent, due: float) -> None:
        turn = self._turn[kind.name] = self._turn[kind.name] + 1
        loop = asyncio.get_running_loop()
        told: asyncio.Future[None] = loop.create_future()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if not self._idle:
                    _, connection = await loop.create_connection(
                        lambda: _Connection(self._idle), "127.0.0.1", self._port
                    )
                else:
                    connection = self._idle.pop()
                connection.send(kind.requests[turn % len(kind.requests)], one, due, told)
                await told
        except (OSError, TimeoutError):
            one.took = (time.perf_counter() - due) * 1000


def get(path: str, token: str) -> bytes:
    """Return a GET in the name of whoever has ``token``."""
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\naccept: */*\r\n\r\n".encode()
