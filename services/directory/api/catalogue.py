"""Routes of specialties and visit types. Both lists are small and come whole."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from services.contracts.security_labels import SecurityLabel
from services.directory.api.fields import (
    Body,
    CodeText,
    DirectoryDep,
    IfMatch,
    Line,
    View,
    VisitTypeCode,
    answer,
    expected_version,
    guard_put,
)
from services.directory.domain.records import VisitType
from services.directory.domain.values import CODE
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["catalogue"])


class SpecialtyView(View):
    """A field of medicine."""

    code: str
    version: int
    name: str


class Specialties(View):
    """Every specialty by code."""

    specialties: list[SpecialtyView]


class VisitTypeBody(Body):
    """A kind of visit as it is defined; ``minutes`` is its usual length, ``security_label`` who may know of it.

    N: as the role assignment says; R: confidential; ETH: treatment by a Part 2 program (42 CFR 2.11).
    """

    name: Line
    specialty: CodeText
    minutes: Annotated[int, Field(ge=5, le=480, multiple_of=5)]
    active: bool = True
    security_label: SecurityLabel = SecurityLabel.NORMAL


class VisitTypeView(View):
    """A kind of visit."""

    code: str
    version: int
    name: str
    specialty: str
    minutes: int
    active: bool
    security_label: SecurityLabel


class VisitTypes(View):
    """Visit types by code."""

    visit_types: list[VisitTypeView]


@router.get("/specialties", **guard("read-catalogue"))
async def list_specialties(directory: DirectoryDep, gate: GateDep) -> Specialties:
    """Read every specialty."""
    found = await directory.catalogue.specialties(gate)
    return Specialties(specialties=[SpecialtyView.of(recorded) for recorded in found])


@router.get("/visit-types", **guard("read-catalogue", 422))
async def list_visit_types(
    directory: DirectoryDep,
    gate: GateDep,
    specialty: Annotated[str, Query(pattern=f"^$|{CODE}", max_length=60)] = "",
) -> VisitTypes:
    """Read every visit type, or those of one specialty."""
    found = await directory.catalogue.visit_types(gate, specialty)
    return VisitTypes(visit_types=[VisitTypeView.of(recorded) for recorded in found])


@router.put("/visit-types/{code}", **guard_put("manage-catalogue", VisitTypeView, 412, 428))
async def put_visit_type(
    directory: DirectoryDep,
    gate: GateDep,
    response: Response,
    code: VisitTypeCode,
    body: VisitTypeBody,
    if_match: IfMatch = None,
) -> VisitTypeView:
    """Define a visit type, or change one with If-Match."""
    visit_type = VisitType(code=code, **body.model_dump())
    change = await directory.catalogue.put_visit_type(gate, visit_type, expected_version(if_match))
    return VisitTypeView.of(answer(response, change))
