"""Which days a template falls on: recurrence as RFC 5545 has it, federal holidays as 5 U.S.C. 6103 has them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from dateutil.rrule import MO, WEEKLY, rrule
from hypothesis import given
from hypothesis import strategies as st

from services.availability.domain.templates import WEEK, Weekday, is_federal_holiday
from services.kernel.errors import Invalid
from tests.services.availability.places import template

days = st.dates(date(2024, 1, 1), date(2030, 12, 31))


@given(
    valid_from=days,
    span=st.integers(0, 400),
    interval=st.integers(1, 8),
    weekdays=st.frozensets(st.sampled_from(WEEK), min_size=1),
)
def test_recurrence_is_that_of_rfc_5545(
    valid_from: date, span: int, interval: int, weekdays: frozenset[Weekday]
) -> None:
    last = valid_from + timedelta(days=span)
    ours = template(
        valid_from=valid_from, valid_until=last, interval_weeks=interval, weekdays=weekdays, observes_holidays=False
    )
    rule = rrule(
        WEEKLY, interval=interval, wkst=MO, byweekday=sorted(WEEK.index(day) for day in weekdays),
        dtstart=datetime.combine(valid_from, time(0), UTC), until=datetime.combine(last, time(0), UTC),
    )  # fmt: skip
    assert list(ours.days(date(2023, 1, 1), date(2033, 1, 1))) == [at.date() for at in rule]


def test_a_biweekly_template_counts_from_the_week_it_begins_in() -> None:
    every_other = template(valid_from=date(2027, 1, 6), interval_weeks=2, weekdays=frozenset({Weekday.MON}))
    assert [day.day for day in every_other.days(date(2027, 1, 1), date(2027, 2, 28)) if day.month == 2] == [1]


def test_leap_day_is_a_day_like_others() -> None:
    assert date(2028, 2, 29) in set(template().days(date(2028, 2, 28), date(2028, 3, 1)))


def test_federal_holidays_are_observed_on_weekdays() -> None:
    assert is_federal_holiday(date(2027, 7, 5))
    assert is_federal_holiday(date(2027, 12, 31))
    assert is_federal_holiday(date(2026, 11, 26))
    assert not is_federal_holiday(date(2027, 4, 19)), "Patriots' Day is a holiday of Massachusetts only"


def test_a_template_may_work_on_holidays() -> None:
    christmas = date(2026, 12, 25)
    assert christmas not in set(template().days(christmas, christmas))
    assert christmas in set(template(observes_holidays=False).days(christmas, christmas))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("weekdays", frozenset()), ("valid_from", date(1999, 12, 31)), ("valid_until", date(2025, 1, 1)),
        ("interval_weeks", 0), ("interval_weeks", 53), ("grid_minutes", 4), ("depth", 0), ("depth", 9),
        ("starts", time(9, tzinfo=UTC)), ("ends", time(9, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_a_broken_rule_is_named(where: str, value: object) -> None:
    with pytest.raises(Invalid) as caught:
        template(**dict[str, Any]({where: value}))
    assert [error.where for error in caught.value.errors] == [where]
