"""Work that comes while work is going on goes together next: no timer, so nobody waits for company.

A transaction of its own costs PostgreSQL some 350 microseconds, a share in one about 100 (performance.md, "HTTP"). What
fails together is tried again one by one, so that nobody suffers for what somebody else sent.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.kernel.errors import Unavailable
from services.kernel.resilience import remaining, shared

T = TypeVar("T")
R = TypeVar("R")
LONGEST_WAIT_SECONDS = 10.0
LARGEST = 64
# Everyone in a rush is entitled to an answer; beyond this it would come after the deadline of any request.
MOST_WAITING = 4096
TOO_MANY = "Too many requests are waiting; try again."


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T, R]):
    item: T
    result: asyncio.Future[R]
    timer: asyncio.TimerHandle | None = None

    def expire(self) -> None:
        self.fail(Unavailable(TOO_MANY, retry_after=1))

    def fail(self, error: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(error)

    def succeed(self, result: R) -> None:
        if not self.result.done():
            self.result.set_result(result)


class Batches(Generic[T, R]):
    """Carries out items ``together``: one batch at a time, made of what came while the one before was carried out.

    ``together`` returns a result for each item, in order. When it raises, each is carried out ``alone``; but when the
    database cannot be had (Unavailable), all are told so.
    """

    def __init__(
        self,
        together: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        alone: Callable[[T], Awaitable[R]],
        *,
        largest: int = LARGEST,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._together = together
        self._alone = alone
        self._largest = largest
        self._most_waiting = most_waiting
        self._queue: deque[_Waiting[T, R]] = deque()
        self._runner: asyncio.Task[None] | None = None
        self._singles: set[asyncio.Task[None]] = set()

    async def do(self, item: T) -> R:
        """Return what became of ``item``; raise Unavailable when the queue is full or the deadline passes in it.

        Whose deadline passes, or who goes away, while waiting is not carried out; once begun, it is carried through.
        """
        if len(self._queue) >= self._most_waiting:
            raise Unavailable(TOO_MANY, retry_after=1)
        loop = asyncio.get_running_loop()
        waiting: _Waiting[T, R] = _Waiting(item, loop.create_future())
        waiting.timer = loop.call_later(remaining(LONGEST_WAIT_SECONDS), waiting.expire)
        self._queue.append(waiting)
        if self._runner is None:
            # Not in the context of the one who happened to come first: the batch has no deadline of its own.
            self._runner = shared(self._run())
        # Whoever is canceled here cancels the future, which the runner then passes over.
        return await waiting.result

    async def _run(self) -> None:
        try:
            while self._queue:
                if batch := self._next():
                    await self._carry_out(batch)
        finally:
            self._runner = None

    def _next(self) -> list[_Waiting[T, R]]:
        batch: list[_Waiting[T, R]] = []
        while self._queue and len(batch) < self._largest:
            waiting = self._queue.popleft()
            assert waiting.timer is not None, "it is set before the item is queued"
            waiting.timer.cancel()
            if not waiting.result.done():
                batch.append(waiting)
        return batch

    async def _carry_out(self, batch: Sequence[_Waiting[T, R]]) -> None:
        try:
            results = await self._together([waiting.item for waiting in batch])
        except Unavailable as error:
            for waiting in batch:
                waiting.fail(error)
        except Exception:  # whatever it was: it concerns at most some of them
            for waiting in batch:
                self._retry(waiting)
        else:
            for waiting, result in zip(batch, results, strict=True):
                waiting.succeed(result)

    def _retry(self, waiting: _Waiting[T, R]) -> None:
        """Begin it alone; the next batch does not wait for it."""
        task = shared(self._one(waiting))
        self._singles.add(task)
        task.add_done_callback(self._singles.discard)

    async def _one(self, waiting: _Waiting[T, R]) -> None:
        try:
            waiting.succeed(await self._alone(waiting.item))
        except Exception as error:  # it is raised where it is waited for
            waiting.fail(error)
