"""What bookable means: on the grid, inside the session, on a lane that nobody is on."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.availability.domain.opening import Occupied, open_starts
from services.availability.domain.sessions import Period, WorkingSession
from tests.services.availability.places import template

NINE = datetime(2027, 1, 4, 14, tzinfo=UTC)
ALWAYS = Period(NINE - timedelta(days=1), NINE + timedelta(days=1))


def at(minutes: int) -> datetime:
    return NINE + timedelta(minutes=minutes)


def session(minutes: int = 120, begins: int = 0, **changes: Any) -> WorkingSession:
    return WorkingSession(template(**changes), date(2027, 1, 4), NINE, Period(at(begins), at(minutes)))


def taken(start: int, end: int, lane: int = 0) -> Occupied:
    return Occupied(Period(at(start), at(end)), lane)


def starts(found: object) -> list[int]:
    return [int((start - NINE).total_seconds() // 60) for start in found]  # type: ignore[attr-defined]


def test_starts_lie_on_the_grid_and_visits_fit() -> None:
    assert starts(open_starts(session(), 40, ALWAYS)) == [0, 20, 40, 60, 80]


def test_leave_does_not_shift_the_grid() -> None:
    assert starts(open_starts(session(begins=30), 20, ALWAYS)) == [40, 60, 80, 100]


def test_the_window_cuts_starts_not_ends() -> None:
    assert starts(open_starts(session(), 40, Period(at(20), at(60)))) == [20, 40]


def test_an_appointment_blocks_every_start_it_overlaps() -> None:
    assert starts(open_starts(session(), 40, ALWAYS, [taken(50, 70)])) == [0, 80]


def test_a_second_lane_doubles_what_may_overlap() -> None:
    two = session(depth=2)
    assert starts(open_starts(two, 120, ALWAYS, [taken(0, 20), taken(60, 80)])) == [0], "both are on one lane"
    assert starts(open_starts(two, 120, ALWAYS, [taken(0, 20), taken(60, 80, lane=1)])) == []
    assert starts(open_starts(session(), 120, ALWAYS, [taken(0, 20, lane=1)])) == [0], "a lane beyond the depth"


def test_a_room_takes_as_many_as_the_depth() -> None:
    assert starts(open_starts(session(60), 20, ALWAYS, [], [taken(0, 30)])) == [40]
    assert starts(open_starts(session(60, depth=2), 20, ALWAYS, [], [taken(0, 30)])) == [0, 20, 40]


@given(
    minutes=st.integers(5, 90),
    grid=st.sampled_from([5, 10, 15, 20, 30, 45]),
    depth=st.integers(1, 3),
    occupied=st.lists(
        st.tuples(st.integers(-60, 200), st.integers(5, 60), st.integers(0, 2)).map(
            lambda o: taken(o[0], o[0] + o[1], o[2])
        ),
        max_size=8,
    ),
)
def test_no_open_start_lacks_a_free_lane_and_none_is_missed(
    minutes: int, grid: int, depth: int, occupied: list[Occupied]
) -> None:
    one = session(180, grid_minutes=grid, depth=depth)
    found = set(open_starts(one, minutes, ALWAYS, occupied))
    for start in range(0, 180, grid):
        visit = Period(at(start), at(start + minutes))
        free = [
            lane
            for lane in range(depth)
            if not any(other.lane == lane and other.period.overlaps(visit) for other in occupied)
        ]
        assert (at(start) in found) == (bool(free) and start + minutes <= 180)
    assert len(found) <= 180 // grid + 1


def test_a_session_across_midnight_is_one_session() -> None:
    night = template(starts=time(22), ends=time(2))
    crossing = WorkingSession(night, date(2027, 1, 4), at(0), Period(at(0), at(240)))
    assert len(starts(open_starts(crossing, 60, ALWAYS))) == 10
