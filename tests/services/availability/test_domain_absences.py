"""Absences given as local days cover those days at every facility; as instants they are taken as they are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.availability.domain.absences import period_between, period_of_days
from services.kernel.errors import Invalid

MONDAY = date(2027, 1, 4)


def test_days_are_the_facilities_days() -> None:
    period = period_of_days(MONDAY, MONDAY, ["America/New_York"])
    assert period == (datetime(2027, 1, 4, 5, tzinfo=UTC), datetime(2027, 1, 5, 5, tzinfo=UTC))


def test_days_cover_the_day_in_every_zone() -> None:
    period = period_of_days(MONDAY, MONDAY, ["America/New_York", "Pacific/Honolulu"])
    assert period == (datetime(2027, 1, 4, 5, tzinfo=UTC), datetime(2027, 1, 5, 10, tzinfo=UTC))


def test_the_day_clocks_go_forward_has_23_hours() -> None:
    period = period_of_days(date(2027, 3, 14), date(2027, 3, 14), ["America/Chicago"])
    assert period.ends_at - period.starts_at == timedelta(hours=23)


@pytest.mark.parametrize(
    ("first", "last", "zones"),
    [
        (MONDAY, MONDAY, []),
        (MONDAY, MONDAY - timedelta(days=1), ["America/New_York"]),
        (date(1, 1, 1), MONDAY, ["America/New_York"]),
        (MONDAY, date(9999, 12, 31), ["America/New_York"]),
        (MONDAY, MONDAY + timedelta(days=800), ["America/New_York"]),
    ],
)
def test_odd_days_are_invalid(first: date, last: date, zones: list[str]) -> None:
    with pytest.raises(Invalid):
        period_of_days(first, last, zones)


def test_an_absence_ends_after_it_starts_and_in_our_century() -> None:
    now = datetime(2027, 1, 4, tzinfo=UTC)
    with pytest.raises(Invalid):
        period_between(now, now)
    with pytest.raises(Invalid):
        period_between(datetime(1999, 1, 1, tzinfo=UTC), datetime(1999, 1, 2, tzinfo=UTC))
    assert period_between(now, now + timedelta(hours=1)).ends_at == now + timedelta(hours=1)
