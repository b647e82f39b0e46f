"""Visits that recur and were booked together: see them all, cancel what is still ahead of them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from services.kernel.errors import NotFound
from services.portal.api.drawing import REASONS, draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.names import Names
from services.portal.domain.session import DESK

router = APIRouter(tags=["series"], route_class=PageRoute)
SeriesId = Annotated[UUID, Path()]
Since = Annotated[UUID | None, Query(description="the visit to begin with; without one, all that are ahead")]


@router.get("/series/{series_id}", **page("read-appointment"))
async def show_series(visit: VisitDep, series_id: SeriesId) -> Response:
    """Show every visit of a series, and what can still be cancelled of it."""
    told = await _visits(visit, series_id)
    return draw(visit, "series.html", visits=told, series_id=series_id, ahead=_ahead(visit, told, None))


@router.get("/series/{series_id}/cancel", **page("cancel-appointment"))
async def cancel_series_form(visit: VisitDep, series_id: SeriesId, since: Since = None) -> Response:
    """Show which visits would be cancelled and ask why, before anything is."""
    return await _form(visit, series_id, since, {})


@router.post("/series/{series_id}/cancel", **page("cancel-appointment", form=True))
async def cancel_series(visit: VisitDep, series_id: SeriesId) -> Response:
    """Cancel them together."""
    reason, since = await visit.field("reason", 60), _id(await visit.field("since", 60))
    if reason not in REASONS:
        return await _form(visit, series_id, since, {"reason": visit.wording("Choose a reason.")}, 422)
    body = {"reason": reason, **({"from_appointment_id": str(since)} if since else {})}
    headers = {"idempotency-key": await visit.field("key", 60)}
    await visit.ask("POST", "booking", f"/series/{series_id}/cancel", body=body, headers=headers)
    return go(visit.request, f"series/{series_id}?told=series-cancelled")


async def _form(
    visit: Visit, series_id: UUID, since: UUID | None, errors: dict[str, str], status: int = 200
) -> Response:
    ahead = _ahead(visit, await _visits(visit, series_id), since)
    if not ahead:
        raise NotFound("Nothing of this series is ahead any more.")
    # The soonest is the first to be late; which reasons one may give is the same for all.
    outlook = await visit.read("booking", f"/appointments/{ahead[0]['id']}/cancellation")
    allowed = {reason["code"] for reason in outlook["reasons"]}
    return draw(
        visit, "series_cancel.html", status, visits=ahead, series_id=series_id, since=since, outlook=outlook,
        offered={code: words for code, words in REASONS.items() if code in allowed}, errors=errors,
    )  # fmt: skip


async def _visits(visit: Visit, series_id: UUID) -> list[dict[str, Any]]:
    found = (await visit.read("booking", f"/series/{series_id}"))["appointments"]
    names = Names(visit)
    return await (names.with_patients(found) if visit.session.may(DESK) else names.visits(found))


def _ahead(visit: Visit, visits: list[dict[str, Any]], since: UUID | None) -> list[dict[str, Any]]:
    """Return the visits that are booked and to come, from ``since`` on."""
    begin = next((number for number, one in enumerate(visits) if one["id"] == str(since)), 0)
    now = visit.portal.clock.now()
    return [
        one for one in visits[begin:] if one["status"] == "booked" and datetime.fromisoformat(one["starts_at"]) > now
    ]


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise NotFound("There is no such visit.") from None
