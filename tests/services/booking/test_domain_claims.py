"""Lanes: whatever is taken, nobody gets a taken one, the lowest free one is taken, and a full slot is refused."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.booking.domain.claims import (
    PATIENT,
    PatientBusy,
    SlotTaken,
    Taken,
    choose_lanes,
    claim_key,
    claims_of,
    has_free_lanes,
    keys_to_look_at,
    place,
)
from services.contracts.slot_offer import OfferedResource
from tests.services.booking.world import NOW, offer

depths = st.integers(1, 8)
lanes = st.frozensets(st.integers(0, 7))


def resources(clinician: int, room: int) -> tuple[OfferedResource, ...]:
    return (
        OfferedResource(kind="clinician", id="cln-1", depth=clinician),
        OfferedResource(kind="room", id="room-1", depth=room),
    )


def keys(kind: str, id_: str, taken: frozenset[int]) -> frozenset[int]:
    return frozenset(claim_key(kind, id_, lane) for lane in taken)


@given(depths, depths, lanes, lanes)
def test_chosen_lanes_are_free_within_depth_and_missing_only_when_full(
    clinician: int, room: int, at_clinician: frozenset[int], in_room: frozenset[int]
) -> None:
    live = keys("clinician", "cln-1", at_clinician) | keys("room", "room-1", in_room)
    chosen = choose_lanes(resources(clinician, room), live)
    free = [set(range(clinician)) - at_clinician, set(range(room)) - in_room]
    if chosen is None:
        assert not all(free)
        return
    assert all(lane in lanes_left for lane, lanes_left in zip(chosen, free, strict=True))
    if free[0] & free[1]:
        assert chosen[0] == chosen[1] == min(free[0] & free[1])
    else:
        assert chosen == (min(free[0]), min(free[1]))


@given(depths)
def test_a_slot_of_depth_d_takes_d_patients_lane_by_lane(depth: int) -> None:
    slot = offer(depth=depth)
    taken: list[Taken] = []
    for number in range(depth):
        chosen = place(slot, f"pat-{number}", taken, NOW).place
        assert {resource.lane for resource in chosen.resources} == {number}
        id_ = uuid4()
        taken += [Taken(claim.key, id_, None) for claim in claims_of(f"pat-{number}", chosen.resources)]
    with pytest.raises(SlotTaken):
        place(slot, "pat-late", taken, NOW)
    assert not has_free_lanes(slot.resources, taken, NOW)


def test_a_room_of_one_lane_serves_a_clinician_of_two() -> None:
    live = keys("clinician", "cln-1", frozenset({0}))
    assert choose_lanes(resources(2, 1), live) == (1, 0)


def test_a_busy_patient_is_told_apart_from_a_taken_slot() -> None:
    busy = [Taken(claim_key(PATIENT, "pat-1", 0), uuid4(), None)]
    with pytest.raises(PatientBusy):
        place(offer(), "pat-1", busy, NOW)
    assert place(offer(), "pat-2", busy, NOW).expired == frozenset()


def test_expired_holds_are_no_hindrance_and_are_named() -> None:
    past, ahead = NOW, NOW + timedelta(seconds=1)
    expired, live = uuid4(), uuid4()
    key = claim_key("clinician", "cln-00001", 0)
    assert place(offer(), "pat-1", [Taken(key, expired, past)], NOW).expired == {expired}
    with pytest.raises(SlotTaken):
        place(offer(), "pat-1", [Taken(key, live, ahead)], NOW)


def test_ones_own_place_is_no_hindrance() -> None:
    own = UUID(int=7)
    taken = [Taken(key, own, None) for key in keys_to_look_at("pat-1", offer())]
    found = place(offer(), "pat-1", taken, NOW, own)
    assert (found.place.lane, found.expired) == (0, frozenset())


def test_a_sessions_claim_hinders_who_has_no_place_of_their_own() -> None:
    with pytest.raises(SlotTaken):
        place(offer(), "pat-1", [Taken(claim_key("room", "room-cln-00001", 0), None, None)], NOW)


@given(st.text("abc-019", min_size=1, max_size=6), st.text("abc-019", min_size=1, max_size=6), st.integers(0, 7))
def test_keys_differ_where_resources_do_and_fit_the_column(one: str, other: str, lane: int) -> None:
    assume(one != other)
    assert claim_key("room", one, lane) != claim_key("room", other, lane)
    assert claim_key("room", one, lane) != claim_key("clinician", one, lane)
    assert claim_key("room", one, lane) != claim_key("room", one, lane + 1)
    assert 0 <= claim_key("room", one, lane) < 2**63


def test_claims_come_in_the_order_of_their_keys() -> None:
    claims = claims_of("pat-1", place(offer(), "pat-1", [], NOW).place.resources)
    assert [claim.key for claim in claims] == sorted(claim.key for claim in claims)
    assert {claim.kind for claim in claims} == {PATIENT, "clinician", "room"}
