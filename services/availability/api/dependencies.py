"""What the routes are handed when the service has started."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from services.availability.usecases.absences import Closures, LeaveOfAbsence
from services.availability.usecases.clinics import Clinics
from services.availability.usecases.open_times import OpenTimes
from services.availability.usecases.schedules import Schedules
from services.availability.usecases.search import SearchSlots
from services.availability.usecases.why import ExplainSlot


@dataclass(frozen=True, slots=True)
class Availability:
    """The use cases and the public keys; put on ``app.state.availability`` by the lifespan."""

    search: SearchSlots
    explain: ExplainSlot
    schedules: Schedules
    leave: LeaveOfAbsence
    closures: Closures
    clinics: Clinics
    offer_keys: dict[str, Any]
    open_times: OpenTimes


async def _availability(request: Request) -> Availability:
    availability: Availability = request.app.state.availability
    return availability


AvailabilityDep = Annotated[Availability, Depends(_availability)]
