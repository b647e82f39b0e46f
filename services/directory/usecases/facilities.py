"""Facilities: who looks for one, and who may register or change one."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.directory.domain.records import Facility, Recorded
from services.directory.ports import FacilityQuery, Near, UnitOfWork, ZipCodes
from services.directory.usecases.recording import Change, check_version, record_change
from services.kernel.access import Gate, Resource
from services.kernel.clock import Clock
from services.kernel.errors import FieldError, Invalid, NotFound

CATALOGUE = Resource("Catalogue", "directory")


def facility_resource(facility_id: str) -> Resource:
    """Return the facility as access policies see it."""
    return Resource("Facility", facility_id, {"facility": facility_id})


@dataclass(frozen=True, slots=True)
class Facilities:
    """What can be done with facilities. They hold no PHI: looking at them is decided, not audited."""

    begin: UnitOfWork
    zip_codes: ZipCodes
    clock: Clock

    def near(self, zip_code: str, within_km: float) -> Near:
        """Return the circle around a ZIP code; raise Invalid when nobody knows where it is."""
        place = self.zip_codes.place(zip_code)
        if place is None or place.latitude is None or place.longitude is None:
            what = "is not a ZIP code with a place on the map"
            raise Invalid("Give another ZIP code.", errors=[FieldError("query/near", what)])
        return Near(place.latitude, place.longitude, within_km)

    async def search(self, gate: Gate, query: FacilityQuery) -> Sequence[tuple[Recorded[Facility], float]]:
        """Return facilities by distance (km, 0 without ``near``) and id."""
        gate.require(CATALOGUE)
        async with self.begin() as store:
            return await store.facilities(query)

    async def get(self, gate: Gate, facility_id: str) -> Recorded[Facility]:
        """Return one facility or raise NotFound."""
        gate.require(CATALOGUE)
        async with self.begin() as store:
            found = await store.find(Facility, facility_id)
        if found is None:
            raise NotFound("There is no such facility.")
        return found

    async def put(self, gate: Gate, facility: Facility, expected: int | None) -> Change[Facility]:
        """Register or change a facility; raise StaleVersion or PreconditionRequired when ``expected`` does not fit."""
        entry = gate.require(facility_resource(facility.facility_id))
        now = self.clock.now()
        async with self.begin() as store:
            current = await store.find(Facility, facility.facility_id, lock=True)
            check_version(current.version if current else None, expected)
            change = await record_change(store, facility, current, now)
            await store.audit([entry])
        return change
