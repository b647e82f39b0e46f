"""Every event by name: the only place that knows which classes exist."""

from pydantic import ValidationError

from services.contracts.events import availability, booking, directory, notifications, waitlist
from services.contracts.events.base import Event
from services.kernel.errors import Invalid, NotFound
from services.kernel.outbox import Envelope

EVENTS: dict[str, type[Event]] = {
    event.TYPE: event
    for event in (
        directory.FacilityRecorded,
        directory.ClinicianRecorded,
        directory.InterpreterRecorded,
        directory.VisitTypeRecorded,
        directory.PatientRecorded,
        directory.PatientMerged,
        directory.ProxyRecorded,
        directory.RoleAssigned,
        directory.BreakGlassRecorded,
        availability.LeaveRecorded,
        availability.LeaveWithdrawn,
        availability.ClosureRecorded,
        availability.ClosureWithdrawn,
        booking.AppointmentHeld,
        booking.HoldReleased,
        booking.AppointmentBooked,
        booking.AppointmentMoved,
        booking.AppointmentCancelled,
        booking.LateCancelWaived,
        booking.AppointmentCheckedIn,
        booking.AppointmentFulfilled,
        booking.AppointmentNoShow,
        booking.AppointmentReassigned,
        booking.SlotFreed,
        booking.SlotReleased,
        booking.VisitDisrupted,
        booking.VisitDisruptionEnded,
        notifications.MessageSent,
        notifications.MessageFailed,
        notifications.PreferencesChanged,
        waitlist.DemandChanged,
        waitlist.RequestJoined,
        waitlist.RequestWithdrawn,
        waitlist.RequestExpired,
        waitlist.OfferMade,
        waitlist.OfferAccepted,
        waitlist.OfferDeclined,
        waitlist.OfferExpired,
    )
}


def event_of(envelope: Envelope) -> Event:
    """Return the typed event; raise NotFound for an unknown type and Invalid for data that breaks its contract."""
    try:
        event = EVENTS[envelope.type]
    except KeyError:
        raise NotFound(f"No event is called {envelope.type}.") from None
    try:
        return event.model_validate(envelope.data)
    except ValidationError as fault:
        wrong = ", ".join(sorted({"/".join(str(part) for part in error["loc"]) for error in fault.errors()}))
        raise Invalid(f"{envelope.type} breaks its contract at {wrong}.", slug="event-invalid") from None
