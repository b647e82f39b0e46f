"""Turns: never more than their number at once, in order, and a clear word when the request has no time left."""

from __future__ import annotations

import asyncio

import pytest

from services.booking.adapters.turns import Turns
from services.kernel.errors import Unavailable
from services.kernel.resilience import deadline


async def test_never_more_than_their_number_and_in_order() -> None:
    turns, inside, most, order = Turns(3), 0, 0, []

    async def work(number: int) -> None:
        nonlocal inside, most
        async with turns.turn():
            order.append(number)
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work(number) for number in range(30)))
    assert most == 3
    assert order == list(range(30))


async def test_who_has_no_time_left_is_told_and_the_turn_is_not_lost() -> None:
    turns = Turns(1)
    async with turns.turn():
        with deadline(0.01), pytest.raises(Unavailable):
            async with turns.turn():
                pytest.fail("there was no turn to have")
    async with turns.turn():
        assert True


async def test_a_failure_inside_gives_the_turn_back() -> None:
    turns = Turns(1)
    with pytest.raises(ZeroDivisionError):
        async with turns.turn():
            raise ZeroDivisionError
    with deadline(1.0):
        async with turns.turn():
            assert True
