"""Routes of patients. A search is a POST: names and birth dates never stand in a URL."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Header, Response
from pydantic import Field

from services.directory.api import paging
from services.directory.api.fields import (
    Body,
    DirectoryDep,
    Facilities,
    IdText,
    IfMatch,
    Line,
    PatientId,
    PatientLanguage,
    PhoneText,
    View,
    Zone,
    answer,
    expected_version,
    tag,
)
from services.directory.domain.records import Patient
from services.directory.domain.values import EMAIL, search_key
from services.directory.ports import PatientQuery
from services.directory.usecases.patients import UNNAMED
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["patients"])

IdempotencyKey = Annotated[
    str,
    Header(max_length=64, pattern=r"^[A-Za-z0-9._-]*$", description="the same key again returns the same patient"),
]


class PatientBody(Body):
    """A patient as they are registered."""

    given_name: Line
    family_name: Line
    birth_date: date
    email: Annotated[str, Field(max_length=254, pattern=EMAIL)] = ""
    phone: PhoneText = ""
    language: PatientLanguage
    timezone: Zone
    facility_ids: Facilities
    active: bool = True


class PatientView(View):
    """A patient."""

    patient_id: str
    version: int
    given_name: str
    family_name: str
    birth_date: date
    email: str
    phone: str
    language: str
    timezone: str
    facility_ids: tuple[str, ...]
    active: bool


class SearchBody(Body):
    """Whom to look for: at least two of facility, family name (its beginning) and birth date."""

    facility: IdText | None = None
    family_name: Annotated[str, Field(max_length=120)] = ""
    birth_date: date | None = None
    limit: Annotated[int, Field(ge=1, le=50)] = 20
    cursor: paging.CursorText = ""


class PatientPage(View):
    """Patients by id; ``next`` is the cursor of the following page, "" on the last."""

    patients: list[PatientView]
    next: str


@router.post("/patients", status_code=201, **guard("register-patient", 400, 409, 413, 422))
async def register_patient(
    directory: DirectoryDep,
    gate: GateDep,
    response: Response,
    body: PatientBody,
    idempotency_key: IdempotencyKey = "",
) -> PatientView:
    """Register a patient; the id is ours."""
    unnamed = Patient(patient_id=UNNAMED, **body.model_dump())
    recorded = await directory.patients.register(gate, unnamed, idempotency_key)
    tag(response, recorded)
    # Relative, because only the gateway knows its prefix (RFC 9110 section 10.2.2).
    response.headers["location"] = f"patients/{recorded.record.patient_id}"
    return PatientView.of(recorded)


@router.post("/patients/search", **guard("read-patient", 400, 413, 422))
async def search_patients(directory: DirectoryDep, gate: GateDep, body: SearchBody) -> PatientPage:
    """Find patients at the front desk."""
    after = paging.decode(body.cursor)
    query = PatientQuery(
        facilities=frozenset({body.facility}) if body.facility else None,
        family_key=search_key(body.family_name),
        birth_date=body.birth_date,
        after=after[1] if after else "",
        limit=body.limit,
    )
    found = await directory.patients.search(gate, query)
    # A full page may be the last one: looking one further would be a touch of someone who is not shown.
    more = paging.encode(0, found[-1].record.patient_id) if len(found) == body.limit else ""
    return PatientPage(patients=[PatientView.of(recorded) for recorded in found], next=more)


@router.get("/patients/{patient_id}", **guard("read-patient", 404, 422))
async def get_patient(directory: DirectoryDep, gate: GateDep, response: Response, patient_id: PatientId) -> PatientView:
    """Read one patient."""
    found = await directory.patients.get(gate, patient_id)
    tag(response, found)
    return PatientView.of(found)


@router.put("/patients/{patient_id}", **guard("update-patient", 400, 404, 409, 412, 413, 422, 428))
async def put_patient(
    directory: DirectoryDep,
    gate: GateDep,
    response: Response,
    patient_id: PatientId,
    body: PatientBody,
    if_match: IfMatch = None,
) -> PatientView:
    """Change a patient with If-Match."""
    patient = Patient(patient_id=patient_id, **body.model_dump())
    change = await directory.patients.update(gate, patient, expected_version(if_match))
    return PatientView.of(answer(response, change))
