"""Sessions end, wishes become questions, and changes of schedules tell whom they touch."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.errors import Invalid
from services.portal.domain.session import IDLE, OLDEST, Session
from services.portal.domain.touched import LONGEST_ABSENCE, Sessions, days_of, live, outside
from services.portal.domain.wish import Wish
from tests.services.portal.fakes import NOW, TEMPLATE
from tests.services.portal.fakes_visits import APPOINTMENT

HOUR = timedelta(hours=1)


def session(**changes: Any) -> Session:
    values: dict[str, Any] = {
        "token": "t",
        "csrf": "c",
        "started_at": NOW,
        "seen_at": NOW,
        "token_ends_at": NOW + 24 * HOUR,
    }
    return Session(**(values | changes))


@given(st.timedeltas(timedelta(0), timedelta(days=2)), st.timedeltas(timedelta(0), timedelta(days=1)))
def test_a_session_ends_by_idleness_age_or_token(since_seen: timedelta, age_when_seen: timedelta) -> None:
    one = session(seen_at=NOW + age_when_seen, token_ends_at=NOW + 20 * HOUR)
    now = NOW + age_when_seen + since_seen
    assert one.ended(now) == (since_seen > IDLE or now - NOW > OLDEST or now >= NOW + 20 * HOUR)


def test_renewal_is_wanted_shortly_before_the_token_ends_and_never_for_the_idle() -> None:
    one = session(token_ends_at=NOW + timedelta(minutes=15))
    assert not one.wants_renewal(NOW + timedelta(minutes=12))
    assert one.wants_renewal(NOW + timedelta(minutes=14))
    assert one.wants_renewal(NOW + timedelta(minutes=19))
    assert not one.wants_renewal(NOW + IDLE + timedelta(seconds=1))


def test_a_session_does_not_print_its_secrets() -> None:
    assert "secret" not in repr(session(token="secret", csrf="secret"))


def test_a_wish_asks_only_for_what_was_wished() -> None:
    assert Wish(specialty="x", first_day=date(2027, 1, 5)).query() == {
        "specialty": "x", "from": "2027-01-05", "limit": "40",
    }  # fmt: skip
    assert Wish(specialty="x", zip_code="02108", within_miles=10).query()["within_km"] == "16.1"


def appointment(day: date, at: time, minutes: int = 20, **changes: Any) -> dict[str, Any]:
    starts = datetime.combine(day, at, tzinfo=UTC) + timedelta(hours=5)  # New York in winter
    ends = starts + timedelta(minutes=minutes)
    return {**APPOINTMENT, "starts_at": starts.isoformat(), "ends_at": ends.isoformat(), **changes}


MONDAY = date(2027, 1, 4)


@pytest.mark.parametrize(
    ("visit", "held"),
    [
        (appointment(MONDAY, time(8)), True),
        (appointment(MONDAY, time(16, 40)), True),
        (appointment(MONDAY, time(16, 50)), False),
        (appointment(MONDAY, time(7, 50)), False),
        (appointment(MONDAY + timedelta(days=2), time(9)), False),
        (appointment(MONDAY, time(9), facility_id="fac-0002"), False),
        (appointment(date(2025, 12, 29), time(9)), False),
    ],
)
def test_a_visit_outside_working_time_is_touched(visit: dict[str, Any], held: bool) -> None:
    assert outside([visit], [Sessions.of(TEMPLATE)]) == ([] if held else [visit])


def test_night_sessions_and_every_second_week_are_understood() -> None:
    night = Sessions.of({**TEMPLATE, "starts": "22:00", "ends": "06:00", "weekdays": ["mon"]})
    assert outside([appointment(MONDAY + timedelta(days=1), time(2))], [night]) == []
    assert outside([appointment(MONDAY, time(2))], [night])
    every_second = Sessions.of({**TEMPLATE, "interval_weeks": 2, "valid_from": "2027-01-04"})
    assert outside([appointment(MONDAY, time(9))], [every_second]) == []
    assert outside([appointment(MONDAY + timedelta(days=7), time(9))], [every_second])
    ended = Sessions.of({**TEMPLATE, "valid_until": "2027-01-03"})
    assert outside([appointment(MONDAY, time(9))], [ended])


def test_only_what_still_stands_is_touched() -> None:
    cancelled, other = {**APPOINTMENT, "status": "cancelled"}, {**APPOINTMENT, "clinician_id": "cln-2"}
    assert live([cancelled, other, APPOINTMENT], "cln-00001") == [APPOINTMENT]
    assert live([other, APPOINTMENT]) == [other, APPOINTMENT]


@given(st.dates(date(2026, 1, 1), date(2030, 1, 1)), st.integers(-5, 60))
def test_days_are_bounded(first: date, more: int) -> None:
    if 0 <= more < LONGEST_ABSENCE:
        days = days_of(first, first + timedelta(days=more))
        assert (days[0], days[-1], len(days)) == (first, first + timedelta(days=more), more + 1)
    else:
        with pytest.raises(Invalid):
            days_of(first, first + timedelta(days=more))
