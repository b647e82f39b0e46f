"""ZIP codes from the package `zipcodes`, which bundles the USPS list with centroids and zones.

Its entries are read once into small records: a look-up of its own scans all 42,000. Entries are not all usable:
some centroids are (0, 0), military codes have no place on a map, and one code names a town where its zone should be.
"""

from functools import cache
from typing import Any

import zipcodes

from services.directory.domain.places import Place
from services.directory.domain.values import zones


class BundledZipCodes:
    """ports.ZipCodes over the bundled list."""

    def place(self, zip_code: str) -> Place | None:
        """Return the place of a five-digit ZIP code, None when there is no such code."""
        return places().get(zip_code)


@cache
def places() -> dict[str, Place]:
    """Return every place by ZIP code; half a second the first time."""
    found: dict[str, Place] = {}
    for entry in zipcodes.list_all():  # type: ignore[no-untyped-call]  # the package has no types
        place = _place(entry)
        other = found.get(place.zip_code)
        found[place.zip_code] = place if other is None else _merged(other, place)
    return found


def _place(entry: dict[str, Any]) -> Place:
    latitude, longitude = float(entry["lat"] or 0), float(entry["long"] or 0)
    located = (latitude, longitude) != (0, 0)
    zone = str(entry["timezone"])
    return Place(
        zip_code=str(entry["zip_code"]),
        city=str(entry["city"]),
        states=frozenset({str(entry["state"])}),
        latitude=latitude if located else None,
        longitude=longitude if located else None,
        timezone=zone if zone in zones() else "",
    )


def _merged(one: Place, other: Place) -> Place:
    """Return the place of a code listed twice: the first entry's, with the states of both."""
    return Place(
        one.zip_code, one.city, one.states | other.states, one.latitude, one.longitude, one.timezone or other.timezone
    )
