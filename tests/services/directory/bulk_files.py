"""A small export of FHIR bulk data, made anew for each test, and the ways it can be spoiled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SYSTEM = "https://example.org/records"


def identifier(value: str, **more: Any) -> dict[str, Any]:
    return {"system": SYSTEM, "value": value, **more}


def typed(code: str, value: str) -> dict[str, Any]:
    return identifier(value, type={"coding": [{"code": code}]})


def organization(id_: str = "org-1") -> dict[str, Any]:
    return {"resourceType": "Organization", "id": id_, "identifier": [identifier(id_)], "name": "General"}


def location(id_: str = "loc-1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Location", "id": id_, "identifier": [identifier(id_)], "status": "active",
        "name": "North Clinic",
        "address": {"line": ["1 Main St"], "city": "Boston", "state": "MA", "postalCode": "021081234"},
        "telecom": [{"system": "phone", "value": "(617) 555-0100"}],
        "managingOrganization": {"reference": "Organization/org-1"}, **more,
    }  # fmt: skip


def practitioner(id_: str = "dr-1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Practitioner", "id": id_, "identifier": [typed("NPI", id_)],
        "name": [{"family": "Flores", "given": ["Ana"], "prefix": ["Dr."]}], **more,
    }  # fmt: skip


def role(id_: str = "role-1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "PractitionerRole", "id": id_,
        "practitioner": {"identifier": typed("NPI", "dr-1")}, "location": [{"reference": "Location/loc-1"}],
        "specialty": [{"coding": [{"system": "http://nucc.org/provider-taxonomy", "code": "208D00000X"}]}], **more,
    }  # fmt: skip


def patient(id_: str = "p-1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient", "id": id_,
        "extension": [{"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"}],
        "identifier": [typed("MR", id_), typed("SS", "999-94-5397"), typed("DL", "S99940903")],
        "name": [{"use": "maiden", "family": "Old", "given": ["Maria"]},
                 {"use": "official", "family": "Muñoz", "given": ["Maria", "Luz"]}],
        "telecom": [{"system": "phone", "value": "617-555-0123", "use": "home"}],
        "birthDate": "1980-02-03", "address": [{"state": "MA", "postalCode": "02108"}],
        "communication": [{"language": {"coding": [{"code": "es-US"}]}}], **more,
    }  # fmt: skip


def write(folder: Path, **files: list[Any]) -> Path:
    """Write each of ``files`` as TYPE.000.ndjson; text goes in as it is, everything else as JSON."""
    for kind, resources in files.items():
        lines = [one if isinstance(one, str) else json.dumps(one) for one in resources]
        (folder / f"{kind}.000.ndjson").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return folder


def export(folder: Path, *patients: Any) -> Path:
    """Write a whole small export."""
    return write(
        folder, Organization=[organization()], Location=[location()], Practitioner=[practitioner()],
        PractitionerRole=[role()], Patient=list(patients) or [patient()],
    )  # fmt: skip
