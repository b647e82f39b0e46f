"""Live status over server-sent events (WHATWG HTML, section 9.2): a front desk's day, one appointment.

Events carry no patient. A stream ends after a while, so that whoever follows presents a token that is still valid; the
browser's EventSource comes back by itself with the last id it saw and misses nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import anyio
from fastapi import APIRouter, Header, Path
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.booking.api.models import CURSOR, ID, cursor_of
from services.booking.api.parts import Booking, BookingDep
from services.booking.domain.lifecycle import Status
from services.booking.ports import RecordedChange
from services.booking.usecases.following import Listening
from services.booking.usecases.reading import shows_change, takes_time
from services.kernel.access import Gate
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["streams"])
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", pattern=CURSOR, description="id of the last event seen")
]
RECONNECT_MS = 1000
SEND_SECONDS = 10.0
# Less than uvicorn waits for connections to end (kernel.runtime.serve).
FAREWELL_SECONDS = 2.0


def _stream(action: str, *statuses: int) -> dict[str, Any]:
    arguments = guard(action, 422, *statuses)
    arguments["responses"][200] = {
        "description": "Events: ready (read the list now), appointment, departed (it left this facility).",
        "content": {"text/event-stream": {}},
    }
    return {**arguments, "response_class": EventSourceResponse, "response_model": None}


@router.get("/facilities/{facility_id}/stream", **_stream("follow-day"))
async def follow_day(
    facility_id: Annotated[str, Path(pattern=ID)],
    gate: GateDep,
    booking: BookingDep,
    last_event_id: LastEventId = None,
) -> EventSourceResponse:
    """Follow every change at a facility as it commits."""
    await booking.read.follow_facility(gate, facility_id)
    return _response(booking, gate, f"facility:{facility_id}", facility_id, last_event_id)


@router.get("/appointments/{appointment_id}/stream", **_stream("read-appointment", 404))
async def follow_appointment(
    appointment_id: UUID, gate: GateDep, booking: BookingDep, last_event_id: LastEventId = None
) -> EventSourceResponse:
    """Follow one appointment."""
    await booking.read.follow_one(gate, appointment_id)
    return _response(booking, gate, f"appointment:{appointment_id}", "", last_event_id)


def _response(
    booking: Booking, gate: Gate, topic: str, facility_id: str, last_event_id: str | None
) -> EventSourceResponse:
    shutdown = anyio.Event()
    listening = booking.broadcast.listen(topic, cursor_of(last_event_id))
    events = _events(listening, gate, facility_id, booking.stream_seconds, shutdown)
    return EventSourceResponse(
        events, ping=booking.heartbeat_seconds, send_timeout=SEND_SECONDS,
        shutdown_event=shutdown, shutdown_grace_period=FAREWELL_SECONDS,
    )  # fmt: skip


async def _events(
    listening: Listening, gate: Gate, facility_id: str, seconds: float, shutdown: anyio.Event
) -> AsyncIterator[ServerSentEvent]:
    """Yield what is heard until ``seconds`` have passed, the process shuts down or the listening ends."""
    ends = asyncio.get_running_loop().time() + seconds
    stop = asyncio.create_task(shutdown.wait())
    news = asyncio.ensure_future(anext(listening))
    try:
        while True:
            left = ends - asyncio.get_running_loop().time()
            await asyncio.wait({news, stop}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not news.done() or news.exception() is not None:
                return
            cursor, change = news.result()
            name, data = _shown(change, gate, facility_id) if change else ("ready", {})
            yield ServerSentEvent(json.dumps(data), event=name, id=str(cursor), retry=RECONNECT_MS)
            news = asyncio.ensure_future(anext(listening))
    finally:
        for task in (stop, news):
            task.cancel()
        await asyncio.gather(stop, news, return_exceptions=True)
        await listening.aclose()


def _shown(change: RecordedChange, gate: Gate, facility_id: str) -> tuple[str, dict[str, Any]]:
    """Return an event's name and data; a facility an appointment has left learns no more than that.

    Who may not know of a visit is told of its time only, and that it is free again as if the visit had left.
    """
    busy = bool(facility_id) and not shows_change(gate, change)
    departed = {"appointment_id": str(change.appointment_id), "version": 0 if busy else change.version}
    gone = bool(facility_id) and change.facility_id != facility_id
    if gone or (busy and not takes_time(change.to_status)):
        return "departed", departed
    return "appointment", {
        **departed, "status": str(Status.BOOKED) if busy else change.to_status, "busy": busy,
        "starts_at": change.event["starts_at"], "ends_at": change.event["ends_at"],
        "clinician_id": change.event["clinician_id"], "facility_id": change.facility_id,
    }  # fmt: skip
