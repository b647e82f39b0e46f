"""What is known of care just now: facilities, kinds of visits, open times, each kept as long as it is good for."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from services.finder.domain.care import Facility, OpenTime, VisitType, usual
from services.finder.ports import Care
from services.finder.usecases.keeping import Kept, Known
from services.kernel.clock import Clock

# How far around a ZIP code people look, and at how many places: more would be asked of availability than shown.
WITHIN_KM, NEAREST = 120.0, 8
MOST_PLACES, MOST_ZIPS = 2_000, 5_000
_ALL = ""


class KnownCare:
    """Everything the finder shows, by way of what it keeps."""

    def __init__(self, care: Care, clock: Clock) -> None:
        self._care = care
        slow = {"fresh": timedelta(minutes=5), "stale": timedelta(days=1)}
        self.facilities = Kept[str, Sequence[Facility]](lambda _: care.facilities(), clock, most=1, **slow)
        self.visit_types = Kept[str, Sequence[VisitType]](lambda _: care.visit_types(), clock, most=1, **slow)
        self.nearest = Kept[str, Sequence[Facility]](
            lambda zip_code: care.near(zip_code, WITHIN_KM, NEAREST), clock, most=MOST_ZIPS, **slow
        )
        # Older than a quarter of an hour, most of a busy day's times would be gone when somebody wants one.
        self.open_times = Kept[str, Sequence[OpenTime]](
            self._open_times, clock, fresh=timedelta(minutes=1), stale=timedelta(minutes=15), most=MOST_PLACES
        )

    async def all_facilities(self) -> Known[Sequence[Facility]]:
        """Return every facility."""
        return await self.facilities.get(_ALL)

    async def usual_visits(self) -> Mapping[str, VisitType]:
        """Return each specialty's usual visit, by the specialty's code."""
        return usual((await self.visit_types.get(_ALL)).value)

    def same_places_since(self, since: datetime) -> bool:
        """Say whether facilities and kinds of visits are known to be as they were."""
        return all(kept.unchanged_since(_ALL, since) for kept in (self.facilities, self.visit_types))

    async def _open_times(self, facility_id: str) -> Sequence[OpenTime]:
        kinds = sorted(kind.code for kind in (await self.usual_visits()).values())
        return await self._care.open_times(facility_id, kinds) if kinds else ()
