"""Nothing that identifies a person gets through to a log line."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.redaction import REDACTED, SAFE_FIELDS, redact, safe_value, scrub

PHI = ["maria@example.org", "617-555-0100", "(617) 555-0100", "+16175550100", "123-45-6789", "1980-02-03", "02/03/1980"]
HARMLESS = [
    "2027-01-04T14:00:00Z", "0197a000-0000-7000-8000-00000000000a", "fac-0001", "booking.appointment-booked.v1",
    "127.0.0.1:8103", "a" * 32, "services/booking/api.py:120 book",
]  # fmt: skip


@pytest.mark.parametrize("text", PHI)
def test_shapes_of_identifiers_are_scrubbed(text: str) -> None:
    assert scrub(f"reached {text} today") == f"reached {REDACTED} today"


@pytest.mark.parametrize("text", HARMLESS)
def test_instants_ids_and_places_in_code_stay(text: str) -> None:
    assert scrub(text) == text


@given(st.text(min_size=1).filter(lambda name: name not in SAFE_FIELDS and name != "timestamp"), st.text(min_size=12))
def test_a_field_nobody_declared_safe_loses_its_value(name: str, value: str) -> None:
    assert redact(None, "info", {name: value})[name] == REDACTED


@given(st.recursive(st.sampled_from(PHI), lambda inner: st.lists(inner) | st.dictionaries(st.just("reason"), inner)))
def test_identifiers_do_not_hide_inside_structures(value: Any) -> None:
    assert not any(secret in str(safe_value(value)) for secret in PHI)


def test_the_name_of_a_redacted_field_stays_so_that_the_slip_can_be_found() -> None:
    assert redact(None, "info", {"event": "x", "patient_name": "Maria"}) == {"event": "x", "patient_name": REDACTED}
    assert safe_value({"patient": "Maria", "status": 200}) == {"patient": REDACTED, "status": 200}
