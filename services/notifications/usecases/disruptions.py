"""Telling patients that a booked visit cannot take place as planned, and that it does after all.

What becomes of it otherwise needs no word from here: a visit that is moved or cancelled has a message of its own.
"""

from uuid import UUID

from services.contracts.events.base import Event
from services.contracts.events.booking import DisruptedVisitEvent, VisitDisrupted, VisitDisruptionEnded
from services.contracts.security_labels import SecurityLabel
from services.kernel.clock import Clock
from services.kernel.errors import Invalid
from services.kernel.ids import new_id
from services.kernel.telemetry import correlation_id
from services.notifications.domain.messages import Kind, Message
from services.notifications.ports import Store

RESTORED = "restored"


class Disruptions:
    """Plans inside the transaction that remembers the event, so that redelivery plans nothing new."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def take(self, event: Event) -> UUID:
        """Act on an event of booking and return the visit's id; a disruption that ended is not told, however late."""
        if not isinstance(event, DisruptedVisitEvent):
            raise Invalid(f"{event.type} is not an event of booking that notifications takes here.")
        now, visit_id = self._clock.now(), UUID(event.visit_id)
        if not await self._store.keep_disrupted(visit_id, UUID(event.appointment_id), event.version):
            return visit_id
        await self._store.withdraw(visit_id, event.version, now, "disruption-ended")
        kind = await self._told(event, visit_id)
        if kind is not None and event.starts_at > now:
            # The directory is the authority on a facility's zone; the event's is what booking knew.
            zone = await self._store.facility_timezone(event.facility_id) or event.timezone
            message = Message(
                new_id(), visit_id, event.version, event.patient_id, kind, event.starts_at, zone, now, correlation_id(),
                discreet=event.security_label is not SecurityLabel.NORMAL,
            )  # fmt: skip
            await self._store.plan([message], now)
        return visit_id

    async def _told(self, event: DisruptedVisitEvent, visit_id: UUID) -> Kind | None:
        match event:
            case VisitDisrupted():
                return Kind.DISRUPTION
            case VisitDisruptionEnded() if event.outcome == RESTORED:
                # Who never heard of the disruption would only wonder.
                return Kind.RESTORED if await self._store.may_have_left(visit_id, Kind.DISRUPTION) else None
            case _:
                return None
