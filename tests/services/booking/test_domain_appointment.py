"""What each action makes of an appointment, and when: at any minute, in any zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.booking.domain import appointment as rules
from services.booking.domain.appointment import Appointment, Change, Occupied, Place
from services.booking.domain.lifecycle import HOLD_EXPIRED, Action, Status
from services.booking.domain.reasons import CancelReason
from services.kernel.errors import Conflict

NOW = datetime(2027, 1, 4, 12, tzinfo=UTC)
ZONES = ("America/New_York", "America/Los_Angeles", "Pacific/Honolulu", "America/Phoenix", "Pacific/Guam")
instants = st.integers(0, 2 * 365 * 86400).map(lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(0, seconds))


def place(starts_at: datetime, zone: str = "America/New_York", minutes: int = 20) -> Place:
    resources = (Occupied("clinician", "cln-1", 2, 1), Occupied("room", "room-1", 1, 0))
    return Place(
        "cln-1", "fac-1", "family-medicine", "follow-up", "slot-1", starts_at,
        starts_at + timedelta(minutes=minutes), zone, 1, resources,
    )  # fmt: skip


def standing(status: Status, starts_at: datetime, zone: str = "America/New_York", reason: str = "") -> Appointment:
    expires = NOW + timedelta(minutes=5) if status is Status.PENDING else None
    return Appointment(uuid4(), "pat-1", place(starts_at, zone), status, 3, expires, reason, NOW, NOW)


def slug(attempt: Callable[[], Change]) -> str:
    with pytest.raises(Conflict) as refusal:
        attempt()
    return refusal.value.slug


def test_lane_is_the_clinicians() -> None:
    assert place(NOW).lane == 1


def test_a_hold_never_outlives_the_start() -> None:
    at = place(NOW + timedelta(minutes=2))
    held = rules.create(Action.HOLD, uuid4(), "pat-1", at, NOW, NOW + timedelta(minutes=5))
    assert held.after.hold_expires_at == at.starts_at
    assert (held.after.status, held.after.version, held.before) == (Status.PENDING, 1, None)
    assert held.takes_place
    assert not held.frees_place


def test_the_past_cannot_be_taken() -> None:
    assert slug(lambda: rules.create(Action.BOOK, uuid4(), "pat-1", place(NOW), NOW, None)) == "too-late"


@given(st.integers(-600, 600))
def test_a_hold_confirms_until_its_last_second(seconds: int) -> None:
    hold = standing(Status.PENDING, NOW + timedelta(days=1))
    assert hold.hold_expires_at is not None
    at = hold.hold_expires_at + timedelta(seconds=seconds)
    if seconds < 0:
        after = rules.confirm(hold, at).after
        assert (after.status, after.hold_expires_at, after.version) == (Status.BOOKED, None, 4)
        assert slug(lambda: rules.expire(hold, at)) == "hold-not-expired"
    else:
        assert slug(lambda: rules.confirm(hold, at)) == "hold-expired"
        ended = rules.expire(hold, at)
        assert (ended.after.status, ended.after.reason) == (Status.CANCELLED, HOLD_EXPIRED)
        assert ended.frees_place


def test_an_expired_hold_says_so_also_after_it_was_swept() -> None:
    swept = standing(Status.CANCELLED, NOW + timedelta(days=1), reason=HOLD_EXPIRED)
    assert slug(lambda: rules.confirm(swept, NOW)) == "hold-expired"
    other = standing(Status.CANCELLED, NOW + timedelta(days=1), reason="hold-released")
    assert slug(lambda: rules.confirm(other, NOW)) == "not-in-this-status"


@given(st.integers(-7200, 7200))
def test_cancelling_ends_with_the_start_or_after_check_in_with_the_end(seconds: int) -> None:
    at = NOW + timedelta(seconds=seconds)
    booked, arrived = standing(Status.BOOKED, NOW), standing(Status.CHECKED_IN, NOW)

    def allowed(appointment: Appointment) -> bool:
        try:
            change = rules.cancel(appointment, at, CancelReason.OTHER)
        except Conflict:
            return False
        assert change.frees_place
        return True

    assert allowed(booked) == (at < booked.place.starts_at)
    assert allowed(arrived) == (at < arrived.place.ends_at)


@given(instants, instants, st.sampled_from(ZONES))
def test_check_in_belongs_to_the_facilitys_day(starts_at: datetime, now: datetime, zone: str) -> None:
    appointment = standing(Status.BOOKED, starts_at, zone)
    if appointment.place.local_day(now) == appointment.place.visit_day:
        assert rules.check_in(appointment, now).after.status is Status.CHECKED_IN
    else:
        assert slug(lambda: rules.check_in(appointment, now)) == "not-the-day-of-the-visit"


def test_the_day_is_the_facilitys_not_ours() -> None:
    # 04:30 UTC on the fifth is still the evening of the fourth in New York.
    evening = standing(Status.BOOKED, datetime(2027, 1, 5, 4, 30, tzinfo=UTC))
    assert evening.place.visit_day.isoformat() == "2027-01-04"
    assert rules.check_in(evening, datetime(2027, 1, 4, 5, 1, tzinfo=UTC)).after.status is Status.CHECKED_IN
    assert slug(lambda: rules.check_in(evening, datetime(2027, 1, 5, 5, 0, tzinfo=UTC))) == "not-the-day-of-the-visit"


def test_no_show_waits_for_the_start_and_completion_for_check_in() -> None:
    booked = standing(Status.BOOKED, NOW)
    assert slug(lambda: rules.no_show(booked, NOW - timedelta(seconds=1))) == "too-early"
    missed = rules.no_show(booked, NOW)
    assert missed.after.status is Status.NOSHOW
    assert not missed.frees_place
    assert slug(lambda: rules.complete(booked, NOW)) == "not-in-this-status"
    assert rules.complete(standing(Status.CHECKED_IN, NOW), NOW).after.status is Status.FULFILLED


def test_moving_needs_both_starts_ahead() -> None:
    ahead, begun = NOW + timedelta(hours=1), NOW
    moved = rules.move(standing(Status.BOOKED, ahead), NOW, place(ahead + timedelta(minutes=10)))
    assert (moved.takes_place, moved.frees_place, moved.after.version) == (True, True, 4)
    assert slug(lambda: rules.move(standing(Status.BOOKED, begun), NOW, place(ahead))) == "too-late"
    assert slug(lambda: rules.move(standing(Status.BOOKED, ahead), NOW, place(begun))) == "too-late"


@given(st.lists(st.sampled_from(list(Action)), max_size=8), st.integers(0, 48))
def test_whatever_is_tried_versions_count_the_successes_and_ends_are_final(tried: list[Action], hours: int) -> None:
    current = rules.create(Action.BOOK, uuid4(), "pat-1", place(NOW + timedelta(hours=hours + 1)), NOW, None).after
    attempts: dict[Action, Callable[[Appointment], Change]] = {
        Action.CONFIRM: lambda a: rules.confirm(a, NOW),
        Action.RELEASE: lambda a: rules.release(a, NOW),
        Action.EXPIRE: lambda a: rules.expire(a, NOW),
        Action.CANCEL: lambda a: rules.cancel(a, NOW, CancelReason.OTHER),
        Action.MOVE: lambda a: rules.move(a, NOW, place(NOW + timedelta(hours=2))),
        Action.CHECK_IN: lambda a: rules.check_in(a, NOW),
        Action.COMPLETE: lambda a: rules.complete(a, NOW),
        Action.NO_SHOW: lambda a: rules.no_show(a, NOW),
    }
    for action in tried:
        if action not in attempts:
            continue
        before = current
        try:
            current = attempts[action](before).after
        except Conflict:
            continue
        assert current.version == before.version + 1
        assert current.id == before.id
        assert before.status not in {Status.FULFILLED, Status.CANCELLED, Status.NOSHOW}
        assert (current.status is Status.CANCELLED) == bool(current.reason)
