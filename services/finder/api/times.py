"""Open times as JSON, for programs that ask for one place instead of reading the whole publication."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from services.finder.api.dependencies import KEPT, FinderDep
from services.finder.domain.publication import booking_link
from services.kernel.http import GateDep, anyone

router = APIRouter(tags=["open times"])


class SpecialtyView(BaseModel):
    """A specialty that can be looked for, and its usual visit."""

    specialty: str
    name: str
    visit_type: str
    visit_name: str
    minutes: int


class SpecialtiesView(BaseModel):
    """Every specialty by name."""

    specialties: list[SpecialtyView]


class TimeView(BaseModel):
    """An open start; ``book_url`` is where somebody signs in and goes on to book."""

    starts_at: datetime
    starts_local: datetime
    ends_at: datetime
    places: int
    book_url: str


class PlaceView(BaseModel):
    """A facility and its first open times."""

    facility_id: str
    name: str
    address: str
    city: str
    state: str
    zip_code: str
    phone: str
    timezone: str
    distance_km: float | None
    open_times: list[TimeView]


class PlacesView(BaseModel):
    """The nearest facilities with open times; ``not_known_of`` are near too, but do not answer just now."""

    visit_type: str
    places: list[PlaceView]
    not_known_of: list[str]
    as_of: datetime | None


@router.get("/specialties", **anyone("find-open-times"))
async def list_specialties(gate: GateDep, finder: FinderDep, response: Response) -> SpecialtiesView:
    """Return what can be looked for."""
    found = await finder.find.specialties(gate)
    response.headers.update(KEPT)
    views = [
        SpecialtyView(
            specialty=code, name=kind.specialty_name, visit_type=kind.code, visit_name=kind.name, minutes=kind.minutes
        )
        for code, kind in sorted(found.items(), key=lambda one: one[1].specialty_name)
    ]
    return SpecialtiesView(specialties=views)


@router.get("/open-times", **anyone("find-open-times", 422))
async def find_open_times(
    gate: GateDep,
    finder: FinderDep,
    response: Response,
    zip_code: Annotated[str, Query(alias="zip", pattern=r"^[0-9]{5}$", examples=["02108"])],
    specialty: Annotated[str, Query(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$", examples=["family-medicine"])],
    day: Annotated[date | None, Query(description="the facilities' own day; else the coming two weeks")] = None,
) -> PlacesView:
    """Return the first open times near a ZIP code."""
    found = await finder.find.near(gate, zip_code, specialty, day)
    response.headers.update(KEPT)
    return PlacesView(
        visit_type=found.visit_type.code,
        places=[PlaceView(
            facility_id=place.facility.facility_id, name=place.facility.name, address=place.facility.address,
            city=place.facility.city, state=place.facility.state, zip_code=place.facility.zip_code,
            phone=place.facility.phone, timezone=place.facility.timezone, distance_km=place.facility.distance_km,
            open_times=[TimeView(
                starts_at=time.starts_at, starts_local=(local := place.facility.local(time.starts_at)),
                ends_at=time.ends_at, places=time.places,
                book_url=booking_link(
                    finder.portal_url, place.facility.facility_id, time.visit_type, local.date().isoformat()
                ),
            ) for time in place.times],
        ) for place in found.places],
        not_known_of=[one.facility_id for one in found.silent],
        as_of=found.as_of,
    )  # fmt: skip
