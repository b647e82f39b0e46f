"""Turn what happens to an appointment or an offer into messages to be sent, and withdraw those that became wrong."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.contracts.events.base import Event
from services.contracts.events.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentCheckedIn,
    AppointmentEvent,
    AppointmentFulfilled,
    AppointmentMoved,
    AppointmentNoShow,
    AppointmentReassigned,
)
from services.contracts.events.waitlist import OfferEvent, OfferMade
from services.contracts.security_labels import SecurityLabel
from services.kernel.clock import Clock
from services.kernel.errors import Invalid
from services.kernel.ids import new_id
from services.kernel.telemetry import correlation_id
from services.notifications.domain.cadence import reminders
from services.notifications.domain.messages import Appointment, Kind, Message
from services.notifications.ports import Store

BOOKED = "booked"
# What is told at once, whether reminders follow, and why earlier messages are withdrawn.
_CONSEQUENCES: dict[type[AppointmentEvent], tuple[Kind | None, bool, str]] = {
    AppointmentBooked: (Kind.CONFIRMATION, True, "booked-anew"),
    AppointmentMoved: (Kind.MOVED, True, "appointment-moved"),
    AppointmentCancelled: (Kind.CANCELLED, False, "appointment-cancelled"),
    AppointmentCheckedIn: (None, False, "checked-in"),
    AppointmentFulfilled: (None, False, "visit-over"),
    AppointmentNoShow: (None, False, "visit-over"),
}


class Planning:
    """Plans inside the transaction that remembers the event, so that redelivery plans nothing new."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def take(self, event: Event) -> UUID:
        """Act on an event of booking and return the appointment's id.

        Only an event newer than everything seen of the appointment has consequences: one that was overtaken tells
        what is no longer so. A notice is not sent about a visit that has begun.
        """
        if isinstance(event, AppointmentReassigned):
            return await self._reassigned(event)
        if not isinstance(event, AppointmentEvent) or type(event) not in _CONSEQUENCES:
            raise Invalid(f"{event.type} is not an event of booking that notifications takes.")
        appointment = appointment_of(event, await self._store.current_id(event.patient_id))
        if await self._store.keep_appointment(appointment):
            notice, followed, reason = _CONSEQUENCES[type(event)]
            discreet = _discreet(event)
            now = self._clock.now()
            await self._store.withdraw(appointment.appointment_id, appointment.version, now, reason)
            await self._store.plan(await self._messages(appointment, notice, followed, now, discreet=discreet), now)
        return appointment.appointment_id

    async def _reassigned(self, event: AppointmentReassigned) -> UUID:
        """Let what is planned stand; nothing of the visit changed. What was overtaken by this event is planned now."""
        appointment = appointment_of(event, await self._store.current_id(event.patient_id))
        if await self._store.keep_appointment(appointment):
            await self._store.carry_over(appointment.appointment_id, appointment.version)
            if event.status == BOOKED:
                now = self._clock.now()
                told = await self._store.kinds_of(appointment.appointment_id)
                messages = await self._messages(
                    appointment, Kind.CONFIRMATION, followed=True, now=now, discreet=_discreet(event)
                )
                # Reminders follow a confirmation: where there was one, those that are missing were left out on purpose.
                await self._store.plan([] if Kind.CONFIRMATION in told else messages, now)
        return appointment.appointment_id

    async def take_offer(self, event: Event) -> UUID:
        """Act on an event of waitlist and return the offer's id; an offer that ended is not told of, however late."""
        if not isinstance(event, OfferEvent):
            raise Invalid(f"{event.type} is not an event of waitlist that notifications takes.")
        now = self._clock.now()
        patient_id = await self._store.current_id(event.patient_id)
        recipient = await self._store.recipient(patient_id)
        preferences = await self._store.preferences(patient_id)
        zone = preferences.timezone_for(recipient) if recipient else preferences.timezone or event.timezone
        offer = Appointment(
            UUID(event.offer_id), event.version, type(event).TYPE, patient_id, "", event.expires_at, zone
        )
        if await self._store.keep_appointment(offer):
            await self._store.withdraw(offer.appointment_id, offer.version, now, "offer-ended")
            told = (Kind.OFFER,) if isinstance(event, OfferMade) and event.expires_at > now else ()
            messages = [
                Message(
                    new_id(), offer.appointment_id, offer.version, offer.patient_id, kind, offer.starts_at, zone, now,
                    correlation_id(),
                )
                for kind in told
            ]  # fmt: skip
            await self._store.plan(messages, now)
        return offer.appointment_id

    async def _messages(
        self, appointment: Appointment, notice: Kind | None, followed: bool, now: datetime, *, discreet: bool
    ) -> Sequence[Message]:
        if appointment.starts_at <= now:
            return ()
        # The directory is the authority on a facility's zone; the event's is what booking knew.
        zone = await self._store.facility_timezone(appointment.facility_id) or appointment.timezone
        due: list[tuple[Kind, datetime]] = [(notice, now)] if notice else []
        if followed:
            recipient = await self._store.recipient(appointment.patient_id)
            preferences = await self._store.preferences(appointment.patient_id)
            theirs = preferences.timezone_for(recipient) if recipient else preferences.timezone or zone
            due += reminders(appointment.starts_at, ZoneInfo(zone), ZoneInfo(theirs), now)
        return [
            Message(
                message_id=new_id(),
                appointment_id=appointment.appointment_id,
                appointment_version=appointment.version,
                patient_id=appointment.patient_id,
                kind=kind,
                starts_at=appointment.starts_at,
                timezone=zone,
                due_at=at,
                correlation_id=correlation_id(),
                discreet=discreet,
            )
            for kind, at in due
        ]


def takes(event: Event) -> bool:
    """Tell whether notifications takes this event of an appointment; holds are of no concern to it."""
    return type(event) in _CONSEQUENCES or isinstance(event, AppointmentReassigned)


def _discreet(event: AppointmentEvent) -> bool:
    return event.security_label is not SecurityLabel.NORMAL


def appointment_of(event: AppointmentEvent, patient_id: str) -> Appointment:
    """Return what notifications keeps of an appointment as ``event`` tells it."""
    return Appointment(
        appointment_id=UUID(event.appointment_id),
        version=event.version,
        status=event.status,
        patient_id=patient_id,
        facility_id=event.facility_id,
        starts_at=event.starts_at,
        timezone=event.timezone,
    )
