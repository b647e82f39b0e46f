"""A sick day as booking tells of it, for the portal's tests."""

from __future__ import annotations

from typing import Any

from tests.services.portal.fakes_visits import APPOINTMENT, VISIT

DISRUPTED_ID = "9f1c1f0a-6c1e-4a53-9a53-0d6f4c6d3f10"
ALTERNATIVE = {
    "slot_id": "slot-2", "clinician_id": "cln-00001", "facility_id": "fac-0002",
    "starts_at": "2027-01-06T15:00:00Z", "timezone": "America/New_York",
}  # fmt: skip
DISRUPTED: dict[str, Any] = {
    **{name: APPOINTMENT[name] for name in ("patient_id", "clinician_id", "facility_id", "visit_type", "timezone")},
    "visit_id": DISRUPTED_ID, "disruption_id": "leave-1", "appointment_id": VISIT, "state": "asked",
    "still_open": True, "answer_by": "2027-01-04T14:30:00Z", "starts_at": "2027-01-04T15:00:00Z",
}  # fmt: skip
TELLING = {
    "kind": "disruption", "channel": "email", "outcome": "failed", "reason": "provider:MessageRejected",
    "told_by": "notifications", "at": "2027-01-04T14:00:00Z",
}  # fmt: skip
RECORD = {**DISRUPTED, "state": "to-call", "cause": "not-reached", "not_reached": "no-contact", "tellings": [TELLING]}
DISRUPTION: dict[str, Any] = {
    "disruption_id": "leave-1", "kind": "clinician", "subject_id": "cln-00001", "starts_at": "2027-01-04T05:00:00Z",
    "ends_at": "2027-01-05T05:00:00Z", "withdrawn_at": None, "affected": 3, "still_open": 2, "told": 1,
    "on_the_way": 1, "not_reached": {"no-contact": 1},
    "states": {
        "found": 0, "asked": 1, "to-call": 1, "rebooked": 1, "cancelled": 0, "restored": 0, "kept": 0,
    },
    "to_call": {"not-reached": 1},
}  # fmt: skip
