"""Distances: right to within what a patient would notice, and a box that never loses a facility."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.availability.domain.places import Place, box_around, distance_km
from tests.services.availability.places import BOSTON, DENVER, WORCESTER

latitudes = st.floats(-89, 89)
longitudes = st.floats(-180, 180)
places = st.builds(Place, latitudes, longitudes)


def test_known_distances() -> None:
    assert distance_km(BOSTON.place, DENVER.place) == pytest.approx(2840, rel=0.01)
    assert distance_km(BOSTON.place, WORCESTER.place) == pytest.approx(61, rel=0.02)


@given(a=places, b=places)
def test_distance_is_the_same_both_ways_and_never_beyond_half_the_globe(a: Place, b: Place) -> None:
    assert distance_km(a, b) == pytest.approx(distance_km(b, a), abs=1e-6)
    assert 0 <= distance_km(a, b) <= 20_016


@given(center=places, other=places, near=st.floats(-2, 2), across=st.floats(-2, 2), radius=st.floats(1, 1000))
def test_no_place_within_the_radius_is_outside_the_box(
    center: Place, other: Place, near: float, across: float, radius: float
) -> None:
    box = box_around(center, radius)
    neighbour = Place(max(-89.0, min(89.0, center.latitude + near)), (center.longitude + across + 540) % 360 - 180)
    for place in (other, neighbour):
        if distance_km(center, place) <= radius:
            assert box.south <= place.latitude <= box.north
            assert box.west <= place.longitude <= box.east
