"""Batches: what comes meanwhile goes together, whoever fails fails alone, and whose time is over is not carried out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.booking.adapters.batching import Batches
from services.kernel.errors import Unavailable
from services.kernel.resilience import deadline, remaining


class Work:
    """Doubles numbers, in batches that wait until they are let go; fails on what it is told to fail on."""

    def __init__(self, failing: frozenset[int] = frozenset()) -> None:
        self.batches: list[list[int]] = []
        self.singles: list[int] = []
        self.go = asyncio.Event()
        self.failing = failing
        self.out = False
        self.left: list[float] = []

    async def together(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        self.left.append(remaining(99.0))
        await self.go.wait()
        if self.out:
            raise Unavailable("The database does not answer.")
        if self.failing & set(items):
            raise ZeroDivisionError
        return [2 * item for item in items]

    async def alone(self, item: int) -> int:
        self.singles.append(item)
        if item in self.failing:
            raise ZeroDivisionError(str(item))
        return 2 * item


def doing(batches: Batches[int, int], *items: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(batches.do(item)) for item in items]


async def begun(work: Work, count: int = 1) -> None:
    async with asyncio.timeout(5):
        while len(work.batches) < count:
            await asyncio.sleep(0)


async def test_what_comes_while_one_is_carried_out_goes_together_next() -> None:
    work = Work()
    batches = Batches(work.together, work.alone, largest=3)
    first = doing(batches, 1)
    await begun(work)
    rest = doing(batches, 2, 3, 4, 5)
    await asyncio.sleep(0)
    work.go.set()
    assert await asyncio.gather(*first, *rest) == [2, 4, 6, 8, 10]
    assert work.batches == [[1], [2, 3, 4], [5]]
    assert work.singles == []


async def test_a_batch_that_fails_is_tried_one_by_one() -> None:
    work = Work(failing=frozenset({2}))
    work.go.set()
    batches = Batches(work.together, work.alone)
    done = await asyncio.gather(*doing(batches, 1, 2, 3), return_exceptions=True)
    assert [str(result) for result in done] == ["2", "2", "6"]
    assert isinstance(done[1], ZeroDivisionError)
    assert sorted(work.singles) == [1, 2, 3]


async def test_who_cannot_be_had_at_all_is_not_asked_one_by_one() -> None:
    work = Work()
    work.out = True
    work.go.set()
    done = await asyncio.gather(*doing(Batches(work.together, work.alone), 1, 2), return_exceptions=True)
    assert [type(result) for result in done] == [Unavailable, Unavailable]
    assert work.singles == []


async def test_whose_deadline_passes_in_the_queue_is_not_carried_out() -> None:
    work = Work()
    batches = Batches(work.together, work.alone)
    first = doing(batches, 1)
    await begun(work)
    with deadline(0.01), pytest.raises(Unavailable):
        await batches.do(2)
    work.go.set()
    assert await asyncio.gather(*first, *doing(batches, 3)) == [2, 6]
    assert work.batches == [[1], [3]]


async def test_a_deadline_does_not_end_what_has_begun_nor_reach_the_batch() -> None:
    work = Work()
    batches = Batches(work.together, work.alone)
    with deadline(0.02):
        running = doing(batches, 1)
        await begun(work)
        await asyncio.sleep(0.04)
    work.go.set()
    assert await running[0] == 2
    assert work.left == [99.0]


async def test_who_goes_away_is_left_out_and_spoils_nothing_for_the_others() -> None:
    work = Work()
    batches = Batches(work.together, work.alone)
    [gone_early] = doing(batches, 1)
    await begun(work)
    waiting = doing(batches, 2, 3)
    await asyncio.sleep(0)
    gone_early.cancel()
    waiting[0].cancel()
    await asyncio.sleep(0)
    work.go.set()
    assert await waiting[1] == 6
    assert work.batches == [[1], [3]]


async def test_the_queue_is_bounded() -> None:
    work = Work()
    batches = Batches(work.together, work.alone, most_waiting=2)
    first = doing(batches, 1)
    await begun(work)
    waiting = doing(batches, 2, 3)
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await batches.do(4)
    assert refused.value.retry_after == 1
    work.go.set()
    assert await asyncio.gather(*first, *waiting) == [2, 4, 6]
