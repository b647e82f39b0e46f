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
SERIES = "01900000-0000-7000-8000-0000000000f1"
RECURRING: list[dict[str, Any]] = [
    {
        **APPOINTMENT, "id": f"01900000-0000-7000-8000-0000000000f{2 + n}", "series_id": SERIES, "status": status,
        "starts_at": f"2027-01-{day:02}T15:00:00Z", "ends_at": f"2027-01-{day:02}T15:20:00Z",
    }
    for n, (day, status) in enumerate([(1, "fulfilled"), (8, "booked"), (15, "booked"), (22, "booked")])
]  # fmt: skip
OUTLOOK = {
    "late": True, "late_hours": 24, "late_from": "2027-01-03T15:00:00Z",
    "reasons": [{"code": code} for code in ("pat", "pat-lt", "other")],
}  # fmt: skip
SIDE = {
    "id": VISIT, "version": 2, "status": "booked", "facility_id": "fac-0001", "clinician_id": "cln-00001",
    "starts_at": "2027-01-05T15:00:00Z", "ends_at": "2027-01-05T15:20:00Z", "timezone": "America/New_York",
}  # fmt: skip
VISITS_KNOWN: dict[str, Any] = {
    f"GET booking /appointments/{VISIT}/cancellation": OUTLOOK,
    **{f"GET booking /appointments/{one['id']}/cancellation": OUTLOOK for one in RECURRING},
    f"GET booking /appointments/{RECURRING[1]['id']}": RECURRING[1],
    f"GET booking /series/{SERIES}": {"series_id": SERIES, "appointments": RECURRING, "missed": []},
    f"POST booking /series/{SERIES}/cancel": {"series_id": SERIES, "appointments": RECURRING, "missed": []},
    "GET booking /late-cancel-rules": {
        "rules": [
            {"facility_id": "every", "visit_type": "every", "hours": 24},
            {"facility_id": "fac-0001", "visit_type": "follow-up", "hours": 0},
            {"facility_id": "fac-0001", "visit_type": "every", "hours": 48},
        ],
        "otherwise_hours": 12,
    },
    "PUT booking /late-cancel-rules": {},
    "DELETE booking /late-cancel-rules": {},
    "GET booking /facilities/fac-0001/double-bookings": {
        "double_bookings": [
            {
                "patient_id": "pat-000001", "one": SIDE,
                "other": {**SIDE, "id": VISIT[:-1] + "9", "facility_id": "fac-0002", "clinician_id": "cln-00002"},
            }
        ]
    },
}  # fmt: skip
