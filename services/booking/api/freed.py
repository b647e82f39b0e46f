"""Freed slots, for waitlist alone: keep some while offers of them are out, or give one back."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.booking.api.models import Body, Instant
from services.booking.api.parts import BookingDep
from services.booking.domain.freed import FreedSlot, FreedState
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["freed slots"])


MOST = 100


class Extension(Body):
    """Until when a slot is to be kept: at most 24 hours, and not into the minimum notice before its start."""

    freed_id: UUID
    until: Instant


class ExtendBody(Body):
    """The slots to keep; of a slot named twice the last instant counts."""

    extensions: list[Extension] = Field(min_length=1, max_length=MOST)


class ExtendedView(BaseModel):
    """Whether one slot is kept now as asked, and if not, why."""

    freed_id: UUID
    kept: bool
    reason: Literal["", "unknown", "freed-slot-gone", "extension-out-of-bounds"]


class ExtendedList(BaseModel):
    """What became of each."""

    extensions: list[ExtendedView]


class FreedSlotView(BaseModel):
    """A freed slot as it stands."""

    id: UUID
    state: FreedState
    version: int
    open_until: datetime
    starts_at: datetime


@router.post("/freed-slots/extend", **guard("extend-freed-slot", 400, 413, 422))
async def extend_freed_slots(body: ExtendBody, gate: GateDep, booking: BookingDep) -> ExtendedList:
    """Keep freed slots out of search, each until its instant. Repeating it changes nothing."""
    against = await booking.keep.extend(gate, {one.freed_id: one.until for one in body.extensions})
    views = [{"freed_id": freed_id, "kept": not why, "reason": why} for freed_id, why in against.items()]
    return ExtendedList.model_validate({"extensions": views})


@router.post("/freed-slots/{freed_id}/release", **guard("release-freed-slot", 404, 409, 422))
async def release_freed_slot(freed_id: UUID, gate: GateDep, booking: BookingDep) -> FreedSlotView:
    """Give a freed slot back to search. Repeating it changes nothing."""
    return FreedSlotView.model_validate(_told(await booking.keep.release(gate, freed_id)))


def _told(freed: FreedSlot) -> dict[str, Any]:
    return {
        "id": freed.id, "state": freed.state, "version": freed.version, "open_until": freed.open_until,
        "starts_at": freed.place.starts_at,
    }  # fmt: skip
