"""Hospitals and outpatient centres in real cities, at real ZIP codes, under names nobody has."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import zipcodes

from services.directory.domain.places import distance_km
from services.directory.domain.records import Facility
from services.directory.domain.values import zones
from services.kernel.errors import Invalid
from services.local.seeds.cities import CITIES

MOST_FACILITIES = 2 * len(CITIES)
STREETS = ("Maple Avenue", "Harbor Street", "Medical Parkway", "Cedar Road", "Lincoln Boulevard", "College Street")


@dataclass(frozen=True, slots=True)
class Located:
    """A ZIP code with a place, a zone and an area code."""

    zip_code: str
    latitude: float
    longitude: float
    timezone: str
    area_code: str


def facilities(count: int) -> tuple[Facility, ...]:
    """Return ``count`` facilities: a hospital a city, then outpatient centres, each in another part of its city."""
    if not 1 <= count <= MOST_FACILITIES:
        raise Invalid(f"A health system has 1 to {MOST_FACILITIES} facilities.")
    return tuple(_facility(n) for n in range(count))


def area_code(facility: Facility) -> str:
    """Return the telephone area code at ``facility``."""
    return next(
        zip_.area_code for zip_ in _located()[facility.city, facility.state] if zip_.zip_code == facility.zip_code
    )


def _facility(n: int) -> Facility:
    city, state = CITIES[n % len(CITIES)]
    hospital = n < len(CITIES)
    central = _located()[city, state]
    where = central[0 if hospital else len(central) // 2]
    return Facility(
        facility_id=f"fac-{n + 1:04}",
        name=f"Careslot {city} {'Medical' if hospital else 'Outpatient'} Center",
        kind="hospital" if hospital else "outpatient-centre",
        address=f"{100 + 7 * n} {STREETS[n % len(STREETS)]}",
        city=city,
        state=state,
        zip_code=where.zip_code,
        latitude=where.latitude,
        longitude=where.longitude,
        timezone=where.timezone,
        # 555-0100 to 555-0199 are never given to anyone (NANPA).
        phone=f"+1{where.area_code}55501{n % 100:02}",
    )


@cache
def _located() -> Mapping[tuple[str, str], tuple[Located, ...]]:
    """Return the usable ZIP codes of every city, the most central first."""
    wanted = set(CITIES)
    found: defaultdict[tuple[str, str], list[Located]] = defaultdict(list)
    for entry in zipcodes.list_all():  # type: ignore[no-untyped-call]  # the package has no types
        city = (entry["city"], entry["state"])
        if city in wanted and _usable(entry):
            codes = [code for code in entry["area_codes"] if code[0] in "23456789"]
            place = (float(entry["lat"]), float(entry["long"]), entry["timezone"], codes[0] if codes else "202")
            found[city].append(Located(entry["zip_code"], *place))
    return {city: _central_first(places) for city, places in found.items()}


def _usable(entry: Mapping[str, Any]) -> bool:
    located = float(entry["lat"]) != 0
    return entry["zip_code_type"] == "STANDARD" and entry["active"] and located and entry["timezone"] in zones()


def _central_first(places: list[Located]) -> tuple[Located, ...]:
    latitude = sum(place.latitude for place in places) / len(places)
    longitude = sum(place.longitude for place in places) / len(places)

    def away(place: Located) -> tuple[float, str]:
        return distance_km(place.latitude, place.longitude, latitude, longitude), place.zip_code

    return tuple(sorted(places, key=away))
