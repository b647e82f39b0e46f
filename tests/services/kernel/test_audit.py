"""An audit entry travels as plain JSON and keeps every field."""

import json
from dataclasses import fields
from datetime import UTC, datetime

from services.kernel.audit import AuditEntry
from services.kernel.ids import new_id


def test_an_entry_survives_json() -> None:
    entry = AuditEntry(
        id=new_id(), at=datetime(2027, 1, 1, tzinfo=UTC), service="booking", action="read-appointment",
        outcome="allowed", subject="u", roles=("auditor",), person="", resource_type="Appointment", resource_id="a",
        about="pat-1", reason="", policies=("auditor-reads",), correlation_id="c",
    )  # fmt: skip
    read = json.loads(json.dumps(entry.payload()))
    assert set(read) == {field.name for field in fields(AuditEntry)}
    assert read["id"] == str(entry.id)
    assert read["roles"] == ["auditor"]
