"""Search as a patient meets it: first available first, by every filter, and offers that booking can trust."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from services.availability.adapters.offer_keys import public_jwk
from services.availability.domain.directory import VisitType
from services.availability.usecases.search import DEFAULT_WINDOW, SearchRequest, default_of, window_of
from services.contracts.slot_offer import OfferKeys
from services.kernel.access import AccessRefused
from services.kernel.actor import Actor
from services.kernel.errors import Invalid
from tests.services.availability.bench import KEY, NOW, Bench, gate, in_memory
from tests.services.availability.places import BOSTON, DENVER, FLORES, SHAH, WEISS, WORCESTER, template

FAMILY = "family-medicine"


@pytest.fixture
async def open_bench(bench: Bench) -> Bench:
    await bench.know()
    await bench.give(
        template(),
        template(SHAH, WORCESTER, "worcester", starts=time(8), ends=time(9)),
        template(
            SHAH, DENVER, "denver", starts=time(13), ends=time(15), visit_types=frozenset({f"{FAMILY}-new-patient"})
        ),
        template(WEISS, grid_minutes=15, room_id="room-echo", ends=time(10)),
    )
    return bench


async def test_first_available_comes_first(open_bench: Bench) -> None:
    found = await open_bench.starts(SearchRequest(specialty=FAMILY, limit=6))
    assert found == [f"Mon 04 {at}" for at in ("08:00", "08:20", "08:40", "09:00", "09:20", "09:40")]


async def test_near_means_near(open_bench: Bench) -> None:
    near = await open_bench.offers(SearchRequest(specialty=FAMILY, zip_code="02108", within_km=30, limit=50))
    assert {one.slot.facility_id for one in near} == {"fac-0001"}
    assert {one.slot.distance_km for one in near} == {0.0}
    wider = await open_bench.offers(SearchRequest(specialty=FAMILY, zip_code="02108-1234", within_km=80))
    assert {one.slot.facility_id: one.slot.distance_km for one in wider}["fac-0002"] == pytest.approx(61, abs=1)


async def test_near_a_facility_means_near_it(open_bench: Bench) -> None:
    near = await open_bench.offers(SearchRequest(specialty=FAMILY, near_facility="fac-0001", within_km=30, limit=50))
    assert {(one.slot.facility_id, one.slot.distance_km) for one in near} == {("fac-0001", 0.0)}
    wider = await open_bench.offers(SearchRequest(specialty=FAMILY, near_facility="fac-0001", within_km=80))
    assert {one.slot.facility_id: one.slot.distance_km for one in wider}["fac-0002"] == pytest.approx(61, abs=1)


async def test_equal_starts_are_ordered_by_distance_then_id(open_bench: Bench) -> None:
    await open_bench.give(template(SHAH, WORCESTER, "morning"))
    found = await open_bench.offers(SearchRequest(specialty=FAMILY, zip_code="02108", within_km=80, limit=50))
    assert [one.slot.rank for one in found] == sorted(one.slot.rank for one in found)
    nine = [one.slot.facility_id for one in found if f"{one.slot.starts_local:%d %H:%M}" == "04 09:00"]
    assert nine == ["fac-0001", "fac-0002"]


async def test_a_facility_set_a_clinician_and_a_language(open_bench: Bench) -> None:
    at = await open_bench.offers(SearchRequest(specialty=FAMILY, facility_ids=("fac-0002",)))
    assert {one.slot.facility_id for one in at} == {"fac-0002"}
    of = await open_bench.offers(SearchRequest(clinician_ids=(FLORES.clinician_id, WEISS.clinician_id), limit=100))
    assert {one.offer.specialty for one in of} == {FAMILY, "cardiology"}
    spanish = await open_bench.offers(SearchRequest(specialty=FAMILY, language="es", limit=50))
    assert {one.slot.clinician_id for one in spanish} == {FLORES.clinician_id}


async def test_a_template_may_be_for_some_visit_types_only(open_bench: Bench) -> None:
    new = await open_bench.offers(SearchRequest(visit_type=f"{FAMILY}-new-patient", facility_ids=("fac-0003",)))
    assert {one.offer.minutes for one in new} == {40}
    assert not await open_bench.offers(SearchRequest(specialty=FAMILY, facility_ids=("fac-0003",)))


async def test_a_window_of_local_days(open_bench: Bench) -> None:
    tuesday = date(2027, 1, 5)
    found = await open_bench.starts(SearchRequest(specialty=FAMILY, since=tuesday, until=tuesday, limit=100))
    assert {text[:6] for text in found} == {"Tue 05"}
    assert len(found) == 3 + 9


async def test_a_window_of_instants_cuts_exactly(open_bench: Bench) -> None:
    request = SearchRequest(specialty=FAMILY, since=NOW + timedelta(hours=1), until=NOW + timedelta(minutes=100))
    assert await open_bench.starts(request) == ["Mon 04 09:00", "Mon 04 09:20"]


async def test_offers_are_signed_and_complete(open_bench: Bench) -> None:
    first = (await open_bench.offers(SearchRequest(specialty="cardiology")))[0]
    read = OfferKeys({"keys": [public_jwk(KEY.pem, KEY.key_id)]}).read(first.token, NOW)
    assert read == first.offer
    assert [(one.kind, one.id) for one in read.resources] == [("clinician", WEISS.clinician_id), ("room", "room-echo")]
    assert read.minutes == 45
    assert read.timezone == BOSTON.timezone
    assert read.schedule_version == 1
    again = (await open_bench.offers(SearchRequest(specialty="cardiology")))[0]
    assert again.offer.slot_id == first.offer.slot_id, "a slot's id does not change"


async def test_a_clinicians_own_length_counts(open_bench: Bench) -> None:
    await open_bench.schedules.set_visit_length(FLORES.clinician_id, f"{FAMILY}-follow-up", 60, gate("manage-schedule"))
    found = await open_bench.offers(SearchRequest(clinician_ids=(FLORES.clinician_id,), until=date(2027, 1, 4)))
    assert {one.offer.minutes for one in found} == {60}
    assert len(found) == 7, "09:00 to 11:00, every twenty minutes"


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        (SearchRequest(), "query/specialty"),
        (SearchRequest(specialty="alchemy"), "query/specialty"),
        (SearchRequest(visit_type="no-such-visit"), "query/visit_type"),
        (SearchRequest(specialty="cardiology", visit_type=f"{FAMILY}-follow-up"), "query/visit_type"),
        (SearchRequest(clinician_ids=("cln-99999",)), "query/clinician"),
        (SearchRequest(specialty=FAMILY, zip_code="99999"), "query/zip"),
        (SearchRequest(specialty=FAMILY, near_facility="fac-9999"), "query/near"),
        (SearchRequest(specialty=FAMILY, within_km=5), "query/within_km"),
        (SearchRequest(specialty=FAMILY, until=NOW - timedelta(days=1)), "query/to"),
        (SearchRequest(specialty=FAMILY, since=date(2027, 2, 1), until=date(2027, 1, 1)), "query/to"),
        (SearchRequest(specialty=FAMILY, until=NOW + timedelta(days=100)), "query/to"),
    ],
)
async def test_what_cannot_be_searched_for_is_told(open_bench: Bench, request_: SearchRequest, where: str) -> None:
    with pytest.raises(Invalid) as caught:
        await open_bench.offers(request_)
    assert [error.where for error in caught.value.errors] == [where]


async def test_nowhere_near_finds_nothing(open_bench: Bench) -> None:
    assert not await open_bench.offers(SearchRequest(specialty="cardiology", zip_code="80202"))


async def test_an_auditor_does_not_search(open_bench: Bench) -> None:
    auditor = Actor("auditor", frozenset({"auditor"}), facilities=frozenset({"*"}))
    with pytest.raises(AccessRefused):
        await open_bench.search.run(SearchRequest(specialty=FAMILY), gate("search-slots", auditor))


def test_the_window_begins_now_at_the_earliest() -> None:
    plain = window_of(None, None, NOW)
    assert (plain.starts_at, plain.ends_at) == (NOW, NOW + DEFAULT_WINDOW)
    assert window_of(NOW - timedelta(days=3), None, NOW).starts_at == NOW
    days = window_of(date(2027, 1, 10), date(2027, 4, 11), NOW)
    assert days.starts_at < datetime(2027, 1, 10, tzinfo=UTC) < datetime(2027, 4, 12, tzinfo=UTC) < days.ends_at


def test_the_usual_visit_is_the_shortest_active_one() -> None:
    long, short = VisitType("a", 1, FAMILY, 40), VisitType("b", 1, FAMILY, 20)
    assert default_of([long, short, VisitType("c", 1, FAMILY, 10, active=False)]) == short
    assert default_of([]) is None


async def test_a_slot_asked_for_again_has_the_same_offer_for_a_moment() -> None:
    bench = in_memory()
    await bench.know()
    await bench.give(template())
    tomorrow = SearchRequest(specialty="family-medicine", since=NOW + timedelta(days=1), limit=3)
    tokens = [[one.token for one in await bench.offers(tomorrow)]]
    for seconds in (14, 2, 300):
        bench.clock.at += timedelta(seconds=seconds)
        tokens.append([one.token for one in await bench.offers(tomorrow)])
    assert tokens[0] == tokens[1], "signed once"
    assert len({tokens[1][0], tokens[2][0], tokens[3][0]}) == 3, "and again, so that none is nearly over"
    keys = OfferKeys({"keys": [public_jwk(KEY.pem, KEY.key_id)]})
    assert [keys.read(token, bench.clock.now()).slot_id for token in tokens[3]] == [
        one.slot.slot_id for one in await bench.offers(tomorrow)
    ]
