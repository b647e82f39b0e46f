"""SMART Scheduling Links: facilities, what they offer and open times as FHIR R4 resources a line, and their manifest.

https://github.com/smart-on-fhir/smart-scheduling-links/blob/master/specification.md. A Schedule is a specialty's usual
visit at a facility, not a clinician: a start that several clinicians have is one Slot with a capacity.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from services.finder.domain.care import Facility, OpenTime, VisitType

_EXTENSION = "http://fhir-registry.smarthealthit.org/StructureDefinition"
_SERVICE_TYPE = "https://careslot.example/fhir/CodeSystem/visit-type"
_FACILITY = "https://careslot.example/fhir/facility"


def resource_id(*parts: str) -> str:
    """Return an id that FHIR and the specification both take (theirs allow different signs), the same every time."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def booking_link(portal_url: str, facility_id: str, visit_type: str, day: str) -> str:
    """Return where somebody signs in and goes on to book; readers of links may append parameters of their own."""
    return f"{portal_url}/book?{urlencode({'facility': facility_id, 'visit_type': visit_type, 'day': day})}"


def location(facility: Facility) -> dict[str, Any]:
    """Return a facility as a Location."""
    return {
        "resourceType": "Location",
        "id": resource_id("Location", facility.facility_id),
        "identifier": [{"system": _FACILITY, "value": facility.facility_id}],
        "name": facility.name,
        "telecom": [{"system": "phone", "value": facility.phone}] if facility.phone else [],
        "address": {
            "line": [facility.address] if facility.address else [],
            "city": facility.city,
            "state": facility.state,
            "postalCode": facility.zip_code,
        },
        "position": {"latitude": facility.latitude, "longitude": facility.longitude},
    }


def schedule(facility_id: str, kind: VisitType) -> dict[str, Any]:
    """Return what a facility offers as a Schedule."""
    coding = {"system": _SERVICE_TYPE, "code": kind.code, "display": f"{kind.specialty_name}: {kind.name}"}
    return {
        "resourceType": "Schedule",
        "id": resource_id("Schedule", facility_id, kind.code),
        "serviceType": [{"coding": [coding]}],
        "actor": [{"reference": f"Location/{resource_id('Location', facility_id)}"}],
    }


def slot(facility: Facility, time: OpenTime, portal_url: str) -> dict[str, Any]:
    """Return an open time as a free Slot."""
    starts = facility.local(time.starts_at)
    link = booking_link(portal_url, facility.facility_id, time.visit_type, starts.date().isoformat())
    return {
        "resourceType": "Slot",
        "id": resource_id("Slot", facility.facility_id, time.visit_type, time.starts_at.astimezone(UTC).isoformat()),
        "schedule": {"reference": f"Schedule/{resource_id('Schedule', facility.facility_id, time.visit_type)}"},
        "status": "free",
        "start": starts.isoformat(),
        "end": facility.local(time.ends_at).isoformat(),
        "extension": [
            {"url": f"{_EXTENSION}/booking-deep-link", "valueUrl": link},
            {"url": f"{_EXTENSION}/slot-capacity", "valueInteger": time.places},
        ],
    }


def lines(resources: Iterable[Mapping[str, Any]]) -> bytes:
    """Return resources as NDJSON."""
    return b"".join(json.dumps(one, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for one in resources)


@dataclass(frozen=True, slots=True)
class File:
    """A file of the publication: what it holds, where it is below the service, and of which US state."""

    type: str
    path: str
    state: str = ""


def manifest(base_url: str, files: Sequence[File], at: datetime) -> dict[str, Any]:
    """Return the manifest; ``base_url`` is the service as readers know it."""
    return {
        "transactionTime": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "request": f"{base_url}/smart/$bulk-publish",
        "output": [
            {
                "type": file.type,
                "url": f"{base_url}/smart/{file.path}",
                **({"extension": {"state": [file.state]}} if file.state else {}),
            }
            for file in files
        ],
        "error": [],
    }
