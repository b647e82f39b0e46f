"""Who is asked first, what a request allows, how long an offer lasts: properties of the stated formulas."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.slot_offer import OfferedResource
from services.kernel.errors import Conflict
from services.waitlist.domain.offers import (
    LEAST_AWAKE,
    LONGEST_KEPT,
    MARGIN,
    Offer,
    OfferState,
    kept_until,
    require_open,
    window,
)
from services.waitlist.domain.places import Facility, Place, around, distance_km
from services.waitlist.domain.ranking import STARVATION_BOUND, fit, place
from services.waitlist.domain.requests import Priority, Request, Status, TimeWindow, Wishes, allows, as_needed
from tests.services.waitlist.world import LATER, NOW, slot

ZONES = st.sampled_from(["America/New_York", "America/Los_Angeles", "Pacific/Honolulu", "America/Chicago"])
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- hypothesis wants naive bounds
WISHES = st.builds(
    Wishes,
    facilities=st.sampled_from([frozenset({"fac-0001"}), frozenset({"fac-0001", "fac-0002"})]),
    clinicians=st.sampled_from([frozenset(), frozenset({"cln-00001"})]),
    weekdays=st.sampled_from([frozenset(), frozenset({1, 2, 3, 4, 5, 6, 7})]),
    windows=st.sampled_from([(), (TimeWindow(time(0), time(23, 59)),)]),
)
REQUESTS = st.builds(
    Request,
    id=st.uuids(), patient_id=st.just("pat-1"), specialty=st.just("family-medicine"),
    visit_type=st.just("family-medicine-follow-up"), wishes=WISHES, priority=st.sampled_from(Priority),
    status=st.just(Status.WAITING), version=st.just(1), joined_at=INSTANTS, lapses=st.integers(0, 1000),
)  # fmt: skip


def request(**wishes: object) -> Request:
    return Request(
        UUID(int=1), "pat-1", "family-medicine", "family-medicine-follow-up",
        Wishes(**{"facilities": frozenset({"fac-0001"}), **wishes}),  # type: ignore[arg-type]  # a few of the fields
        Priority.ROUTINE, Status.WAITING, 1, NOW,
    )  # fmt: skip


def test_an_interpreter_goes_to_who_needs_one_and_stays_with_nobody_else() -> None:
    plain = slot()
    who = OfferedResource(kind="interpreter", id="int-00001", language="es")
    spanish = plain.model_copy(update={"resources": (*plain.resources, who)})
    needs, none = request(interpreter="es"), request()
    assert [allows(needs, one, NOW) for one in (spanish, plain)] == [True, False]
    assert not allows(request(interpreter="vi"), spanish, NOW)
    assert [allows(none, one, NOW) for one in (spanish, plain)] == [True, True]
    assert as_needed(needs, spanish) == spanish
    assert as_needed(none, spanish) == plain
    assert place(needs, spanish) < place(none, spanish)


@given(REQUESTS, REQUESTS)
def test_whoever_waits_longer_than_the_bound_is_asked_first(older: Request, newer: Request) -> None:
    late = replace(newer, joined_at=older.joined_at + STARVATION_BOUND + timedelta(microseconds=1))
    assert place(older, slot()) < place(late, slot())


def test_the_bound_is_as_tight_as_stated() -> None:
    worst = replace(request(facilities=frozenset({"fac-0001", "fac-0002"})), lapses=99)
    best = request(
        clinicians=frozenset({"cln-00001"}), weekdays=frozenset({LATER.isoweekday()}),
        windows=(TimeWindow(time(0), time(23, 59)),),
    )  # fmt: skip
    best = replace(best, priority=Priority.ASAP, joined_at=NOW + STARVATION_BOUND - timedelta(seconds=1))
    assert fit(best, slot()) == 1.0
    assert place(best, slot()) < place(worst, slot())


@given(REQUESTS, st.integers(1, 40))
def test_a_day_of_waiting_is_a_day_in_line_and_urgency_never_hurts(one: Request, days: int) -> None:
    later = replace(one, joined_at=one.joined_at + timedelta(days=days))
    assert place(later, slot())[0] - place(one, slot())[0] == timedelta(days=days)
    ranked = [place(replace(one, priority=priority), slot()) for priority in (Priority.ASAP, Priority.URGENT)]
    assert ranked[0] < ranked[1] < place(replace(one, priority=Priority.ROUTINE), slot())
    assert place(one, slot()) <= place(replace(one, lapses=one.lapses + 1), slot())


@pytest.mark.parametrize(
    ("wishes", "fits"),
    [
        ({}, True),
        ({"facilities": frozenset({"fac-0002"})}, False),
        ({"clinicians": frozenset({"cln-00002"})}, False),
        ({"weekdays": frozenset({LATER.isoweekday() % 7 + 1})}, False),
        # 15:00 UTC is 10:00 in New York.
        ({"windows": (TimeWindow(time(10), time(10, 20)),)}, True),
        ({"windows": (TimeWindow(time(10), time(10, 19)),)}, False),
        ({"windows": (TimeWindow(time(15), time(16)),)}, False),
        ({"earliest": LATER.date() + timedelta(days=1)}, False),
        ({"latest": LATER.date() - timedelta(days=1)}, False),
        ({"earliest": LATER.date(), "latest": LATER.date()}, True),
        ({"notice": LATER - NOW}, True),
        ({"notice": LATER - NOW + timedelta(minutes=1)}, False),
        ({"minutes": 20}, True),
        ({"minutes": 21}, False),
    ],
)
def test_every_wish_is_a_condition(wishes: dict[str, object], fits: bool) -> None:
    assert allows(request(**wishes), slot(), NOW) is fits


def test_another_visit_type_never_fits() -> None:
    assert not allows(replace(request(), visit_type="family-medicine-new-patient"), slot(), NOW)
    assert not allows(replace(request(), specialty="cardiology"), slot(), NOW)


@given(INSTANTS, st.timedeltas(timedelta(0), timedelta(days=30)), ZONES, st.timedeltas(timedelta(0), timedelta(days=1)))
def test_a_window_leaves_time_awake_and_ends_before_the_notice(
    now: datetime, lead: timedelta, zone: str, notice: timedelta
) -> None:
    local = ZoneInfo(zone)
    ends = window(now, now + lead, local, notice)
    if ends is None:
        return
    assert now < ends <= now + lead - notice - MARGIN
    assert ends + MARGIN <= now + LONGEST_KEPT
    awake = sum(
        8 <= (now + timedelta(minutes=minute)).astimezone(local).hour < 21
        for minute in range(int((ends - now) / timedelta(minutes=1)) + 1)
    )
    assert timedelta(minutes=awake + 1) >= LEAST_AWAKE


@pytest.mark.parametrize(
    ("lead", "length"), [(5, timedelta(minutes=20)), (30, timedelta(hours=2)), (100, timedelta(hours=12))]
)
def test_a_window_is_scaled_with_lead_time(lead: int, length: timedelta) -> None:
    morning = datetime(2027, 1, 4, 14, tzinfo=UTC)
    assert window(morning, morning + timedelta(hours=lead), ZoneInfo("America/New_York"), timedelta(hours=2)) == (
        morning + length
    )


def test_by_night_an_offer_lasts_into_the_morning_or_is_not_made() -> None:
    zone, night = ZoneInfo("America/New_York"), datetime(2027, 1, 5, 3, tzinfo=UTC)  # 22:00
    ends = window(night, night + timedelta(hours=30), zone, timedelta(hours=2))
    assert ends == datetime(2027, 1, 5, 13, 20, tzinfo=UTC)  # 8:20
    assert window(night, night + timedelta(hours=11), zone, timedelta(hours=2)) is None


@pytest.mark.parametrize(
    ("state", "after", "slug"),
    [
        (OfferState.OPEN, -1, None), (OfferState.OPEN, 0, "offer-ended"), (OfferState.VOID, -1, "offer-ended"),
        (OfferState.ACCEPTED, -1, "offer-accepted"), (OfferState.DECLINED, -1, "offer-declined"),
    ],
)  # fmt: skip
def test_which_offers_can_be_answered(state: OfferState, after: int, slug: str | None) -> None:
    offer = Offer(UUID(int=1), UUID(int=2), UUID(int=3), "pat-1", slot(), state, NOW, NOW + timedelta(hours=1))
    assert kept_until(offer, timedelta(hours=2)) == offer.expires_at + MARGIN
    at = offer.expires_at + timedelta(seconds=after)
    if slug is None:
        require_open(offer, at)
        return
    with pytest.raises(Conflict) as refusal:
        require_open(offer, at)
    assert refusal.value.slug == slug


def test_facilities_around_a_place() -> None:
    boston, cambridge, albany = Place(42.36, -71.06), Place(42.37, -71.11), Place(42.65, -73.75)
    known = [Facility("b", 1, boston), Facility("c", 1, cambridge), Facility("a", 1, albany)]
    assert 3 < distance_km(boston, cambridge) < 6
    assert around(boston, 10, known) == {"b", "c"}
    assert around(boston, 10, [replace(facility, active=False) for facility in known]) == frozenset()
