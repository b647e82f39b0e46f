"""Joining the list, reading it, leaving it, and the referral's priority."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from services.kernel.http import GateDep, guard
from services.waitlist.api.models import (
    ID,
    POSITION,
    FacilityList,
    JoinBody,
    PriorityBody,
    RequestList,
    RequestView,
    next_of,
    position_of,
    view_of,
)
from services.waitlist.api.parts import IdempotencyKey, WaitlistDep
from services.waitlist.usecases.joining import submission

router = APIRouter(tags=["requests"])


@router.post("/requests", status_code=201, **guard("join-waitlist", 400, 409, 413, 422))
async def join(
    body: JoinBody, key: IdempotencyKey, gate: GateDep, waitlist: WaitlistDep, response: Response
) -> RequestView:
    """Put a patient on the list for an earlier visit."""
    wanted, near = body.wanted()
    wanted = replace(wanted, patient_id=waitlist.aliases.of(wanted.patient_id))
    asked = submission(gate.actor.subject, key, body.model_dump(mode="json"))
    standing = await waitlist.list.join(gate, asked, wanted, near)
    response.headers["location"] = f"requests/{standing.request.id}"
    return view_of(standing)


@router.get("/requests/{request_id}", **guard("read-waitlist", 404, 422))
async def read_request(request_id: UUID, gate: GateDep, waitlist: WaitlistDep) -> RequestView:
    """Return a request, with the offer that is out for it."""
    return view_of(await waitlist.list.read(gate, request_id))


@router.get("/requests", **guard("read-waitlist", 422))
async def list_requests(
    gate: GateDep, waitlist: WaitlistDep, patient_id: Annotated[str, Query(pattern=ID)]
) -> RequestList:
    """Return a patient's requests, the newest first."""
    found = await waitlist.list.of_patient(gate, waitlist.aliases.of(patient_id))
    return RequestList(requests=[view_of(standing) for standing in found])


@router.get("/facilities/{facility_id}/requests", **guard("read-waitlist", 422))
async def list_at_facility(
    gate: GateDep,
    waitlist: WaitlistDep,
    facility_id: Annotated[str, Path(pattern=ID)],
    after: Annotated[str, Query(pattern=f"^$|{POSITION}", description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=100, description="most requests in one page")] = 50,
) -> FacilityList:
    """Return those who wait at a facility, who is next first."""
    shown, more = await waitlist.list.at_facility(gate, facility_id, position_of(after), limit)
    return FacilityList(requests=[view_of(standing) for standing in shown], next=next_of(more))


@router.post("/requests/{request_id}/withdraw", **guard("withdraw-request", 404, 409, 422))
async def withdraw(request_id: UUID, gate: GateDep, waitlist: WaitlistDep) -> RequestView:
    """Take a request off the list. Repeating it changes nothing."""
    return view_of(await waitlist.list.withdraw(gate, request_id))


@router.put("/requests/{request_id}/priority", **guard("set-clinical-priority", 400, 404, 409, 413, 422))
async def set_priority(request_id: UUID, body: PriorityBody, gate: GateDep, waitlist: WaitlistDep) -> RequestView:
    """Set the clinical priority by the referral's code. Staff only; nobody ranks themselves."""
    return view_of(await waitlist.list.set_priority(gate, request_id, body.referral_priority))
