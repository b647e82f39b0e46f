"""Somebody without an account looks for a time near them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.finder.domain.care import Facility, OpenTime, VisitType, wanted
from services.finder.usecases.care import KnownCare
from services.kernel.access import Gate, Resource
from services.kernel.errors import FieldError, Invalid, Unavailable

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Place:
    """A facility with its first open times of the kind of visit that was looked for."""

    facility: Facility
    times: Sequence[OpenTime]


@dataclass(frozen=True, slots=True)
class Found:
    """The nearest facilities with open times; ``silent`` are those of which nothing is known just now."""

    visit_type: VisitType
    places: Sequence[Place]
    silent: Sequence[Facility]
    as_of: datetime | None


class FindTimes:
    """Searches by ZIP code, specialty and day."""

    def __init__(self, care: KnownCare) -> None:
        self._care = care

    async def specialties(self, gate: Gate) -> Mapping[str, VisitType]:
        """Return the usual visit of each specialty."""
        gate.require(Resource("Slots", "slots"))
        return await self._care.usual_visits()

    async def near(self, gate: Gate, zip_code: str, specialty: str, day: date | None) -> Found:
        """Return open times near a ZIP code; raise Invalid for what nobody knows, Unavailable when nobody answers."""
        visit_type = (await self.specialties(gate)).get(specialty)
        if visit_type is None:
            raise Invalid("Choose a specialty.", errors=[FieldError("query/specialty", "is none of ours")])
        facilities = (await self._care.nearest.get(zip_code)).value
        asked = await asyncio.gather(
            *(self._care.open_times.get(one.facility_id) for one in facilities), return_exceptions=True
        )
        places, silent, ages = [], [], []
        for facility, answer in zip(facilities, asked, strict=True):
            if isinstance(answer, Unavailable):
                silent.append(facility)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                ages.append(answer.as_of)
                if times := wanted(answer.value, facility, visit_type.code, day)[:SHOWN]:
                    places.append(Place(facility, times))
        if silent and not ages:
            raise Unavailable("Open times cannot be had just now; try again shortly.", retry_after=5)
        return Found(visit_type, places, silent, min(ages, default=None))
