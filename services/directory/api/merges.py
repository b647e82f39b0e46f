"""Routes of merging patients: two records that were found to be one person."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from services.directory.api.fields import Body, DirectoryDep, IdText, PatientId, View, answer
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["patients"])
_MADE = guard("merge-patients", 400, 404, 409, 413, 422)


class MergeBody(Body):
    """Which record the one in the path replaces; ``despite_birth_dates``: somebody checked that it is one person."""

    replaced_id: Annotated[IdText, Field(examples=["pat-000002"])]
    despite_birth_dates: bool = False


class MergeView(View):
    """A merge: ``survivor_id`` replaces ``replaced_id`` (FHIR R4 Patient.link)."""

    replaced_id: str
    survivor_id: str
    version: int
    merged_at: datetime
    merged_by: str


class MergeList(View):
    """The records a patient's record replaces."""

    merges: list[MergeView]


@router.post(
    "/patients/{patient_id}/merges",
    **{**_MADE, "responses": {**_MADE["responses"], 201: {"model": MergeView, "description": "Merged now"}}},
)
async def merge_patients(
    directory: DirectoryDep, gate: GateDep, response: Response, patient_id: PatientId, body: MergeBody
) -> MergeView:
    """Let the patient in the path replace another record of the same person; again, it answers 200."""
    change = await directory.merges.merge(
        gate, patient_id, body.replaced_id, despite_birth_dates=body.despite_birth_dates
    )
    return MergeView.of(answer(response, change))


@router.get("/patients/{patient_id}/merges", **guard("read-patient", 404, 422))
async def list_merges(directory: DirectoryDep, gate: GateDep, patient_id: PatientId) -> MergeList:
    """Return which records a patient's record replaces."""
    return MergeList(merges=[MergeView.of(found) for found in await directory.merges.of(gate, patient_id)])
