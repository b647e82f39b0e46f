"""Holding and booking an offered slot: the two hot routes. Each needs an Idempotency-Key."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Response

from services.booking.api.commands import command, send
from services.booking.api.headers import Authorization, IdempotencyKey
from services.booking.api.hot import HotRoute, straight
from services.booking.api.models import BookBody, HoldBody
from services.booking.api.parts import Booking, BookingDep
from services.booking.ports import Answer
from services.booking.usecases.repeating import submission
from services.booking.usecases.taking import Request
from services.contracts.security_labels import SecurityLabel
from services.kernel.access import Gate
from services.kernel.errors import Invalid
from services.kernel.http import GateDep

router = APIRouter(tags=["appointments"], route_class=HotRoute)


def _label(*, confidential: bool) -> SecurityLabel:
    return SecurityLabel.RESTRICTED if confidential else SecurityLabel.NORMAL


async def _hold(body: HoldBody, key: str, gate: Gate, authorization: str, booking: Booking) -> Answer:
    keep = booking.hold if body.hold_seconds is None else timedelta(seconds=body.hold_seconds)
    if keep > booking.longest_hold:
        raise Invalid(f"A hold lasts at most {booking.longest_hold.seconds} seconds.", slug="hold-too-long")
    asked = submission(gate.actor.subject, key, "hold", body.model_dump(mode="json"))
    request = Request(gate, asked, body.offer, authorization, _label(confidential=body.confidential))
    return await booking.take.hold(request, booking.aliases.of(body.patient_id), keep)


async def _book(body: BookBody, key: str, gate: Gate, authorization: str, booking: Booking) -> Answer:
    asked = submission(gate.actor.subject, key, "book", body.model_dump(mode="json", exclude_none=True))
    request = Request(gate, asked, body.offer, authorization, _label(confidential=body.confidential))
    patient_id = booking.aliases.of(body.patient_id)
    if body.freed_id is not None:
        return await booking.take.book_freed(request, patient_id, body.freed_id)
    return await booking.take.book(request, patient_id)


@router.post("/holds", **command("hold-slot", 201))
@straight(HoldBody, _hold)
async def hold_slot(
    body: HoldBody, key: IdempotencyKey, gate: GateDep, authorization: Authorization, booking: BookingDep,
    response: Response,
) -> dict[str, Any]:  # fmt: skip
    """Hold an offered slot for a patient. The hold ends by itself unless it is confirmed in time."""
    return send(await _hold(body, key, gate, authorization, booking), response)


@router.post("/appointments", **command("book-appointment", 201))
@straight(BookBody, _book)
async def book_appointment(
    body: BookBody, key: IdempotencyKey, gate: GateDep, authorization: Authorization, booking: BookingDep,
    response: Response,
) -> dict[str, Any]:  # fmt: skip
    """Book an offered slot for a patient at once: hold and confirmation in one."""
    return send(await _book(body, key, gate, authorization, booking), response)
