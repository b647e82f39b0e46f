"""The publication that others read to list our open times: a manifest and the files it names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.finder.domain.care import Facility, OpenTime
from services.finder.domain.publication import File, lines, location, manifest, schedule, slot
from services.finder.usecases.care import KnownCare
from services.kernel.access import Gate, Resource
from services.kernel.clock import Clock
from services.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Publish:
    """Writes what is known down as the standard wants it; ``portal_url`` is where booking links lead."""

    care: KnownCare
    clock: Clock
    portal_url: str

    async def manifest(self, gate: Gate, base_url: str, since: datetime | None) -> dict[str, object]:
        """Return the manifest, without files known to be as they were at ``since``.

        Its time is the minute: what it leaves open is asked for when a file is read, so it cannot say "unchanged" for
        longer than it knows.
        """
        gate.require(Resource("Slots", "slots"))
        facilities = (await self.care.all_facilities()).value
        await self.care.usual_visits()
        files = []
        if since is None or not self.care.same_places_since(since):
            files = [File("Location", "locations")]
        files += [
            File(kind, f"{path}/{one.facility_id}", one.state)
            for one in facilities
            if since is None or not self.care.open_times.unchanged_since(one.facility_id, since)
            for kind, path in (("Schedule", "schedules"), ("Slot", "slots"))
        ]
        return manifest(base_url, files, self.clock.now().replace(second=0, microsecond=0))

    async def locations(self, gate: Gate) -> bytes:
        """Return every facility, a Location a line."""
        gate.require(Resource("Slots", "slots"))
        return lines(location(one) for one in (await self.care.all_facilities()).value)

    async def schedules(self, gate: Gate, facility_id: str) -> bytes:
        """Return what has open times at a facility, a Schedule a line; raise NotFound for one that is not published."""
        facility, times = await self._open_times(gate, facility_id)
        offered = {time.visit_type for time in times}
        kinds = sorted((await self.care.usual_visits()).values(), key=lambda kind: kind.code)
        return lines(schedule(facility.facility_id, kind) for kind in kinds if kind.code in offered)

    async def slots(self, gate: Gate, facility_id: str) -> bytes:
        """Return a facility's open times, a Slot a line; raise NotFound for a facility that is not published."""
        facility, times = await self._open_times(gate, facility_id)
        return lines(slot(facility, time, self.portal_url) for time in times)

    async def _open_times(self, gate: Gate, facility_id: str) -> tuple[Facility, Sequence[OpenTime]]:
        gate.require(Resource("Slots", "slots"))
        facilities = (await self.care.all_facilities()).value
        facility = next((one for one in facilities if one.facility_id == facility_id), None)
        if facility is None:
            raise NotFound("There is no such facility.")
        return facility, (await self.care.open_times.get(facility_id)).value
