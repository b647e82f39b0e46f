"""Where ZIP codes are, from the package ``zipcodes`` (centroids; read once, half a second, some 5 MB)."""

from collections.abc import Mapping, Sequence
from functools import cache

import zipcodes

from services.waitlist.domain.places import Place


class PackagedZipCentroids:
    """Implements ``ports.ZipCentroids`` from memory; the list is read when first asked for."""

    def find(self, zip_code: str) -> Place | None:
        """Return the centroid of a five-digit ZIP code, None when the list has none."""
        return _centroids().get(zip_code)


@cache
def _centroids() -> Mapping[str, Place]:
    entries: Sequence[Mapping[str, str]] = zipcodes.list_all()  # type: ignore[no-untyped-call]  # has no types
    places = {entry["zip_code"]: (float(entry["lat"]), float(entry["long"])) for entry in entries}
    # Codes of the armed forces overseas stand at 0, 0.
    return {code: Place(*place) for code, place in places.items() if place != (0.0, 0.0)}
