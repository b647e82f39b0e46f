"""A neighbour's fault costs a bounded wait and then nothing at all."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from services.kernel.errors import CareslotError, NotFound, Overloaded, Unavailable
from services.kernel.resilience import (
    TURNED_AWAY_HEADER,
    Budget,
    Dependency,
    check_turned_away,
    deadline,
    remaining,
)
from services.kernel.telemetry import process_service


class Neighbour:
    """Answers with what it was given, one a call, and counts the calls."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def __call__(self) -> object:
        self.calls += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer == "hang":
            await asyncio.Event().wait()
        return answer


async def test_an_answer_passes_through() -> None:
    assert await Dependency("n", Budget()).call(Neighbour(42)) == 42


async def test_a_fault_is_tried_again_within_its_attempts() -> None:
    neighbour = Neighbour(OSError(), OSError(), "late")
    assert await Dependency("n", Budget(attempts=3)).call(neighbour) == "late"
    neighbour = Neighbour(OSError(), OSError(), "too late")
    with pytest.raises(Unavailable):
        await Dependency("n", Budget(attempts=2)).call(neighbour)
    assert neighbour.calls == 2


async def test_an_answer_we_dislike_is_still_an_answer() -> None:
    neighbour = Neighbour(NotFound(), NotFound(), NotFound(), "here")
    dependency = Dependency("n", Budget(attempts=3, failures=2))
    for _ in range(3):
        with pytest.raises(NotFound):
            await dependency.call(neighbour)
    assert await dependency.call(neighbour) == "here"


async def test_after_enough_failures_nobody_is_asked() -> None:
    neighbour = Neighbour(*[OSError()] * 3)
    dependency = Dependency("n", Budget(failures=2, rest=60))
    for _ in range(5):
        with pytest.raises(Unavailable):
            await dependency.call(neighbour)
    assert neighbour.calls == 2


async def test_after_its_rest_a_neighbour_is_asked_again() -> None:
    neighbour = Neighbour(OSError(), "back")
    dependency = Dependency("n", Budget(failures=1, rest=0.05))
    with pytest.raises(Unavailable):
        await dependency.call(neighbour)
    await asyncio.sleep(0.1)
    assert await dependency.call(neighbour) == "back"


async def test_a_hanging_neighbour_costs_its_timeout_and_the_deadline_if_shorter() -> None:
    with pytest.raises(Unavailable):
        await Dependency("n", Budget(timeout=0.02)).call(Neighbour("hang"))
    with deadline(0.02), pytest.raises(Unavailable):
        await Dependency("n", Budget(timeout=60)).call(Neighbour("hang"))


def test_an_inner_deadline_never_outlives_the_outer() -> None:
    assert remaining(7) == 7
    with deadline(1):
        with deadline(100):
            assert remaining(50) <= 1
        with deadline(0):
            assert remaining(50) == 0
    assert issubclass(Unavailable, CareslotError)


async def test_a_neighbour_with_too_much_to_do_is_not_taken_for_a_broken_one() -> None:
    dependency = Dependency("n", Budget(failures=1, rest=60))

    async def turned_away() -> None:
        check_turned_away("n", {TURNED_AWAY_HEADER: "overloaded", "retry-after": "7"})

    for _ in range(3):
        with pytest.raises(Overloaded) as told:
            await dependency.call(turned_away)
        assert told.value.retry_after == 7
    assert await dependency.call(Neighbour("still asked")) == "still asked"
    check_turned_away("n", {"retry-after": "1"})


async def test_calls_are_counted_by_what_became_of_them() -> None:
    def counted(outcome: str) -> float:
        labels = {"service": process_service(), "neighbour": "counted", "outcome": outcome}
        return REGISTRY.get_sample_value("careslot_neighbour_calls_total", labels) or 0.0

    dependency = Dependency("counted", Budget(failures=2, rest=60))
    assert await dependency.call(Neighbour(1)) == 1
    with pytest.raises(NotFound):
        await dependency.call(Neighbour(NotFound()))
    for _ in range(3):
        with pytest.raises(Unavailable):
            await dependency.call(Neighbour(OSError()))
    assert [counted(outcome) for outcome in ("answered", "failed", "shut")] == [2, 2, 1]
