"""What measurements are made of: figures with targets, work at once and at a steady pace."""

from __future__ import annotations

import asyncio
from functools import partial

from services.local.bench.clients import AT_ONCE, at_once, steadily
from services.local.bench.figures import Figure, at_most, exactly


def test_figures_say_whether_their_target_was_met() -> None:
    assert at_most("http", "search", 12.345, "ms", 15) == Figure("http", "search", 12.35, "ms", "<= 15", True)
    assert at_most("http", "search", 15.1, "ms", 15).met is False
    assert (exactly("x", "twice", 0, "slots", 0).met, exactly("x", "twice", 1, "slots", 0).met) == (True, False)
    assert Figure("http", "searches", 9, "a second").told()["met"] is None


async def test_no_more_at_once_than_said_and_in_order() -> None:
    now, most = 0, 0

    async def one(number: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        return number

    results, _ = await at_once([partial(one, number) for number in range(3 * AT_ONCE)])
    assert results == list(range(3 * AT_ONCE))
    assert most == AT_ONCE


async def test_a_steady_pace_does_not_wait_for_answers() -> None:
    begun = asyncio.Barrier(4)

    async def waits_for_the_others() -> int:
        return await begun.wait()

    async with asyncio.timeout(30):
        assert sorted(await steadily([waits_for_the_others] * 4, 0.1)) == [0, 1, 2, 3]
