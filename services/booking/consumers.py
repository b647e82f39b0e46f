"""Events of neighbours that booking keeps: where it must refuse, who may act for whom, where somebody waits."""

from services.booking.domain.disruption import CLINICIAN, FACILITY
from services.booking.ports import Projections, Telling
from services.contracts.events import event_of
from services.contracts.events.availability import ClosureRecorded, ClosureWithdrawn, LeaveRecorded, LeaveWithdrawn
from services.contracts.events.directory import (
    BreakGlassRecorded,
    PatientMerged,
    PatientRecorded,
    ProxyRecorded,
    VisitTypeRecorded,
)
from services.contracts.events.notifications import ABOUT_DISRUPTIONS, MessageFailed, MessageSent
from services.contracts.events.waitlist import DemandChanged
from services.kernel.errors import NotFound
from services.kernel.outbox import Envelope

NOTIFICATIONS = "notifications"


async def on_block(envelope: Envelope, store: Projections) -> None:
    """Keep leave and closures and the disruptions they open and close; raise NotFound for any other event."""
    match event_of(envelope):
        case LeaveRecorded() as leave:
            await store.record_block(
                leave.leave_id, CLINICIAN, leave.clinician_id, leave.starts_at, leave.ends_at, envelope.occurred_at
            )
        case LeaveWithdrawn() as leave:
            await store.withdraw_block(leave.leave_id, CLINICIAN, leave.clinician_id, envelope.occurred_at)
        case ClosureRecorded() as closure:
            await store.record_block(
                closure.closure_id, FACILITY, closure.facility_id, closure.starts_at, closure.ends_at,
                envelope.occurred_at,
            )  # fmt: skip
        case ClosureWithdrawn() as closure:
            await store.withdraw_block(closure.closure_id, FACILITY, closure.facility_id, envelope.occurred_at)
        case other:
            raise NotFound(f"{other.TYPE} is not an event this queue takes.")


async def on_directory(envelope: Envelope, store: Projections) -> None:
    """Keep patients' facilities, proxies, merges, visit types' labels, and which emergency accesses were ended early;
    raise NotFound for any other event.
    """
    match event_of(envelope):
        case PatientRecorded() as patient:
            await store.record_patient(patient.patient_id, patient.version, patient.facility_ids, active=patient.active)
        case BreakGlassRecorded() as glass:
            if glass.ended_at is not None:
                await store.record_ended_break_glass(glass.grant_id, glass.expires_at)
        case PatientMerged() as merge:
            await store.record_merge(merge.replaced_id, merge.survivor_id, merge.version)
        case ProxyRecorded() as proxy:
            await store.record_proxy(
                proxy.proxy_id, proxy.version, proxy.patient_id, proxy.person, proxy.expires_at,
                proxy.confidential_until, active=proxy.active,
            )  # fmt: skip
        case VisitTypeRecorded() as visit:
            await store.record_visit_type(visit.visit_type, visit.version, visit.security_label)
        case other:
            raise NotFound(f"{other.TYPE} is not an event this queue takes.")


async def on_demand(envelope: Envelope, store: Projections) -> None:
    """Keep where somebody waits; raise NotFound for any other event."""
    match event_of(envelope):
        case DemandChanged() as demand:
            await store.record_demand(demand.facility_id, demand.specialty, demand.version, waiting=demand.waiting)
        case other:
            raise NotFound(f"{other.TYPE} is not an event this queue takes.")


async def on_delivery(envelope: Envelope, store: Projections) -> None:
    """Keep who was told of a disruption when, or why not; raise NotFound for any other event."""
    match event_of(envelope):
        case MessageSent() as message:
            telling = Telling(message.kind, message.channel, "sent", "", NOTIFICATIONS, envelope.occurred_at)
        case MessageFailed() as message:
            telling = Telling(
                message.kind, message.channel, "failed", message.reason, NOTIFICATIONS, envelope.occurred_at
            )
        case other:
            raise NotFound(f"{other.TYPE} is not an event this queue takes.")
    if message.kind in ABOUT_DISRUPTIONS:
        await store.note_delivery(message.appointment_id, telling)
