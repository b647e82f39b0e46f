"""Series: visits that recur, booked together. One of them is moved or cancelled like any other appointment."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from services.booking.api.headers import Authorization, IdempotencyKey, documented
from services.booking.api.models import ID, OFFER, AppointmentView, Body
from services.booking.api.parts import BookingDep
from services.booking.domain.reasons import CancelReason
from services.booking.domain.series import FEWEST, MOST, Policy
from services.booking.usecases.repeating import submission
from services.booking.usecases.telling import told
from services.kernel.http import GateDep, Problem, guard
from services.kernel.middleware import PROBLEM_JSON

router = APIRouter(tags=["series"])
SeriesId = Annotated[UUID, Path(description="id of the series")]
Offer = Annotated[str, Field(pattern=OFFER, max_length=8192)]


class SeriesBody(Body):
    """For whom which slots are to be booked together."""

    patient_id: str = Field(pattern=ID)
    offers: list[Offer] = Field(min_length=FEWEST, max_length=MOST, description="signed slot offers, one a visit")
    policy: Policy = Field(default=Policy.ALL_OR_NOTHING, description="what to do when one cannot be had")


class CancelSeriesBody(Body):
    """Why, and from which visit on; without one, all that are still ahead."""

    reason: CancelReason
    from_appointment_id: UUID | None = None


class MissedView(BaseModel):
    """A visit that could not be had, with the nearest open slots as availability's search shows them."""

    slot_id: str
    starts_at: datetime
    reason: str
    detail: str
    alternatives: list[dict[str, Any]]
    alternatives_status: str


class SeriesView(BaseModel):
    """The visits of a series by start, and those that could not be had when it was booked."""

    series_id: UUID
    appointments: list[AppointmentView]
    missed: list[MissedView] = []


class SeriesProblem(Problem):
    """A 409; ``missed`` says which visits could not be had, and what is open near each."""

    missed: list[MissedView] | None = None


def _command(action: str, status: int, *statuses: int) -> dict[str, Any]:
    arguments = guard(action, 400, 409, 413, 422, *statuses)
    arguments["openapi_extra"]["parameters"] = documented(existing=False)
    arguments["responses"][409] = {"model": SeriesProblem, "content": {PROBLEM_JSON: {}}}
    return {**arguments, "status_code": status, "response_model": SeriesView}


@router.post("/series", **_command("book-appointment", 201))
async def book_series(
    body: SeriesBody, key: IdempotencyKey, gate: GateDep, authorization: Authorization, booking: BookingDep,
    response: Response,
) -> dict[str, Any]:  # fmt: skip
    """Book several offered slots for a patient at once: all of them, or with ``partial`` those that can be had."""
    asked = submission(gate.actor.subject, key, "book-series", body.model_dump(mode="json"))
    answer = await booking.series.book(
        gate, asked, body.offers, booking.aliases.of(body.patient_id), body.policy, authorization
    )
    response.headers["location"] = f"series/{answer.body['series_id']}"
    return dict(answer.body)


@router.get("/series/{series_id}", **guard("read-appointment", 404, 422))
async def read_series(series_id: SeriesId, gate: GateDep, booking: BookingDep) -> SeriesView:
    """Return the visits of a series as they stand."""
    found = await booking.series.one(gate, series_id)
    return SeriesView(series_id=series_id, appointments=[AppointmentView.model_validate(told(one)) for one in found])


@router.post("/series/{series_id}/cancel", **_command("cancel-appointment", 200, 404))
async def cancel_series(
    series_id: SeriesId, body: CancelSeriesBody, key: IdempotencyKey, gate: GateDep, booking: BookingDep
) -> dict[str, Any]:
    """Cancel what is still ahead of a series: from one visit on, or all of it."""
    asked = submission(
        gate.actor.subject, key, "cancel-series", {"series_id": str(series_id), **body.model_dump(mode="json")}
    )
    answer = await booking.series.cancel(gate, asked, series_id, body.from_appointment_id, body.reason)
    return dict(answer.body)
