"""Answers of others are asked for once, shown while nobody answers, and not for ever."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.finder.usecases.keeping import Kept
from services.kernel.clock import FixedClock
from services.kernel.errors import Unavailable

START = datetime(2027, 1, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Source:
    """Answers with its value, after `gate` is open; silent when told so."""

    def __init__(self) -> None:
        self.value, self.asked, self.silent = "old", 0, False
        self.gate = asyncio.Event()
        self.gate.set()
        self.clock = FixedClock(START)
        self.kept = Kept(self.ask, self.clock, fresh=MINUTE, stale=10 * MINUTE, most=2)

    async def ask(self, key: str) -> str:
        self.asked += 1
        await self.gate.wait()
        if self.silent:
            raise Unavailable(key)
        return self.value


async def test_it_is_asked_again_when_the_answer_is_no_longer_fresh() -> None:
    source = Source()
    assert [(await source.kept.get("a")).value for _ in range(3)] == ["old"] * 3
    assert source.asked == 1
    source.clock.at += MINUTE
    source.value = "new"
    assert (await source.kept.get("a")).value == "new"
    assert source.asked == 2


async def test_an_old_answer_is_shown_while_nobody_answers_but_not_for_ever() -> None:
    source = Source()
    await source.kept.get("a")
    source.silent = True
    source.clock.at += 9 * MINUTE
    known = await source.kept.get("a")
    assert (known.value, known.as_of) == ("old", START)
    source.clock.at += MINUTE
    with pytest.raises(Unavailable):
        await source.kept.get("a")


async def test_many_readers_at_once_ask_once_and_one_who_leaves_takes_nothing_away() -> None:
    source = Source()
    source.gate.clear()
    first, *others = [asyncio.create_task(source.kept.get("a")) for _ in range(20)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    source.gate.set()
    assert {known.value for known in await asyncio.gather(*others)} == {"old"}
    assert source.asked == 1


async def test_only_so_many_answers_are_kept_the_oldest_goes() -> None:
    source = Source()
    for key in ("a", "b", "c", "b", "c"):
        await source.kept.get(key)
    assert source.asked == 3
    await source.kept.get("a")
    assert source.asked == 4


async def test_unchanged_is_said_only_of_what_is_known_to_be() -> None:
    source = Source()
    assert not source.kept.unchanged_since("a", START + MINUTE)
    await source.kept.get("a")
    assert source.kept.unchanged_since("a", START)
    assert not source.kept.unchanged_since("a", START - MINUTE)
    source.clock.at += MINUTE
    assert not source.kept.unchanged_since("a", START), "nobody looked since"
    await source.kept.get("a")
    assert source.kept.unchanged_since("a", START), "it was looked, and was the same"
    source.clock.at += MINUTE
    source.value = "new"
    await source.kept.get("a")
    assert not source.kept.unchanged_since("a", START)
