"""Events in: the two handlers that contracts/topology.py names."""

from services.availability.ports import Store
from services.availability.usecases.projections import (
    DirectoryProjection,
    take_appointment,
    take_freed_slot,
    take_visit,
)
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


async def on_appointment(envelope: Envelope, store: Store) -> None:
    """Take what an appointment or freed slot occupies now and what a visit teaches; raise Invalid for other events."""
    event = event_of(envelope)
    if isinstance(event, FreedSlotEvent):
        await take_freed_slot(store, event)
        return
    if not isinstance(event, AppointmentEvent):
        raise Invalid(f"{envelope.type} is not for this queue.", slug="event-unexpected")
    await take_appointment(store, event)
    await take_visit(store, event, envelope.occurred_at)
