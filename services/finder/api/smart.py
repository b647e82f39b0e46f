"""SMART Scheduling Links: the manifest at an address that ends in ``$bulk-publish``, and the files it names."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator, AwareDatetime

from services.finder.api.dependencies import FinderDep, base_url, tagged
from services.kernel.errors import NotFound
from services.kernel.http import GateDep, anyone

router = APIRouter(tags=["SMART Scheduling Links"])
NDJSON = "application/fhir+ndjson"
FacilityId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
# API Gateway takes no "$" in the paths it is given, so that the name is a variable of the path.
MANIFESTS = frozenset({"$bulk-publish", "bulk-publish"})


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside of the calendar") from None


Since = Annotated[AwareDatetime, AfterValidator(_utc)]


def _file(action: str) -> dict[str, Any]:
    arguments = anyone(action, 404, 422)
    content = {NDJSON: {"schema": {"type": "string"}}}
    answers = {200: {"description": "A resource a line", "content": content}, 304: {"description": "As it was"}}
    return {**arguments, "responses": {**arguments["responses"], **answers}, "response_class": Response}


def _manifest() -> dict[str, Any]:
    arguments = _file("find-open-times")
    content = {"application/json": {"schema": {"type": "object", "additionalProperties": True}}}
    arguments["responses"][200] = {"description": "The manifest", "content": content}
    return arguments


@router.get("/smart/locations", **_file("find-open-times"))
async def publish_locations(request: Request, gate: GateDep, finder: FinderDep) -> Response:
    """Return every facility, a FHIR Location a line."""
    return tagged(request, await finder.publish.locations(gate), NDJSON)


@router.get("/smart/schedules/{facility_id}", **_file("find-open-times"))
async def publish_schedules(request: Request, gate: GateDep, finder: FinderDep, facility_id: FacilityId) -> Response:
    """Return what has open times at a facility, a FHIR Schedule a line."""
    return tagged(request, await finder.publish.schedules(gate, facility_id), NDJSON)


@router.get("/smart/slots/{facility_id}", **_file("find-open-times"))
async def publish_slots(request: Request, gate: GateDep, finder: FinderDep, facility_id: FacilityId) -> Response:
    """Return a facility's open times, a FHIR Slot a line."""
    return tagged(request, await finder.publish.slots(gate, facility_id), NDJSON)


@router.get("/smart/{manifest}", **_manifest())
async def bulk_publish(
    request: Request,
    gate: GateDep,
    finder: FinderDep,
    manifest: Annotated[str, Path(max_length=40, examples=["$bulk-publish"])],
    since: Annotated[Since | None, Query(alias="_since", description="leave out what is known to be as then")] = None,
) -> Response:
    """Return the manifest: where the files are, and as of when."""
    if manifest not in MANIFESTS:
        raise NotFound("The manifest is at smart/$bulk-publish.")
    told = await finder.publish.manifest(gate, base_url(request, finder), since)
    return tagged(request, json.dumps(told, separators=(",", ":")).encode(), "application/json")
