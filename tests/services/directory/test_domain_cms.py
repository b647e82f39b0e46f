"""Rows of the CMS file: what is mended, what is refused, and why."""

from __future__ import annotations

import pytest

from services.directory.domain.cms import FARTHEST_KM, facility_of, find_columns
from services.kernel.errors import Invalid
from tests.services.directory.fakes import FakeZipCodes

HEADER_2017 = (
    "Provider.ID", "Hospital.Name", "Address", "City", "State", "ZIP.Code", "County.Name", "Phone.Number",
    "Hospital.Type", "Location",
)  # fmt: skip
HEADER_2024 = (
    "Facility ID", "Facility Name", "Address", "City/Town", "State", "ZIP Code", "County/Parish", "Telephone Number",
    "Hospital Type",
)  # fmt: skip
ROW = {
    "id": "10005", "name": "MARSHALL  MEDICAL CENTER", "address": "2505 U S HIGHWAY 431 NORTH", "city": "BOAZ",
    "state": "AL", "zip": "35957", "type": "Acute Care Hospitals", "phone": "2565938310",
    "location": "2505 U S HIGHWAY 431 NORTH\nBOAZ, AL\n(34.2, -86.16)",
}  # fmt: skip
place_of = FakeZipCodes().place


def test_columns_of_both_vintages() -> None:
    assert find_columns(HEADER_2017)["zip"] == 5
    assert find_columns(HEADER_2017)["location"] == 9
    assert find_columns(HEADER_2024) == {
        "id": 0, "name": 1, "address": 2, "city": 3, "state": 4, "zip": 5, "phone": 7, "type": 8,
    }  # fmt: skip


def test_another_file_is_told_by_what_is_missing() -> None:
    with pytest.raises(Invalid, match="no column for id, name, type, zip"):
        find_columns(["Address", "City", "State"])


def test_a_row_becomes_a_facility() -> None:
    found = facility_of(ROW, place_of)
    facility = found.facility
    assert facility.facility_id == "ccn-010005"
    assert facility.name == "MARSHALL MEDICAL CENTER"
    assert (facility.latitude, facility.longitude) == (34.2, -86.16)
    assert facility.timezone == "America/Chicago"
    assert facility.phone == "+12565938310"
    assert found.mended == ("id-zeros",)


@pytest.mark.parametrize(
    ("change", "mended"),
    [
        ({"id": "010005"}, ()),
        ({"id": "01014f"}, ()),
        ({"zip": "602", "state": "PR", "location": ""}, ("zip-zeros", "coordinates-of-zip")),
        ({"zip": "35957-1234"}, ()),
        ({"location": "BOAZ, AL\n"}, ("coordinates-of-zip",)),
        ({"location": "(0, 0)"}, ("coordinates-of-zip",)),
        ({"location": "POINT (-86.16 34.2)"}, ()),
        ({"zip": "00004", "state": "AK", "location": ""}, ("coordinates-of-zip", "zone-of-state")),
        ({"zip": "00003", "state": "AK", "location": "(61.2, -149.8)"}, ()),
        ({"zip": "00002", "state": "VA", "location": "(36.6, -82.2)"}, ()),
        ({"phone": "936933841"}, ("phone-left-out",)),
        ({"phone": ""}, ()),
        ({"phone": "(256) 593-8310"}, ()),
    ],
)
def test_mended(change: dict[str, str], mended: tuple[str, ...]) -> None:
    found = facility_of({**ROW, "id": "010005", **change}, place_of)
    assert found.mended == mended


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": ""}, "provider id"),
        ({"id": "1005"}, "provider id"),
        ({"id": "10005.0"}, "provider id"),
        ({"id": "0100050"}, "provider id"),
        ({"zip": ""}, "ZIP code is not"),
        ({"zip": "12"}, "ZIP code is not"),
        ({"zip": "3595a"}, "ZIP code is not"),
        ({"zip": "99999"}, "there is no ZIP code 99999"),
        ({"state": "TX"}, "35957 is in AL, the row says TX"),
        ({"state": ""}, "says nothing"),
        ({"type": "Veterinary"}, "hospital type"),
        ({"name": ""}, "name must be"),
        ({"name": "A" * 121}, "name must be"),
        ({"name": "A\x1bB"}, "name must be"),
        ({"zip": "00003", "state": "AK", "location": ""}, "no coordinates"),
        ({"location": "(44.2, -86.16)"}, "km from ZIP code 35957"),
        ({"location": "(-86.16, 34.2)"}, "km from ZIP code 35957"),
        ({"zip": "00003", "state": "AK", "location": "(99.0, -149.8)"}, "latitude must be"),
    ],
)
def test_refused(change: dict[str, str], reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        facility_of({**ROW, **change}, place_of)
    assert reason in refused.value.detail


def test_far_is_farther_than_any_zip_code_is_wide() -> None:
    inside = FARTHEST_KM / 111.2 * 0.99
    assert facility_of({**ROW, "location": f"({34.2009 + inside:.4f}, -86.1527)"}, place_of).facility.latitude > 35
