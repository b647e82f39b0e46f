"""Freed slots, for waitlist alone: keep one while an offer of it is out, or give it back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from services.booking.api.models import Body, Instant
from services.booking.api.parts import BookingDep
from services.booking.domain.freed import FreedSlot, FreedState
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["freed slots"])


class ExtendBody(Body):
    """Until when the slot is to be kept: at most 24 hours, and not into the minimum notice before its start."""

    until: Instant


class FreedSlotView(BaseModel):
    """A freed slot as it stands."""

    id: UUID
    state: FreedState
    version: int
    open_until: datetime
    starts_at: datetime


@router.post("/freed-slots/{freed_id}/extend", **guard("extend-freed-slot", 400, 404, 409, 413, 422))
async def extend_freed_slot(freed_id: UUID, body: ExtendBody, gate: GateDep, booking: BookingDep) -> FreedSlotView:
    """Keep a freed slot out of search until ``until``. Repeating it changes nothing."""
    return FreedSlotView.model_validate(_told(await booking.keep.extend(gate, freed_id, body.until)))


@router.post("/freed-slots/{freed_id}/release", **guard("release-freed-slot", 404, 409, 422))
async def release_freed_slot(freed_id: UUID, gate: GateDep, booking: BookingDep) -> FreedSlotView:
    """Give a freed slot back to search. Repeating it changes nothing."""
    return FreedSlotView.model_validate(_told(await booking.keep.release(gate, freed_id)))


def _told(freed: FreedSlot) -> dict[str, Any]:
    return {
        "id": freed.id, "state": freed.state, "version": freed.version, "open_until": freed.open_until,
        "starts_at": freed.place.starts_at,
    }  # fmt: skip
