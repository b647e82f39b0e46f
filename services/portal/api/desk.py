"""The front desk's day: who comes when, who is here, and every change as it happens elsewhere (server-sent events)."""

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.kernel.errors import NotFound, Unavailable
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import PathId, local_day
from services.portal.api.names import Names

router = APIRouter(tags=["desk"], route_class=PageRoute)
Day = Annotated[dt.date | None, Query(description="a day of the facility's own calendar; default today")]
FEW = 100


@router.get("/desk", **page("read-day"))
async def choose_day(visit: VisitDep) -> Response:
    """Lead to the one facility of the role, or let one be chosen."""
    if len(visit.session.facilities) == 1 and not visit.session.everywhere:
        return go(visit.request, f"desk/{visit.session.facilities[0]}")
    return draw(visit, "choose.html", facilities=await facilities_of(visit), to="desk")


@router.get("/desk/{facility_id}", **page("read-day"))
async def show_day(visit: VisitDep, facility_id: PathId, date: Day = None) -> Response:
    """Show the day."""
    return await _day(visit, facility_id, date, "desk.html")


@router.get("/desk/{facility_id}/rows", **page("read-day"))
async def show_rows(visit: VisitDep, facility_id: PathId, date: Day = None) -> Response:
    """Return only the table's rows, for the page's script."""
    return await _day(visit, facility_id, date, "desk_rows.html")


@router.get("/desk/{facility_id}/rows/{appointment_id}", **page("read-appointment"))
async def show_row(visit: VisitDep, facility_id: PathId, appointment_id: PathId, date: Day = None) -> Response:
    """Return one row as it stands now; empty when it no longer belongs to this day."""
    facility = await Names(visit).facility(facility_id)
    found = await visit.ask("GET", "booking", f"/appointments/{appointment_id}")
    zone = found.body["timezone"]
    starts = dt.datetime.fromisoformat(found.body["starts_at"]).astimezone(dt.UTC)
    here = found.body["facility_id"] == facility_id and local_day(starts, zone) == date
    shown = [found.body] if here and found.body["status"] != "cancelled" else []
    return await _drawn(visit, facility, date or local_day(starts, zone), shown, "desk_rows.html")


@router.get("/desk/{facility_id}/stream", **page("follow-day"))
async def follow_day(
    request: Request,
    visit: VisitDep,
    facility_id: PathId,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", pattern=r"^[0-9]{1,19}-[0-9]{1,18}$")] = None,
) -> Response:
    """Pass booking's events on; they carry no patient."""
    stack = AsyncExitStack()
    neighbours = visit.portal.neighbours
    events = await stack.enter_async_context(
        neighbours.follow(visit.session.token, "booking", f"/facilities/{facility_id}/stream", last_event_id or "")
    )
    # Following is not using: a screen left alone must not keep its session alive.
    request.state.cookies = {}
    return StreamingResponse(_passed_on(events, stack), media_type="text/event-stream")


async def _passed_on(events: AsyncIterator[bytes], stack: AsyncExitStack) -> AsyncIterator[bytes]:
    async with stack:
        async for chunk in events:
            yield chunk


async def facilities_of(visit: Visit) -> list[Mapping[str, Any]]:
    """Return the facilities of the person's role."""
    if visit.session.everywhere:
        listed: list[Mapping[str, Any]] = (await visit.read("directory", "/facilities", limit=str(FEW)))["facilities"]
        return listed
    names = Names(visit)
    return [{**(await names.facility(one)), "facility_id": one} for one in visit.session.facilities[:FEW]]


async def _day(visit: Visit, facility_id: str, date: dt.date | None, template: str) -> Response:
    try:
        facility: Mapping[str, Any] = await visit.read("directory", f"/facilities/{facility_id}")
    except Unavailable:
        facility = {"facility_id": facility_id, "name": facility_id, "timezone": "America/New_York"}
    except NotFound:
        raise NotFound("There is no such facility.") from None
    shown = date or local_day(visit.portal.clock.now(), facility["timezone"])
    listed = await visit.read("booking", f"/facilities/{facility_id}/day", date=shown.isoformat())
    return await _drawn(visit, {**facility, "facility_id": facility_id}, shown, listed["appointments"], template)


async def _drawn(
    visit: Visit, facility: Mapping[str, Any], shown: dt.date, listed: list[Any], template: str
) -> Response:
    now = visit.portal.clock.now().isoformat()
    told = await Names(visit).with_patients(listed)
    one = dt.timedelta(days=1)
    before, after = (shown - one if shown > dt.date.min else shown), (shown + one if shown < dt.date.max else shown)
    return draw(
        visit, template, visits=told, facility=facility, day=shown, before=before, after=after, now=now,
        today=local_day(visit.portal.clock.now(), facility.get("timezone", "America/New_York")),
    )  # fmt: skip
