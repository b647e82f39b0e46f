"""Keep what the directory tells, so that messages go out while the directory is down."""

from services.contracts.events.base import Event
from services.contracts.events.directory import FacilityRecorded, PatientRecorded, ProxyRecorded
from services.kernel.errors import Invalid
from services.notifications.domain.messages import Language
from services.notifications.domain.people import FacilityZone, Proxy, Recipient
from services.notifications.ports import Projections


async def record(event: Event, store: Projections) -> bool:
    """Keep the record ``event`` carries if it is newer than the one kept; return whether it was."""
    match event:
        case PatientRecorded():
            # Names and birth dates are left at the door: no message needs them.
            return await store.keep_recipient(
                Recipient(
                    patient_id=event.patient_id,
                    version=event.version,
                    email=event.email,
                    phone=event.phone,
                    language=Language(event.language),
                    timezone=event.timezone,
                    active=event.active,
                )
            )
        case FacilityRecorded():
            return await store.keep_facility(FacilityZone(event.facility_id, event.version, event.timezone))
        case ProxyRecorded():
            return await store.keep_proxy(
                Proxy(
                    event.proxy_id, event.version, event.patient_id, event.person, event.expires_at, active=event.active
                )
            )
        case _:
            raise Invalid(f"{event.type} is not an event of the directory that notifications takes.")
