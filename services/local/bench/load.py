"""A client that costs next to nothing: requests are bytes made beforehand, of answers only what is asked for is read.

On two cores an ordinary client takes as much time as the server it measures (aiohttp some 200 microseconds a request,
this one 30).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

LOST = 0  # the status of a request whose connection ended before the answer


def request(method: str, path: str, headers: Mapping[str, str], body: Any) -> bytes:
    """Return an HTTP/1.1 request."""
    content = json.dumps(body, separators=(",", ":")).encode()
    lines = [f"{method} {path} HTTP/1.1", "host: booking", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(content)}", "", ""]).encode() + content


@dataclass(slots=True)
class Outcome:
    """What became of a run: statuses and milliseconds in the order of the requests (0 for none), and its seconds."""

    statuses: list[int]
    took: list[float]
    seconds: float = 0.0
    answers: dict[int, bytes] = field(default_factory=dict)

    @property
    def counts(self) -> Counter[int]:
        """How often each status came."""
        return Counter(self.statuses)


class _Connection(asyncio.Protocol):
    """One connection: sends a request, waits for its answer, sends the next."""

    def __init__(
        self,
        work: Iterator[tuple[int, bytes]],
        outcome: Outcome,
        done: asyncio.Future[None],
        *,
        keep: bool,
        pause: float,
    ):
        self._work, self._outcome, self._done, self._keep, self._pause = work, outcome, done, keep, pause
        self._buffer = b""
        self._number = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        self._number, sent = next(self._work, (-1, b""))
        if not sent or self._transport.is_closing():
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(sent)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        _, _, length = head.lower().partition(b"content-length:")
        if len(rest) < int(length.partition(b"\r\n")[0] or 0):
            return
        self._outcome.statuses[self._number] = int(head[9:12])
        self._outcome.took[self._number] = (time.perf_counter() - self._began) * 1000
        if self._keep:
            self._outcome.answers[self._number] = rest
        self._buffer = b""
        if self._pause:
            asyncio.get_running_loop().call_later(self._pause, self._next)
        else:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def drive(
    ports: Sequence[int], requests: Iterable[bytes], connections: int = 64, *, keep: bool = False, pause: float = 0.0
) -> Outcome:
    """Send ``requests`` over ``connections`` spread over ``ports``, each connection one at a time; return what came.

    ``pause`` is how many seconds each waits before its next request. A connection that ends sends nothing more; what
    was never answered has status LOST.
    """
    wanted = list(requests)
    outcome = Outcome([LOST] * len(wanted), [0.0] * len(wanted))
    loop, work = asyncio.get_running_loop(), iter(enumerate(wanted))
    ends: list[asyncio.Future[None]] = []
    began = time.perf_counter()
    for port in itertools.islice(itertools.cycle(ports), min(connections, len(wanted))):
        done: asyncio.Future[None] = loop.create_future()
        try:
            await loop.create_connection(
                partial(_Connection, work, outcome, done, keep=keep, pause=pause), "127.0.0.1", port
            )
        except OSError:
            continue
        ends.append(done)
    await asyncio.gather(*ends)
    outcome.seconds = time.perf_counter() - began
    return outcome
