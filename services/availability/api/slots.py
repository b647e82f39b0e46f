"""Search for open slots, and the keys that offers are checked with."""

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel
from pydantic_core import to_json

from services.availability.api.dependencies import AvailabilityDep
from services.availability.api.fields import Code, Identifier, InstantOrDay, Language, ZipCode
from services.availability.usecases.search import (
    MOST_COUNTED,
    MOST_SIGNED,
    OfferedSlot,
    SearchRequest,
    SearchResult,
)
from services.contracts.slot_offer import SlotOffer
from services.kernel.http import GateDep, guard, public

router = APIRouter(tags=["slots"])


class OpenSlotView(BaseModel):
    """An open slot: ``offer`` is the signed token to hold or book it with, good for 30 minutes.

    ``reserve_opens_at``: the place is kept for urgent visits until then (or was, if that is past).
    """

    slot: SlotOffer
    offer: str
    facility_name: str
    clinician_name: str
    distance_km: float | None
    starts_local: datetime
    reserve_opens_at: datetime | None = None


class SlotsView(BaseModel):
    """The first open slots by start, distance and id; the window of starts that was searched."""

    slots: list[OpenSlotView]
    searched_from: datetime
    searched_to: datetime


class KeySet(BaseModel):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, Any]]


@router.get("/slots", response_model=SlotsView, **guard("search-slots", 422))
async def search_slots(
    gate: GateDep,
    availability: AvailabilityDep,
    specialty: Annotated[Code | None, Query(description="needed unless a clinician or visit type is given")] = None,
    visit_type: Annotated[Code | None, Query(description="default: the specialty's shortest")] = None,
    zip: Annotated[ZipCode | None, Query(description="where to measure distance from")] = None,  # noqa: A002 -- its name
    near: Annotated[Identifier | None, Query(description="a facility to measure from, unless zip is given")] = None,
    within_km: Annotated[float | None, Query(gt=0, le=1000, description="default 50 when zip or near is given")] = None,
    facility: Annotated[list[Identifier] | None, Query(max_length=200)] = None,
    clinician: Annotated[list[Identifier] | None, Query(max_length=100)] = None,
    language: Annotated[Language | None, Query(description="a language the clinician speaks")] = None,
    interpreter: Annotated[
        Language | None, Query(description="a language to be interpreted: only slots for which somebody is free")
    ] = None,
    since: Annotated[InstantOrDay | None, Query(alias="from", description="instant, or local day; default now")] = None,
    until: Annotated[
        InstantOrDay | None, Query(alias="to", description="instant (exclusive) or local day (included); default +14 d")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """Return signed offers for the first open slots that match."""
    request = SearchRequest(
        specialty=specialty or "",
        visit_type=visit_type or "",
        zip_code=zip or "",
        near_facility=near or "",
        within_km=within_km,
        facility_ids=tuple(facility or ()),
        clinician_ids=tuple(clinician or ()),
        language=language or "",
        interpreter=interpreter or "",
        since=since,
        until=until,
        limit=limit,
    )
    result = await availability.search.run(request, gate)
    return Response(_told(result), media_type="application/json")


class OpeningsView(BaseModel):
    """Open starts of a kind of visit in the coming days, as it is and as it would be; both at most ``at_most``."""

    now: int
    then: int
    at_most: int
    searched_from: datetime
    searched_to: datetime


@router.get("/visit-types/{visit_type}/openings", **guard("manage-catalogue", 422))
async def count_openings(
    gate: GateDep,
    availability: AvailabilityDep,
    visit_type: Annotated[Code, Path()],
    minutes: Annotated[int, Query(ge=5, le=480, description="the length it would have")],
) -> OpeningsView:
    """Count what a change of a visit type's length does to open slots, before it is made."""
    before, after, window = await availability.search.openings(visit_type, minutes, gate)
    return OpeningsView(
        now=before, then=after, at_most=MOST_COUNTED, searched_from=window.starts_at, searched_to=window.ends_at
    )


@router.get("/slot-offer-keys", **public("whoever is shown an offer may check it; public keys are not a secret"))
async def slot_offer_keys(availability: AvailabilityDep) -> KeySet:
    """Return the public keys of slot offers."""
    return KeySet.model_validate(availability.offer_keys)


def _told(result: SearchResult) -> bytes:
    """Return a SlotsView as JSON, put together of its slots: most were told to somebody else a moment ago."""
    window = to_json({"searched_from": result.window.starts_at, "searched_to": result.window.ends_at})
    return b'{"slots":[' + b",".join(map(_told_slot, result.offers)) + b"]," + window[1:]


@lru_cache(maxsize=MOST_SIGNED)
def _told_slot(offered: OfferedSlot) -> bytes:
    return _view(offered).model_dump_json().encode()


def _view(offered: OfferedSlot) -> OpenSlotView:
    slot = offered.slot
    return OpenSlotView(
        slot=offered.offer,
        offer=offered.token,
        facility_name=slot.facility_name,
        clinician_name=slot.clinician_name,
        distance_km=slot.distance_km,
        starts_local=slot.starts_local,
        reserve_opens_at=offered.reserve,
    )
