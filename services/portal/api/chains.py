"""Whether the trail itself can be believed: the chains of a day, how much is anchored, and verification on the spot."""

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from services.portal.api.drawing import draw
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import FIRST, LAST, Fields

router = APIRouter(tags=["reviews"], route_class=PageRoute)


@router.get("/reviews/chains", **page("read-audit"))
async def show_chains(visit: VisitDep, day: Annotated[str, Query(max_length=10)] = "") -> Response:
    """Show the chains of a day (UTC); today's by default."""
    fields = Fields({"day": day}, visit.wording)
    shown = fields.day("day") or visit.portal.clock.now().date()
    return await _show(visit, shown, fields.errors, 422 if fields.errors else 200)


@router.post("/reviews/chains/{day}/verify", **page("read-audit", form=True))
async def verify_day(visit: VisitDep, day: Annotated[dt.date, Path(ge=FIRST, le=LAST)]) -> Response:
    """Let the audit service compute the day anew, and show what it found."""
    verified = await visit.ask("POST", "audit", f"/chains/{day}/verification")
    return await _show(visit, day, {}, 200, verified.body)


async def _show(visit: Visit, day: dt.date, errors: dict[str, str], status: int, verified: Any = None) -> Response:
    listed = await visit.read("audit", f"/chains/{day}")
    one = dt.timedelta(days=1)
    return draw(
        visit, "chains.html", status, day=day, chains=listed["chains"], verified=verified, errors=errors,
        before=day - one, after=day + one, today=visit.portal.clock.now().date(),
    )  # fmt: skip
