"""The limit rises while more at once means more done, and falls as soon as it only means waiting."""

import pytest

from services.kernel.concurrency import AdaptiveLimit, Usual


def run(limit: AdaptiveLimit, usual: Usual, took: float, in_hand: int, windows: int, start: float = 0.0) -> float:
    """Tell ``limit`` of requests that took ``took`` seconds, twenty a window."""
    now = start
    for _ in range(windows):
        for _ in range(20):
            now += 0.006
            limit.sample(usual, took, took, in_hand, now)
    return now


def test_the_usual_follows_the_median_and_not_the_slow_few() -> None:
    usual = Usual()
    for number in range(400):
        usual.learn(1.0 if number % 10 == 0 else 0.010)
    assert 0.008 < usual.seconds < 0.013


def test_it_falls_when_requests_take_far_longer_than_usual_but_not_below_the_least() -> None:
    limit, usual = AdaptiveLimit(initial=64, least=8), Usual()
    usual.learn(0.005)
    run(limit, usual, 0.3, 64, 5)
    assert 8 <= limit.places < 40
    # At the least of all, what is slow is what is usual: here longer waits belong to the service, not to a queue.
    run(limit, usual, 0.3, 8, 60, 10.0)
    assert limit.places >= 8
    assert usual.seconds > 0.1


def test_a_limit_that_is_reached_rises_while_durations_stay_usual() -> None:
    limit, usual = AdaptiveLimit(initial=16, most=64), Usual()
    usual.learn(0.005)
    run(limit, usual, 0.006, 64, 40)
    assert limit.places == 64


def test_a_limit_that_is_not_reached_stays() -> None:
    limit, usual = AdaptiveLimit(initial=16), Usual()
    usual.learn(0.005)
    run(limit, usual, 0.005, 3, 40)
    assert limit.places == 16


@pytest.mark.parametrize(("per_second", "alone"), [(200, 0.008), (1000, 0.002), (4000, 0.001)])
def test_it_settles_where_little_waits_and_nothing_idles(per_second: int, alone: float) -> None:
    """A process that does ``per_second`` however many are in hand: by Little's law the rest of them only wait."""
    limit, usual = AdaptiveLimit(), Usual()
    usual.learn(alone)
    now = 0.0
    for _ in range(400):
        in_hand = limit.places
        took = max(alone, in_hand / per_second)
        for _ in range(20):
            now += 0.006
            limit.sample(usual, took, took, in_hand, now)
    assert limit.places >= alone * per_second, "idle"
    assert limit.places / per_second <= 2 * (2 * alone + 0.02) or limit.places == 8, "waits too long inside"


def test_a_loop_that_is_behind_does_not_make_being_behind_usual() -> None:
    """Each works a millisecond and is come to after a tenth of a second: fewer at once, for as long as that lasts."""
    limit, usual = AdaptiveLimit(initial=64), Usual()
    usual.learn(0.001)
    now = 0.0
    for _ in range(2000):
        now += 0.006
        limit.sample(usual, 0.1, 0.001, limit.places, now)
    assert limit.places <= 8
    assert usual.seconds < 0.002
