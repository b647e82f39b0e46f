"""The facility's calendar and clocks: known answers on the days they are odd, in zones that keep them differently."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from services.booking.domain import appointment as rules
from services.booking.domain.appointment import Appointment, Occupied, Place
from services.booking.domain.freed import GraceRules, freed_by
from services.booking.domain.lateness import late_from
from services.booking.domain.lifecycle import Action, Status
from services.booking.domain.reasons import CancelReason
from services.kernel.errors import Conflict


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def booked(starts_at: str, zone: str, minutes: int = 20) -> Appointment:
    start = utc(starts_at)
    place = Place(
        "cln-1", "fac-1", "family-medicine", "x", "slot-1", start, start + timedelta(minutes=minutes), zone, 1,
        (Occupied("clinician", "cln-1", 1, 0),),
    )  # fmt: skip
    return Appointment(UUID(int=1), "pat-1", place, Status.BOOKED, 1, None, "", start, start)


@pytest.mark.parametrize(
    ("starts_at", "zone", "day"),
    [
        # 7 November 2027: 01:30 comes twice in Boston; both are the 7th, the evening before in Hawaii is the 6th.
        ("2027-11-07T05:30", "America/New_York", date(2027, 11, 7)),
        ("2027-11-07T06:30", "America/New_York", date(2027, 11, 7)),
        ("2027-11-07T04:30", "America/New_York", date(2027, 11, 7)),
        ("2027-11-07T03:30", "America/New_York", date(2027, 11, 6)),
        ("2027-11-07T05:30", "Pacific/Honolulu", date(2027, 11, 6)),
        # 14 March 2027: midnight is 05:00 UTC, the next one 04:00 UTC.
        ("2027-03-14T04:59", "America/New_York", date(2027, 3, 13)),
        ("2027-03-15T03:59", "America/New_York", date(2027, 3, 14)),
        ("2027-03-15T04:00", "America/New_York", date(2027, 3, 15)),
        # Arizona and Puerto Rico keep one time all year; Indiana changes, Knox with Chicago an hour later.
        ("2027-07-01T06:59", "America/Phoenix", date(2027, 6, 30)),
        ("2027-07-01T07:00", "America/Phoenix", date(2027, 7, 1)),
        ("2027-07-01T03:59", "America/Puerto_Rico", date(2027, 6, 30)),
        ("2027-07-01T04:00", "America/Indiana/Indianapolis", date(2027, 7, 1)),
        ("2027-07-01T04:00", "America/Indiana/Knox", date(2027, 6, 30)),
        # A leap day ends as any other.
        ("2028-02-29T05:00", "America/New_York", date(2028, 2, 29)),
        ("2028-03-01T04:59", "America/New_York", date(2028, 2, 29)),
        ("2028-03-01T05:00", "America/New_York", date(2028, 3, 1)),
    ],
)
def test_the_day_of_a_visit_is_the_facilitys(starts_at: str, zone: str, day: date) -> None:
    assert booked(starts_at, zone).place.visit_day == day


@pytest.mark.parametrize(
    ("starts_at", "now", "allowed"),
    [
        # Ten past midnight in Boston: who comes a quarter of an hour early is there on the day before.
        ("2027-01-05T05:10", "2027-01-05T04:55", True),
        ("2027-01-05T05:10", "2027-01-05T04:09", False),
        # Over midnight: late, but the visit is not over.
        ("2027-01-05T04:50", "2027-01-05T05:05", True),
        ("2027-01-05T04:50", "2027-01-05T05:10", False),
        # In the hour that comes twice, and on a day of 23 hours, all day long.
        ("2027-11-07T05:30", "2027-11-07T06:45", True),
        ("2027-03-14T15:00", "2027-03-15T03:59", True),
        ("2027-03-14T15:00", "2027-03-15T04:00", False),
    ],
)
def test_check_in_follows_the_calendar_except_around_midnight(starts_at: str, now: str, allowed: bool) -> None:
    visit = booked(starts_at, "America/New_York")
    if allowed:
        assert rules.check_in(visit, utc(now)).after.status == "checked-in"
    else:
        with pytest.raises(Conflict) as refused:
            rules.check_in(visit, utc(now))
        assert refused.value.slug == "not-the-day-of-the-visit"


def test_a_day_before_is_twenty_four_hours_whatever_the_clocks_do() -> None:
    """Notice and grace are spans of time, not of wall clock: nobody gains or loses an hour to cancel."""
    for start in ("2027-03-14T15:00", "2027-11-07T15:00", "2028-02-29T15:00"):
        assert late_from(utc(start), 24) == utc(start) - timedelta(hours=24)


def test_a_move_to_another_zone_stands_on_the_other_calendar() -> None:
    """From Boston to Honolulu: the same instants, another day; they overlap, so nothing of the lanes is kept back."""
    visit, now = booked("2027-11-07T05:30", "America/New_York"), utc("2027-11-01T12:00")
    there = booked("2027-11-07T05:40", "Pacific/Honolulu").place
    change = rules.move(visit, now, there)
    assert (visit.place.visit_day, change.after.place.visit_day) == (date(2027, 11, 7), date(2027, 11, 6))
    assert freed_by(change, UUID(int=2), now, GraceRules()) is None


def test_a_freed_slot_in_the_hour_that_comes_twice_ends_before_its_notice() -> None:
    visit = booked("2027-11-07T06:30", "America/New_York")
    now = utc("2027-11-07T04:29:45")
    freed = freed_by(rules.cancel(visit, now, CancelReason.PATIENT), UUID(int=2), now, GraceRules())
    assert freed is not None
    assert (freed.open_until, freed.place.starts_at - freed.open_until) == (utc("2027-11-07T04:30"), timedelta(hours=2))
    later = utc("2027-11-07T04:30")
    assert freed_by(rules.cancel(visit, later, CancelReason.PATIENT), UUID(int=2), later, GraceRules()) is None


def test_a_hold_over_a_change_of_clocks_lasts_as_long_as_any() -> None:
    now = utc("2027-03-14T06:58")
    place = booked("2027-03-14T15:00", "America/New_York").place
    held = rules.create(Action.HOLD, UUID(int=1), "pat-1", place, now, now + timedelta(minutes=5)).after
    with pytest.raises(Conflict):
        rules.expire(held, now + timedelta(minutes=4, seconds=59))
    assert rules.expire(held, now + timedelta(minutes=5)).after.reason == "hold-expired"
