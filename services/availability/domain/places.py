"""Distances between places: how far a patient's ZIP is from a facility."""

from dataclasses import dataclass
from math import asin, cos, degrees, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088  # IUGG mean radius


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the Earth in degrees (WGS 84)."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Box:
    """All latitudes and longitudes that a circle can touch, in degrees; the bounds are included."""

    south: float
    north: float
    west: float
    east: float


def distance_km(a: Place, b: Place) -> float:
    """Return the great-circle distance in kilometres (haversine formula; at most 0.5 % off an ellipsoid's)."""
    low, high = radians(a.latitude), radians(b.latitude)
    across = radians(b.longitude - a.longitude)
    half = sin((high - low) / 2) ** 2 + cos(low) * cos(high) * sin(across / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half)))


def box_around(center: Place, radius_km: float) -> Box:
    """Return a box around every place within ``radius_km``; all longitudes when it touches a pole or 180 degrees."""
    angle = degrees(radius_km / EARTH_RADIUS_KM) + 1e-9
    south, north = center.latitude - angle, center.latitude + angle
    if south <= -90 or north >= 90:
        return Box(max(south, -90), min(north, 90), -180, 180)
    spread = degrees(asin(min(1.0, sin(radians(angle)) / cos(radians(center.latitude))))) + 1e-9
    west, east = center.longitude - spread, center.longitude + spread
    if west < -180 or east > 180:
        west, east = -180, 180
    return Box(south, north, west, east)
