"""Events in: what was freed, who may act for whom, who consented, where facilities are."""

from uuid import UUID

from services.contracts.events import event_of
from services.contracts.events.booking import SlotFreed, SlotReleased
from services.contracts.events.directory import (
    FacilityRecorded,
    PatientMerged,
    PatientRecorded,
    ProxyRecorded,
    VisitTypeRecorded,
)
from services.contracts.events.notifications import PreferencesChanged
from services.contracts.slot_offer import OfferedResource, SlotOffer
from services.kernel.errors import Invalid
from services.kernel.outbox import Envelope
from services.waitlist.domain.offers import OfferState
from services.waitlist.domain.places import Facility, Place
from services.waitlist.ports import FreedSlot, Projections, Store
from services.waitlist.usecases.ending import accept_offer, end_offer

TAKEN = "taken"


async def on_directory(envelope: Envelope, store: Projections) -> None:
    """Keep facilities, patients, merges, proxies and visit types' labels; raise Invalid for any other event."""
    match event_of(envelope):
        case FacilityRecorded() as e:
            await store.keep_facility(Facility(e.facility_id, e.version, Place(e.latitude, e.longitude), e.active))
        case PatientRecorded() as e:
            await store.keep_patient(e.patient_id, e.version, e.timezone, active=e.active)
        case PatientMerged() as e:
            await store.keep_merge(e.replaced_id, e.survivor_id, e.version)
        case ProxyRecorded() as e:
            await store.keep_proxy(
                e.proxy_id, e.version, e.patient_id, e.person, e.expires_at, e.confidential_until, active=e.active
            )
        case VisitTypeRecorded() as e:
            await store.keep_visit_type(e.visit_type, e.version, e.security_label)
        case _:
            raise _unexpected(envelope)


async def on_preferences(envelope: Envelope, store: Projections) -> None:
    """Keep consent to offers. An event that does not speak of it takes none away and gives none."""
    match event_of(envelope):
        case PreferencesChanged() as e:
            if e.offers is not None:
                await store.keep_consent(e.patient_id, e.version, offers=e.offers)
        case _:
            raise _unexpected(envelope)


async def on_freed_slot(envelope: Envelope, store: Store) -> None:
    """Keep what booking keeps back; when that ends, end the offer too, unless its patient is who took it.

    After an outage this catches up: a slot whose grace is over is kept as it is told and never offered.
    """
    match event_of(envelope):
        case SlotFreed() as e:
            resources = tuple(OfferedResource.model_validate(one.model_dump()) for one in e.resources)
            slot = SlotOffer(
                slot_id=e.slot_id, clinician_id=e.clinician_id, facility_id=e.facility_id, specialty=e.specialty,
                visit_type=e.visit_type, starts_at=e.starts_at, ends_at=e.ends_at, timezone=e.timezone,
                resources=resources, schedule_version=e.schedule_version,
            )  # fmt: skip
            await store.keep_freed(FreedSlot(UUID(e.freed_id), slot, e.open_until), e.version)
        case SlotReleased() as e:
            freed_id = UUID(e.freed_id)
            # The slot is locked before the offer, as everywhere.
            await store.close_freed(freed_id, e.version, e.starts_at)
            offer = await store.live_offer_of(freed_id=freed_id)
            if offer is None:
                return
            if e.outcome == TAKEN:
                # Only the holder of our signed offer can have taken it: the acceptance itself may have been cut off.
                await accept_offer(store, offer, "", "", envelope.occurred_at)
            else:
                state = OfferState.EXPIRED if offer.state is OfferState.OPEN else OfferState.VOID
                await end_offer(store, offer, state, envelope.occurred_at)
        case _:
            raise _unexpected(envelope)


def _unexpected(envelope: Envelope) -> Invalid:
    return Invalid(f"{envelope.type} is not for this queue.", slug="event-unexpected")
