"""The places of one clinician's day, as a policy lays them out and patients take them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from services.availability.domain.simulation.clinic import Request

MINUTES_A_DAY = 1440


@dataclass(slots=True)
class Place:
    """A time that can be taken ``lanes`` times; planned visits may from ``opens_at`` on (minutes since day 0)."""

    minute: int
    session: int
    lanes: int = 1
    opens_at: float = float("-inf")
    taken: list[Request] = field(default_factory=list)

    def free_for(self, request: Request, day: int) -> bool:
        """Tell whether ``request`` may take the place on ``day``: it is not full, not past, and open to it."""
        now = request.day * MINUTES_A_DAY + request.minute
        ahead = day * MINUTES_A_DAY + self.minute > now
        return ahead and len(self.taken) < self.lanes and (request.urgent or self.opens_at <= now)


@dataclass(slots=True)
class Daybook:
    """One clinician's day."""

    clinician: int
    day: int
    cell_minutes: int
    places: list[Place]

    def free(self, request: Request) -> list[Place]:
        """Return the places that ``request`` may take."""
        return [place for place in self.places if place.free_for(request, self.day)]

    def of_session(self, session: int) -> Iterator[Place]:
        """Yield the places of one session, in order."""
        return (place for place in self.places if place.session == session)
