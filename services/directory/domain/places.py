"""Where something is: distance on the globe, and what a ZIP code tells about a place."""

import math
from dataclasses import dataclass

EARTH_RADIUS_KM = 6371.0088

# Where most people of a state live by the clock, for a ZIP code whose zone nobody knows.
STATE_ZONES = {
    state: zone
    for zone, states in {
        "America/New_York": (
            "CT", "DC", "DE", "FL", "GA", "KY", "MA", "MD", "ME", "NC", "NH", "NJ", "NY", "OH", "PA", "RI", "SC", "VA",
            "VT", "WV",
        ),
        "America/Chicago": (
            "AL", "AR", "IA", "IL", "KS", "LA", "MN", "MO", "MS", "ND", "NE", "OK", "SD", "TN", "TX", "WI",
        ),
        "America/Denver": ("CO", "MT", "NM", "UT", "WY"), "America/Los_Angeles": ("CA", "NV", "OR", "WA"),
        "America/Anchorage": ("AK",), "America/Boise": ("ID",), "America/Detroit": ("MI",),
        "America/Indiana/Indianapolis": ("IN",), "America/Phoenix": ("AZ",), "America/Puerto_Rico": ("PR",),
        "America/St_Thomas": ("VI",), "Pacific/Chuuk": ("FM",), "Pacific/Guam": ("GU",), "Pacific/Honolulu": ("HI",),
        "Pacific/Majuro": ("MH",), "Pacific/Pago_Pago": ("AS",), "Pacific/Palau": ("PW",), "Pacific/Saipan": ("MP",),
    }.items()
    for state in states
}  # fmt: skip
# The states, the District and the territories with a USPS abbreviation (USPS Publication 28, appendix B).
STATES = frozenset(STATE_ZONES)


@dataclass(frozen=True, slots=True)
class Place:
    """A ZIP code's place. ``latitude`` and ``longitude`` (degrees) are its centroid, None where nobody knows it;
    ``timezone`` is "" where nobody knows it. ``states`` holds more than one where a ZIP code crosses a border.
    """

    zip_code: str
    city: str
    states: frozenset[str]
    latitude: float | None
    longitude: float | None
    timezone: str


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the great-circle distance in kilometres between two points in degrees (haversine)."""
    phi, other_phi = math.radians(latitude), math.radians(other_latitude)
    half_phi, half_lambda = (other_phi - phi) / 2, math.radians(other_longitude - longitude) / 2
    chord = math.sin(half_phi) ** 2 + math.cos(phi) * math.cos(other_phi) * math.sin(half_lambda) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, chord)))
