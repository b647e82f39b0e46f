"""Days on which a clinician or a facility is away: asked for and looked over in one way, whoever is away."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from fastapi import Response

from services.kernel.errors import Invalid
from services.portal.api.drawing import draw
from services.portal.api.entrance import Visit
from services.portal.api.fields import Fields
from services.portal.api.names import Names
from services.portal.domain.touched import days_of

Errors = dict[str, str]


async def asked_span(visit: Visit) -> tuple[Mapping[str, date], Errors]:
    """Return the first and the last day of the form, by field, and what is wrong with them."""
    fields = Fields(await visit.form(), visit.wording)
    return {name: fields.needed_day(name) for name in ("first_day", "last_day")}, fields.errors


async def asked_days(visit: Visit) -> tuple[Sequence[date], Errors]:
    """Return every day the form asks for, none when something is wrong with it, and what that is."""
    span, errors = await asked_span(visit)
    if errors:
        return (), errors
    try:
        return days_of(span["first_day"], span["last_day"]), {}
    except Invalid as error:
        return (), {"last_day": visit.wording(error.detail)}


async def preview(
    visit: Visit, days: Sequence[date], touched: Iterable[Mapping[str, Any]], *, what: str, back: str, confirm: str
) -> Response:
    """Show which appointments ``days`` of absence touch, with the form that confirms it."""
    first, last = days[0], days[-1]
    return draw(
        visit, "preview.html", touched=await Names(visit).visits(touched), back=back, what=what, first=first,
        last=last, fields={"first_day": first.isoformat(), "last_day": last.isoformat()}, confirm=confirm,
    )  # fmt: skip


def body_of(span: Mapping[str, date]) -> dict[str, str]:
    """Return the days as availability takes them."""
    return {name: day.isoformat() for name, day in span.items()}
