"""The bundled ZIP codes: real places where the list has them, honest gaps where it has not."""

from __future__ import annotations

import pytest

from services.directory.adapters.zip_codes import BundledZipCodes, places
from services.directory.domain.places import STATES
from services.directory.domain.values import zones

zip_codes = BundledZipCodes()


@pytest.mark.parametrize(
    ("code", "city", "state", "zone"),
    [
        ("02108", "Boston", "MA", "America/New_York"), ("85004", "Phoenix", "AZ", "America/Phoenix"),
        ("86503", "Chinle", "AZ", "America/Denver"),  # the Navajo Nation keeps daylight-saving time
        ("96813", "Honolulu", "HI", "Pacific/Honolulu"), ("00901", "San Juan", "PR", "America/Puerto_Rico"),
    ],
)  # fmt: skip
def test_real_places(code: str, city: str, state: str, zone: str) -> None:
    place = zip_codes.place(code)
    assert place is not None
    assert (place.city, set(place.states), place.timezone) == (city, {state}, zone)
    assert place.latitude is not None


def test_gaps_of_the_list_are_gaps() -> None:
    assert zip_codes.place("99999") is None
    assert zip_codes.place("2108") is None
    military, misfiled = zip_codes.place("09001"), zip_codes.place("99634")
    assert military is not None
    assert misfiled is not None
    assert (military.latitude, military.timezone) == (None, "")
    assert misfiled.timezone == ""  # the list says "Napakiak", a town


def test_every_place_can_be_used() -> None:
    for place in places().values():
        assert place.timezone == "" or place.timezone in zones()
        assert (place.latitude is None) == (place.longitude is None)
        assert place.states <= STATES | {"AA", "AE", "AP"}
