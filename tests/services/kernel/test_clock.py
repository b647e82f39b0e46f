"""A clock tells instants, never wall time without a zone."""

from datetime import UTC, datetime, timedelta

from services.kernel.clock import FixedClock, SystemClock


def test_the_system_clock_is_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_a_fixed_clock_stands_until_moved() -> None:
    clock = FixedClock(datetime(2027, 3, 14, 6, 59, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.at += timedelta(minutes=1)
    assert clock.now() == datetime(2027, 3, 14, 7, tzinfo=UTC)
