"""The export: the trail as FHIR AuditEvents, one a line, as long as it takes."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from services.audit.api.fields import PATIENT, SUBJECT, Facility, From, NowDep, ReviewDep, Until, window
from services.audit.domain.balp import audit_event
from services.audit.ports import Kept, TrailQuery
from services.audit.usecases.review import scope
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["export"])
FHIR_NDJSON = "application/fhir+ndjson"
LINES_AT_ONCE = 100
OnePatient = Annotated[str, Query(pattern=f"{PATIENT}|^$", max_length=64, description="only what touched this patient")]
OneUser = Annotated[str, Query(pattern=f"{SUBJECT}|^$", max_length=128, description="only what this user touched")]
Only = Annotated[Literal["all", "refused", "break-glass"], Query(description="only refusals, or emergency accesses")]


class FhirNdjson(StreamingResponse):
    """FHIR resources, one JSON object a line (FHIR Bulk Data)."""

    media_type = FHIR_NDJSON


_guarded = guard("export-audit", 422)
_answers = {200: {"content": {FHIR_NDJSON: {"schema": {"type": "string"}}}, "description": "AuditEvents, oldest first"}}


@router.get("/export", response_class=FhirNdjson, **{**_guarded, "responses": {**_guarded["responses"], **_answers}})
async def export(
    review: ReviewDep,
    gate: GateDep,
    now: NowDep,
    start: From = None,
    end: Until = None,
    facility: Facility = "",
    patient: OnePatient = "",
    user: OneUser = "",
    only: Only = "all",
) -> FhirNdjson:
    """Stream entries as IHE BALP AuditEvents (FHIR R4 NDJSON), at most 31 days at a time."""
    first, last = window(start, end, now)
    query = TrailQuery(first, last, about=patient, subject=user, only=only, facilities=scope(gate, facility))
    kept = await review.export(gate, query)
    return FhirNdjson(_lines(kept))


async def _lines(found: AsyncIterator[Kept]) -> AsyncIterator[str]:
    lines: list[str] = []
    async for kept in found:
        event = audit_event(kept.entry, kept.key, kept.seq)
        lines.append(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n")
        if len(lines) == LINES_AT_ONCE:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)
