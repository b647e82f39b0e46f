"""Bounds every call to something else: a deadline for the whole request, a timeout, a breaker, few retries.

A service that waits without bound passes its neighbour's fault on to its own callers (AWS Builders' Library,
"Timeouts, retries and backoff with jitter"). Breakers are purgatory's, retries with jitter stamina's.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

import stamina
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from services.kernel.errors import CareslotError, Unavailable
from services.kernel.telemetry import logger

T = TypeVar("T")
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
DEADLINE_HEADER = "careslot-deadline-ms"
# Stamina's own log line repeats the arguments of the call, which may hold PHI; ours says what matters.
stamina.instrumentation.set_on_retry_hooks([])


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give everything inside at most ``seconds``, or less if an outer deadline ends sooner."""
    ends = time.monotonic() + seconds
    outer = _deadline.get()
    token = _deadline.set(ends if outer is None else min(ends, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining(default: float) -> float:
    """Return the seconds left of the current deadline, at most ``default``, never below zero."""
    ends = _deadline.get()
    return default if ends is None else max(0.0, min(default, ends - time.monotonic()))


def shared(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start work that many callers will wait for, without the deadline of the one who happened to come first."""
    context = copy_context()
    context.run(_deadline.set, None)
    return asyncio.create_task(work, context=context)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one dependency may cost: seconds an attempt, attempts, failures until the breaker opens, its rest."""

    timeout: float = 1.0
    attempts: int = 1
    failures: int = 5
    rest: float = 5.0


class Dependency:
    """A neighbour called through its budget. Any failure to answer becomes Unavailable."""

    def __init__(self, name: str, budget: Budget) -> None:
        self.name = name
        self._budget = budget
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=budget.failures, default_ttl=budget.rest, exclude=[CareslotError]
        )

    async def call(self, action: Callable[[], Awaitable[T]]) -> T:
        """Run ``action`` (which must be safe to repeat when attempts > 1); raise Unavailable when it cannot be had.

        Errors of our own family pass through unchanged: the neighbour answered, the answer was no.
        """
        breaker = await self._breakers.get_breaker(self.name)
        try:
            async for attempt in stamina.retry_context(
                on=lambda error: not isinstance(error, CareslotError | OpenedState),
                attempts=self._budget.attempts,
                wait_initial=0.05,
                wait_max=0.5,
            ):
                with attempt:
                    async with breaker:
                        async with asyncio.timeout(remaining(self._budget.timeout)):
                            return await action()
        except CareslotError:
            raise
        except Exception as error:
            logger().warning("dependency failed", dependency=self.name, error_type=type(error).__name__)
            raise Unavailable(f"{self.name} does not answer.", retry_after=int(self._budget.rest)) from error
        raise AssertionError("retry_context always returns or raises")
