"""What the finder asks of others; silence comes as Unavailable."""

from collections.abc import Sequence
from typing import Protocol

from services.finder.domain.care import Facility, OpenTime, VisitType


class Care(Protocol):
    """Directory and availability, as anybody may ask them."""

    async def facilities(self) -> Sequence[Facility]:
        """Return every open facility."""
        ...

    async def near(self, zip_code: str, within_km: float, limit: int) -> Sequence[Facility]:
        """Return the nearest facilities; raise Invalid for a ZIP code nobody knows."""
        ...

    async def visit_types(self) -> Sequence[VisitType]:
        """Return what anybody may book."""
        ...

    async def open_times(self, facility_id: str, visit_types: Sequence[str]) -> Sequence[OpenTime]:
        """Return the open times of the coming two weeks."""
        ...
