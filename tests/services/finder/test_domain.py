"""What is shown of care, and how SMART Scheduling Links write it down."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime

import pytest

from services.finder.domain.care import usual, wanted
from services.finder.domain.publication import File, booking_link, lines, location, manifest, resource_id, slot
from tests.services.finder.fakes import BOSTON, ECHO, FOLLOW_UP, HONOLULU, PHYSICAL, open_time


def test_the_usual_visit_is_the_shortest_of_its_specialty() -> None:
    assert usual([PHYSICAL, ECHO, FOLLOW_UP]) == {"family-medicine": FOLLOW_UP, "cardiology": ECHO}


@pytest.mark.parametrize(("day", "found"), [(None, 2), (date(2027, 1, 4), 1), (date(2027, 1, 5), 1)])
def test_a_day_is_the_facilitys_own(day: date | None, found: int) -> None:
    late = open_time(14)  # five in the morning of the fifth in London, still the fourth in Honolulu
    times = [open_time(30), late, open_time(1, ECHO)]
    assert late.starts_at.date() == date(2027, 1, 5)
    shown = wanted(times, HONOLULU, FOLLOW_UP.code, day)
    assert len(shown) == found
    assert all(day is None or HONOLULU.local(time.starts_at).date() == day for time in shown)


def test_ids_are_what_fhir_and_the_specification_take_and_stay_the_same() -> None:
    odd = resource_id("Location", "fac:1_ä")
    assert re.fullmatch(r"[A-Za-z0-9]{1,64}", odd)
    assert odd == resource_id("Location", "fac:1_ä")
    assert resource_id("a", "bc") != resource_id("ab", "c")


def test_a_slot_says_when_by_the_clock_of_the_place_how_many_can_come_and_where_to_book() -> None:
    told = slot(BOSTON, open_time(1, places=3), "https://portal")
    assert (told["status"], told["start"], told["end"]) == (
        "free", "2027-01-04T11:00:00-05:00", "2027-01-04T11:20:00-05:00"
    )  # fmt: skip
    link, capacity = told["extension"]
    assert link["valueUrl"] == booking_link("https://portal", "fac-1", FOLLOW_UP.code, "2027-01-04")
    assert capacity["valueInteger"] == 3
    assert [part["url"].rpartition("/")[2] for part in told["extension"]] == ["booking-deep-link", "slot-capacity"]


def test_a_place_without_telephone_or_street_has_none() -> None:
    assert location(HONOLULU)["telecom"] == []
    assert location(HONOLULU)["address"]["line"] == []


def test_files_are_a_resource_a_line_and_the_manifest_leads_to_them() -> None:
    first, second, end = lines([location(BOSTON), location(HONOLULU)]).split(b"\n")
    assert (json.loads(first)["name"], json.loads(second)["address"]["state"], end) == (BOSTON.name, "HI", b"")
    told = manifest("https://f", [File("Location", "locations"), File("Slot", "slots/a", "MA")],
                    datetime(2027, 1, 4, 15, tzinfo=UTC))  # fmt: skip
    assert told == {
        "transactionTime": "2027-01-04T15:00:00Z", "request": "https://f/smart/$bulk-publish", "error": [],
        "output": [
            {"type": "Location", "url": "https://f/smart/locations"},
            {"type": "Slot", "url": "https://f/smart/slots/a", "extension": {"state": ["MA"]}},
        ],
    }  # fmt: skip
