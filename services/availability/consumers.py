"""Events in: the two handlers that contracts/topology.py names."""

from collections.abc import Sequence

from services.availability.ports import Store
from services.availability.usecases.projections import DirectoryProjection, Told, take_bookings
from services.contracts.events import event_of
from services.contracts.events.booking import AppointmentEvent, FreedSlotEvent
from services.contracts.events.directory import (
    ClinicianRecorded,
    FacilityRecorded,
    InterpreterRecorded,
    VisitTypeRecorded,
)
from services.kernel.errors import Invalid
from services.kernel.outbox import Envelope


async def on_directory(envelope: Envelope, projection: DirectoryProjection) -> None:
    """Take a facility, clinician, visit type or interpreter; raise Invalid for any other event."""
    event = event_of(envelope)
    if isinstance(event, FacilityRecorded):
        await projection.facility(event)
    elif isinstance(event, ClinicianRecorded):
        await projection.clinician(event)
    elif isinstance(event, VisitTypeRecorded):
        await projection.visit_type(event)
    elif isinstance(event, InterpreterRecorded):
        await projection.interpreter(event)
    else:
        raise Invalid(f"{envelope.type} is not for this queue.", slug="event-unexpected")


async def on_bookings(envelopes: Sequence[Envelope], store: Store) -> None:
    """Take what appointments and freed slots occupy now and what visits teach; raise Invalid for other events."""
    told: list[Told] = []
    for envelope in envelopes:
        event = event_of(envelope)
        if not isinstance(event, AppointmentEvent | FreedSlotEvent):
            raise Invalid(f"{envelope.type} is not for this queue.", slug="event-unexpected")
        told.append((event, envelope.occurred_at))
    await take_bookings(store, told)
