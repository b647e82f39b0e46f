"""Commands on an appointment that stands. Each needs an Idempotency-Key, and an If-Match with the version seen."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Response

from services.booking.api.headers import Authorization, IdempotencyKey, IfMatch, documented
from services.booking.api.hot import headers_of
from services.booking.api.models import (
    AppointmentView,
    CancelBody,
    ConflictProblem,
    OfferBody,
    StaleProblem,
    WaiveBody,
)
from services.booking.api.parts import BookingDep
from services.booking.domain.lifecycle import Action
from services.booking.ports import Answer
from services.booking.usecases.repeating import submission
from services.booking.usecases.taking import Request
from services.kernel.http import GateDep, guard
from services.kernel.middleware import PROBLEM_JSON

router = APIRouter(tags=["appointments"])
AppointmentId = Annotated[UUID, Path(description="id of the appointment or hold")]
_TAG = {"ETag": {"description": "the version, for If-Match", "schema": {"type": "string"}}}
_LOCATION = {"Location": {"description": "where it can be read", "schema": {"type": "string"}}}


def command(action: str, status: int, *statuses: int) -> dict[str, Any]:
    """Return a command route's keyword arguments: its guard, its answers, the headers of a success."""
    arguments = guard(action, 400, 409, 413, 422, *statuses)
    arguments["openapi_extra"]["parameters"] = documented(existing=412 in statuses)
    responses: dict[int | str, dict[str, Any]] = arguments["responses"]
    responses[409] = {"model": ConflictProblem, "content": {PROBLEM_JSON: {}}}
    if 412 in statuses:
        responses[412] = {"model": StaleProblem, "content": {PROBLEM_JSON: {}}, "headers": _TAG}
    responses[status] = {"headers": _TAG | (_LOCATION if status == 201 else {})}
    return {**arguments, "status_code": status, "response_model": AppointmentView}


def send(answer: Answer, response: Response) -> dict[str, Any]:
    response.status_code = answer.status
    response.headers.update(headers_of(answer))
    return dict(answer.body)


@router.post("/appointments/{appointment_id}/move", **command("move-appointment", 200, 404, 412, 428))
async def move_appointment(
    appointment_id: AppointmentId, body: OfferBody, key: IdempotencyKey, if_match: IfMatch, gate: GateDep,
    authorization: Authorization, booking: BookingDep, response: Response,
) -> dict[str, Any]:  # fmt: skip
    """Move an appointment to an offered slot: the old slot is freed only if the new one is taken, else nothing."""
    content = {"appointment_id": str(appointment_id), **body.model_dump(mode="json")}
    asked = submission(gate.actor.subject, key, "move", content)
    request = Request(gate, asked, body.offer, authorization)
    return send(await booking.take.move(request, appointment_id, if_match), response)


@router.post("/appointments/{appointment_id}/cancel", **command("cancel-appointment", 200, 404, 412, 428))
async def cancel_appointment(
    appointment_id: AppointmentId, body: CancelBody, key: IdempotencyKey, if_match: IfMatch, gate: GateDep,
    booking: BookingDep, response: Response,
) -> dict[str, Any]:  # fmt: skip
    """Call an appointment off; its slot is free at once, or offered to those who wait for one like it.

    Close to the start it counts as late (GET .../cancellation tells before), and is done all the same.
    """
    content = {"appointment_id": str(appointment_id), "reason": str(body.reason)}
    asked = submission(gate.actor.subject, key, "cancel", content)
    return send(await booking.change.cancel(gate, asked, appointment_id, if_match, body.reason), response)


@router.post("/appointments/{appointment_id}/waive-late-cancel", **command("waive-late-cancel", 200, 404, 412, 428))
async def waive_late_cancel(
    appointment_id: AppointmentId, body: WaiveBody, key: IdempotencyKey, if_match: IfMatch, gate: GateDep,
    booking: BookingDep, response: Response,
) -> dict[str, Any]:  # fmt: skip
    """Note that a late cancellation does not count, and why; the cancellation stands."""
    content = {"appointment_id": str(appointment_id), "reason": str(body.reason)}
    asked = submission(gate.actor.subject, key, "waive-late", content)
    return send(await booking.change.waive_late(gate, asked, appointment_id, if_match, body.reason), response)


@router.post("/appointments/{appointment_id}/confirm", **command("confirm-hold", 200, 404, 412, 428))
async def confirm_hold(
    appointment_id: AppointmentId, key: IdempotencyKey, if_match: IfMatch, gate: GateDep, booking: BookingDep,
    response: Response,
) -> dict[str, Any]:  # fmt: skip
    """Turn a hold into an appointment; too late once it has expired."""
    return await _apply(Action.CONFIRM, appointment_id, key, if_match, gate, booking, response)


@router.post("/appointments/{appointment_id}/release", **command("release-hold", 200, 404, 412, 428))
async def release_hold(
    appointment_id: AppointmentId, key: IdempotencyKey, if_match: IfMatch, gate: GateDep, booking: BookingDep,
    response: Response,
) -> dict[str, Any]:  # fmt: skip
    """Give a hold back before it expires."""
    return await _apply(Action.RELEASE, appointment_id, key, if_match, gate, booking, response)


@router.post("/appointments/{appointment_id}/check-in", **command("check-in", 200, 404, 412, 428))
async def check_in(
    appointment_id: AppointmentId, key: IdempotencyKey, if_match: IfMatch, gate: GateDep, booking: BookingDep,
    response: Response,
) -> dict[str, Any]:  # fmt: skip
    """Note that the patient has arrived, on the day of the visit."""
    return await _apply(Action.CHECK_IN, appointment_id, key, if_match, gate, booking, response)


@router.post("/appointments/{appointment_id}/complete", **command("complete-visit", 200, 404, 412, 428))
async def complete_visit(
    appointment_id: AppointmentId, key: IdempotencyKey, if_match: IfMatch, gate: GateDep, booking: BookingDep,
    response: Response,
) -> dict[str, Any]:  # fmt: skip
    """Note that the visit took place."""
    return await _apply(Action.COMPLETE, appointment_id, key, if_match, gate, booking, response)


@router.post("/appointments/{appointment_id}/no-show", **command("record-no-show", 200, 404, 412, 428))
async def record_no_show(
    appointment_id: AppointmentId, key: IdempotencyKey, if_match: IfMatch, gate: GateDep, booking: BookingDep,
    response: Response,
) -> dict[str, Any]:  # fmt: skip
    """Note that the patient did not come, once the start has passed."""
    return await _apply(Action.NO_SHOW, appointment_id, key, if_match, gate, booking, response)


async def _apply(
    action: Action, appointment_id: UUID, key: str, if_match: IfMatch, gate: GateDep, booking: BookingDep,
    response: Response,
) -> dict[str, Any]:  # fmt: skip
    asked = submission(gate.actor.subject, key, action, {"appointment_id": str(appointment_id)})
    return send(await booking.change.apply(gate, asked, action, appointment_id, if_match), response)
