"""Answers of others, kept: asked for once by however many readers come, and shown a while longer when nobody answers.

Anybody may ask the finder, so what it asks others must hang on what there is, not on how many ask.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from services.kernel.clock import Clock
from services.kernel.errors import Unavailable
from services.kernel.resilience import shared

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Known(Generic[V]):
    """An answer: ``as_of`` when it was given, ``changed_at`` since when it is the same."""

    value: V
    as_of: datetime
    changed_at: datetime


class Kept(Generic[K, V]):
    """The last ``most`` answers by question; asked again after ``fresh``, shown up to ``stale`` when that fails."""

    def __init__(
        self, ask: Callable[[K], Awaitable[V]], clock: Clock, *, fresh: timedelta, stale: timedelta, most: int
    ) -> None:
        self._ask, self._clock = ask, clock
        self._fresh, self._stale, self._most = fresh, stale, most
        self._known: dict[K, Known[V]] = {}
        self._asking: dict[K, asyncio.Task[Known[V]]] = {}

    async def get(self, key: K) -> Known[V]:
        """Return the answer to ``key``; raise Unavailable when there is none that may be shown."""
        known = self._known.get(key)
        if known is not None and self._young(known, self._fresh):
            return known
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = shared(self._renew(key))
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        try:
            # One reader who leaves must not take the answer from the others.
            return await asyncio.shield(task)
        except Unavailable:
            if known is not None and self._young(known, self._stale):
                return known
            raise

    def unchanged_since(self, key: K, since: datetime) -> bool:
        """Say whether the answer is known to be the same as at ``since``."""
        known = self._known.get(key)
        return known is not None and self._young(known, self._fresh) and known.changed_at <= since

    async def _renew(self, key: K) -> Known[V]:
        value = await self._ask(key)
        now, before = self._clock.now(), self._known.pop(key, None)
        same = before is not None and before.value == value
        self._known[key] = known = Known(value, now, before.changed_at if before is not None and same else now)
        if len(self._known) > self._most:
            del self._known[next(iter(self._known))]
        return known

    def _young(self, known: Known[V], age: timedelta) -> bool:
        return self._clock.now() - known.as_of < age
