"""Bounds every call to something else: a deadline for the whole request, a timeout, a breaker, few retries.

A service that waits without bound passes its neighbour's fault on to its own callers (AWS Builders' Library,
"Timeouts, retries and backoff with jitter"). Breakers are purgatory's, retries with jitter stamina's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

import stamina
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from services.kernel.deadlines import DEADLINE_HEADER, deadline, forget_deadline, remaining
from services.kernel.errors import CareslotError, Overloaded, Unavailable
from services.kernel.telemetry import NEIGHBOUR_CALLS, from_nothing, logger, process_service

__all__ = [
    "DEADLINE_HEADER", "TURNED_AWAY_HEADER", "Budget", "Dependency", "check_turned_away", "deadline", "remaining",
    "shared",
]  # fmt: skip
T = TypeVar("T")
# On an answer that says "not now": an ordinary 503 may mean that something is broken, this one never does.
TURNED_AWAY_HEADER = "careslot-turned-away"
# Stamina's own log line repeats the arguments of the call, which may hold PHI; ours says what matters.
stamina.instrumentation.set_on_retry_hooks([])


def shared(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start work that many callers will wait for, without the deadline of the one who happened to come first."""
    context = copy_context()
    context.run(forget_deadline)
    return asyncio.create_task(work, context=context)


def check_turned_away(name: str, headers: Mapping[str, str]) -> None:
    """Raise Overloaded for the answer of a neighbour that has too much to do: it lives, so its breaker stays closed.

    A breaker that opened on it would shut out the callers whom the neighbour serves first.
    """
    if TURNED_AWAY_HEADER in headers:
        after = headers.get("retry-after", "1")
        raise Overloaded(f"{name} has too much to do.", retry_after=int(after) if after.isdecimal() else 1)


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
        from_nothing(NEIGHBOUR_CALLS, process_service(), name, outcomes=("answered", "failed", "shut"))
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
                            answer = await action()
            self._count("answered")
        except CareslotError:
            self._count("answered")
            raise
        except Exception as error:
            self._count("shut" if isinstance(error, OpenedState) else "failed")
            logger().warning("dependency failed", dependency=self.name, error_type=type(error).__name__)
            raise Unavailable(f"{self.name} does not answer.", retry_after=int(self._budget.rest)) from error
        return answer

    def _count(self, outcome: str) -> None:
        NEIGHBOUR_CALLS.labels(process_service(), self.name, outcome).inc()
