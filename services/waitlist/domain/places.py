"""Which facilities lie around a place."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088  # IUGG mean radius
MOST_FACILITIES = 50


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the Earth in degrees (WGS 84)."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Facility:
    """Where a facility is."""

    facility_id: str
    version: int
    place: Place
    active: bool = True


def distance_km(a: Place, b: Place) -> float:
    """Return the great-circle distance in kilometres (haversine formula)."""
    low, high = radians(a.latitude), radians(b.latitude)
    across = radians(b.longitude - a.longitude)
    half = sin((high - low) / 2) ** 2 + cos(low) * cos(high) * sin(across / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half)))


def around(center: Place, radius_km: float, facilities: Iterable[Facility]) -> frozenset[str]:
    """Return the nearest MOST_FACILITIES active facilities within ``radius_km``."""
    near = sorted((distance_km(center, f.place), f.facility_id) for f in facilities if f.active)
    return frozenset(facility_id for distance, facility_id in near[:MOST_FACILITIES] if distance <= radius_km)
