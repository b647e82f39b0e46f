"""Clocks change twice a year: wall time still maps to instants, in order, in every US zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.availability.domain.wall_clock import day_bounds, instant_of, session_bounds, zone_of
from services.kernel.errors import Invalid
from tests.services.availability.places import US_ZONES

NEW_YORK = ZoneInfo("America/New_York")
SPRING, AUTUMN = date(2027, 3, 14), date(2027, 11, 7)

zones = st.sampled_from(US_ZONES).map(ZoneInfo)
days = st.dates(date(2020, 1, 1), date(2040, 12, 31))
walls = st.times().map(lambda wall: wall.replace(second=0, microsecond=0))


def test_a_skipped_time_is_the_jump() -> None:
    jump = datetime(2027, 3, 14, 7, 0, tzinfo=UTC)
    assert instant_of(SPRING, time(2, 0), NEW_YORK) == jump
    assert instant_of(SPRING, time(2, 59), NEW_YORK) == jump
    assert instant_of(SPRING, time(3, 0), NEW_YORK) == jump
    assert instant_of(SPRING, time(1, 59), NEW_YORK) == jump - timedelta(minutes=1)


def test_a_doubled_time_is_its_first_occurrence() -> None:
    assert instant_of(AUTUMN, time(1, 30), NEW_YORK) == datetime(2027, 11, 7, 5, 30, tzinfo=UTC)
    assert instant_of(AUTUMN, time(2, 0), NEW_YORK) == datetime(2027, 11, 7, 7, 0, tzinfo=UTC)


def test_days_have_23_to_25_hours() -> None:
    lengths = {day: day_bounds(day, NEW_YORK) for day in (SPRING, AUTUMN, date(2028, 2, 29))}
    hours = [(end - start) / timedelta(hours=1) for start, end in lengths.values()]
    assert hours == [23, 25, 24]


def test_arizona_and_hawaii_do_not_change() -> None:
    for zone in ("America/Phoenix", "Pacific/Honolulu"):
        start, end = day_bounds(SPRING, ZoneInfo(zone))
        assert end - start == timedelta(hours=24)


def test_a_night_session_keeps_its_wall_times() -> None:
    start, end = session_bounds(NEW_YORK, SPRING - timedelta(days=1), time(22), time(6))
    assert (start.astimezone(NEW_YORK).hour, end.astimezone(NEW_YORK).hour) == (22, 6)
    assert end - start == timedelta(hours=7)
    start, end = session_bounds(NEW_YORK, AUTUMN - timedelta(days=1), time(22), time(6))
    assert end - start == timedelta(hours=9)


def test_a_session_the_clock_skips_is_empty() -> None:
    start, end = session_bounds(NEW_YORK, SPRING, time(2), time(3))
    assert start == end


@given(zone=zones, day=days, walls=st.lists(walls, min_size=2, max_size=6))
def test_a_later_wall_time_is_never_an_earlier_instant(zone: ZoneInfo, day: date, walls: list[time]) -> None:
    instants = [instant_of(day, wall, zone) for wall in sorted(walls)]
    assert instants == sorted(instants)


@given(zone=zones, day=days, wall=walls)
def test_clocks_show_the_wall_time_or_jump_over_it(zone: ZoneInfo, day: date, wall: time) -> None:
    at = instant_of(day, wall, zone)
    shown = at.astimezone(zone)
    asked = datetime.combine(day, wall)
    if shown.replace(tzinfo=None) != asked:
        before = (at - timedelta(seconds=1)).astimezone(zone)
        assert before.replace(tzinfo=None) < asked < shown.replace(tzinfo=None)
        assert before.utcoffset() != shown.utcoffset()
    else:
        assert shown.fold == 0


@given(zone=zones, day=days, starts=walls, ends=walls)
def test_sessions_last_at_most_a_day_of_25_hours(zone: ZoneInfo, day: date, starts: time, ends: time) -> None:
    start, end = session_bounds(zone, day, starts, ends)
    assert timedelta(0) <= end - start <= timedelta(hours=25)


@pytest.mark.parametrize("name", ["", "Nowhere/City", "../etc/passwd", "America", "America/New_York\0"])
def test_an_unknown_zone_is_invalid(name: str) -> None:
    with pytest.raises(Invalid):
        zone_of(name)
