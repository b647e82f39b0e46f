"""Routes of clinicians."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from services.directory.api import paging
from services.directory.api.fields import (
    Body,
    ClinicianId,
    CodeText,
    DirectoryDep,
    Facilities,
    IfMatch,
    LanguageTag,
    Line,
    View,
    answer,
    expected_version,
    guard_put,
    tag,
)
from services.directory.domain.records import Clinician
from services.directory.domain.values import CODE, ID, LANGUAGE, MAX_LIST
from services.directory.ports import ClinicianQuery
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["clinicians"])


class ClinicianBody(Body):
    """A clinician as they are registered."""

    name: Line
    specialty: CodeText
    languages: Annotated[tuple[LanguageTag, ...], Field(min_length=1, max_length=MAX_LIST)]
    facility_ids: Facilities
    active: bool = True


class ClinicianView(View):
    """A clinician."""

    clinician_id: str
    version: int
    name: str
    specialty: str
    languages: tuple[str, ...]
    facility_ids: tuple[str, ...]
    active: bool


class ClinicianPage(View):
    """Clinicians by id; ``next`` is the cursor of the following page, "" on the last."""

    clinicians: list[ClinicianView]
    next: str


@router.get("/clinicians", **guard("read-catalogue", 422))
async def list_clinicians(
    directory: DirectoryDep,
    gate: GateDep,
    facility: Annotated[str, Query(pattern=f"^$|{ID}", max_length=64)] = "",
    specialty: Annotated[str, Query(pattern=f"^$|{CODE}", max_length=60)] = "",
    language: Annotated[str, Query(pattern=f"^$|{LANGUAGE}", max_length=12)] = "",
    inactive: Annotated[bool, Query(description="include clinicians who left")] = False,
    limit: paging.Limit = 50,
    cursor: paging.Cursor = "",
) -> ClinicianPage:
    """Find clinicians by where they work, what they do and which language they speak."""
    after = paging.decode(cursor)
    query = ClinicianQuery(facility, specialty, language, not inactive, after[1] if after else "", limit + 1)
    found = list(await directory.clinicians.search(gate, query))
    page = found[:limit]
    more = paging.encode(0, page[-1].record.clinician_id) if len(found) > limit else ""
    return ClinicianPage(clinicians=[ClinicianView.of(recorded) for recorded in page], next=more)


@router.get("/clinicians/{clinician_id}", **guard("read-catalogue", 404, 422))
async def get_clinician(
    directory: DirectoryDep, gate: GateDep, response: Response, clinician_id: ClinicianId
) -> ClinicianView:
    """Read one clinician."""
    found = await directory.clinicians.get(gate, clinician_id)
    tag(response, found)
    return ClinicianView.of(found)


@router.put("/clinicians/{clinician_id}", **guard_put("manage-clinician", ClinicianView, 412, 428))
async def put_clinician(
    directory: DirectoryDep,
    gate: GateDep,
    response: Response,
    clinician_id: ClinicianId,
    body: ClinicianBody,
    if_match: IfMatch = None,
) -> ClinicianView:
    """Register a clinician, or change one with If-Match."""
    clinician = Clinician(clinician_id=clinician_id, **body.model_dump())
    change = await directory.clinicians.put(gate, clinician, expected_version(if_match))
    return ClinicianView.of(answer(response, change))
