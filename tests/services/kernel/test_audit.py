"""An audit entry travels as plain JSON and keeps every field."""

import json
from dataclasses import fields
from datetime import UTC, datetime

import pytest

from services.kernel.audit import AuditEntry
from services.kernel.ids import new_id

ENTRY = AuditEntry(
    id=new_id(), at=datetime(2027, 1, 1, tzinfo=UTC), service="booking", action="read-appointment",
    outcome="allowed", subject="u", roles=("auditor",), person="", resource_type="Appointment", resource_id="a",
    about="pat-1", reason="", policies=("auditor-reads",), correlation_id="c", facilities=("fac-1",),
)  # fmt: skip


def test_an_entry_survives_json() -> None:
    read = json.loads(json.dumps(ENTRY.payload()))
    assert set(read) == {field.name for field in fields(AuditEntry)}
    assert read["id"] == str(ENTRY.id)
    assert read["roles"] == ["auditor"]
    assert AuditEntry.from_payload(read) == ENTRY
    assert AuditEntry.from_payload({**read, "added-later": 1}) == ENTRY


def test_an_entry_from_before_facilities_is_read() -> None:
    read = ENTRY.payload()
    del read["facilities"]
    assert AuditEntry.from_payload(read).facilities == ()


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("about", None), ("about", 1), ("roles", "auditor"), ("roles", [1]), ("at", "noon"), ("at", "2027-01-01T00:00:00"),
     ("id", "7"), ("facilities", None)],
)  # fmt: skip
def test_what_is_no_entry_is_refused(field: str, wrong: object) -> None:
    with pytest.raises(ValueError):
        AuditEntry.from_payload({**ENTRY.payload(), field: wrong})
