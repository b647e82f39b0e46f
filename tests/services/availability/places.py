"""Zones and records that several tests of availability use."""

from __future__ import annotations

from datetime import date, time
from typing import Any

from services.availability.domain.directory import Clinician, Facility, VisitType
from services.availability.domain.places import Place
from services.availability.domain.templates import WEEK, Template

US_ZONES = (
    "America/New_York", "America/Detroit", "America/Kentucky/Louisville", "America/Indiana/Indianapolis",
    "America/Chicago", "America/Menominee", "America/North_Dakota/Beulah", "America/Denver", "America/Boise",
    "America/Phoenix", "America/Los_Angeles", "America/Anchorage", "America/Juneau", "America/Adak",
    "Pacific/Honolulu", "America/Puerto_Rico", "Pacific/Guam", "Pacific/Pago_Pago",
)  # fmt: skip

BOSTON = Facility("fac-0001", 1, "Boston Medical", Place(42.3576, -71.0684), "America/New_York")
WORCESTER = Facility("fac-0002", 1, "Worcester Clinic", Place(42.2626, -71.8023), "America/New_York")
DENVER = Facility("fac-0003", 1, "Denver Clinic", Place(39.7392, -104.9903), "America/Denver")
FLORES = Clinician("cln-00001", 1, "Dr. Ana Flores", "family-medicine", ("en", "es"), ("fac-0001",))
SHAH = Clinician("cln-00002", 1, "Dr. Ravi Shah", "family-medicine", ("en",), ("fac-0002", "fac-0003"))
WEISS = Clinician("cln-00003", 1, "Dr. Lea Weiss", "cardiology", ("en",), ("fac-0001",))
FOLLOW_UP = VisitType("family-medicine-follow-up", 1, "family-medicine", 20)
SAME_DAY = VisitType("family-medicine-same-day", 1, "family-medicine", 20)
NEW_PATIENT = VisitType("family-medicine-new-patient", 1, "family-medicine", 40)
ECHO = VisitType("cardiology-echo", 1, "cardiology", 45)


def template(
    clinician: Clinician = FLORES, facility: Facility = BOSTON, template_id: str = "weekly", **changes: Any
) -> Template:
    """Return nine to twelve, Monday to Friday, every 20 minutes, from 2026 on, with ``changes``."""
    fields: dict[str, Any] = {
        "room_id": "", "weekdays": frozenset(WEEK[:5]), "starts": time(9), "ends": time(12),
        "valid_from": date(2026, 1, 5), **changes,
    }  # fmt: skip
    return Template(template_id, clinician.clinician_id, facility.facility_id, **fields)
