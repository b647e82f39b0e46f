"""Visits of one patient at one time, which a merge of two records brought together: shown until staff resolved them."""

from collections.abc import Sequence

from services.booking.domain.double_bookings import DoubleBooking
from services.booking.ports import DoubleBookings, UnitOfWork
from services.booking.usecases.touching import facility_resource
from services.kernel.access import Gate
from services.kernel.clock import Clock


class ReadDoubleBookings:
    """What is still to be resolved at a facility."""

    def __init__(self, work: UnitOfWork, found: DoubleBookings, clock: Clock) -> None:
        self._work = work
        self._found = found
        self._clock = clock

    async def at(self, gate: Gate, facility_id: str, limit: int) -> Sequence[DoubleBooking]:
        """Return the pairs of which at least one visit is at the facility, those that are not over."""
        async with self._work() as store:
            await store.audit(gate.require(facility_resource(facility_id)))
        return await self._found.at(facility_id, self._clock.now(), limit)
