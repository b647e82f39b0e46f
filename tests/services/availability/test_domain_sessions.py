"""Working time is the template's sessions less what is away, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.availability.domain.sessions import Period, expand, subtract
from services.availability.domain.templates import WEEK
from tests.services.availability.places import US_ZONES, template

T0 = datetime(2027, 3, 14, tzinfo=UTC)
instants = st.integers(0, 600).map(lambda minutes: T0 + timedelta(minutes=minutes))
periods = st.tuples(instants, instants).filter(lambda p: p[0] != p[1]).map(lambda p: Period(min(p), max(p)))


def minutes_of(pieces: list[Period]) -> set[datetime]:
    return {
        piece.starts_at + timedelta(minutes=n)
        for piece in pieces
        for n in range(int((piece.ends_at - piece.starts_at).total_seconds() // 60))
    }


@given(period=periods, away=st.lists(periods, max_size=6))
def test_subtraction_leaves_exactly_the_other_minutes(period: Period, away: list[Period]) -> None:
    left = list(subtract(period, away))
    assert minutes_of(left) == minutes_of([period]) - minutes_of(away)
    assert all(a.ends_at < b.starts_at for a, b in pairwise(left)), "pieces never touch"


@given(
    zone=st.sampled_from(US_ZONES).map(ZoneInfo),
    first=st.dates(date(2026, 1, 6), date(2032, 12, 31)),
    starts=st.times().map(lambda t: t.replace(minute=t.minute // 10 * 10, second=0, microsecond=0)),
    ends=st.times().map(lambda t: t.replace(minute=t.minute // 10 * 10, second=0, microsecond=0)),
)
def test_sessions_begin_on_their_local_day_in_every_zone(zone: ZoneInfo, first: date, starts: time, ends: time) -> None:
    always = template(starts=starts, ends=ends, weekdays=frozenset(WEEK), observes_holidays=False)
    sessions = list(expand(always, zone, first, first + timedelta(days=9)))
    assert len(sessions) >= 9, "at most one session in ten days falls into a gap of the clock"
    for session in sessions:
        assert session.period.starts_at.astimezone(zone).date() == session.day
        assert session.anchor_at == session.period.starts_at < session.period.ends_at
        assert session.period.ends_at.astimezone(zone).date() - session.day <= timedelta(days=1)


def test_one_year_has_every_workday_once() -> None:
    sessions = list(expand(template(), ZoneInfo("America/Chicago"), date(2027, 1, 1), date(2027, 12, 31)))
    assert len({session.day for session in sessions}) == len(sessions)
    # 261 weekdays, 12 of them federal holidays or observed ones (Juneteenth, Independence and New Year's Day moved)
    assert len(sessions) == 261 - 12


def test_leave_splits_a_session_and_keeps_its_grid() -> None:
    zone = ZoneInfo("America/New_York")
    day = date(2027, 1, 4)
    away = Period(datetime(2027, 1, 4, 14, 30, tzinfo=UTC), datetime(2027, 1, 4, 15, 10, tzinfo=UTC))
    pieces = list(expand(template(), zone, day, day, [away]))
    assert [piece.period.starts_at.hour for piece in pieces] == [14, 15]
    assert {piece.anchor_at for piece in pieces} == {datetime(2027, 1, 4, 14, tzinfo=UTC)}
