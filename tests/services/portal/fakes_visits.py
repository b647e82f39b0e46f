"""One visit as booking tells of it, for the portal's tests."""

from __future__ import annotations

from typing import Any

VISIT = "01900000-0000-7000-8000-000000000001"
APPOINTMENT: dict[str, Any] = {
    "id": VISIT, "status": "booked", "version": 2, "patient_id": "pat-000001", "clinician_id": "cln-00001",
    "facility_id": "fac-0001", "specialty": "family-medicine", "visit_type": "follow-up", "slot_id": "slot-x",
    "busy": False, "security_label": "N", "interpreter": "",
    "starts_at": "2027-01-04T15:00:00Z", "ends_at": "2027-01-04T15:20:00Z", "timezone": "America/New_York",
    "reason": "", "hold_expires_at": "2027-01-04T14:10:00Z",
}  # fmt: skip
