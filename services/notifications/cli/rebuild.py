"""What `careslot rebuild notifications` makes anew: how patients are reached, zones of facilities, who acts for whom,
and how appointments stand.

A merge is kept and nothing else: what it meant for anybody's wishes was decided when it was heard of. Nor are messages
planned: a correction is no news to a patient, and what was planned is checked against how its visit stands when it is
sent.
"""

from services.contracts.events import event_of
from services.contracts.events.booking import AppointmentEvent
from services.contracts.events.directory import PatientMerged
from services.kernel.database import Connection
from services.kernel.outbox import Envelope
from services.kernel.rebuilding import Projection, Rebuild
from services.notifications.adapters.postgres import PostgresStore
from services.notifications.usecases.planning import appointment_of, takes
from services.notifications.usecases.projections import record


async def _take(connection: Connection, envelope: Envelope) -> None:
    event, store = event_of(envelope), PostgresStore(connection)
    if isinstance(event, PatientMerged):
        await store.keep_merge(event.replaced_id, event.survivor_id, event.version)
    elif isinstance(event, AppointmentEvent):
        if takes(event):
            await store.keep_appointment(appointment_of(event, await store.current_id(event.patient_id)))
    elif envelope.type.startswith("directory."):
        await record(event, store)


REBUILD = Rebuild(
    "notifications",
    (
        ("directory", "facility"),
        ("directory", "patient"),
        ("directory", "proxy"),
        ("directory", "patient-merge"),
        ("booking", "changes"),
    ),
    (
        Projection("facilities", ("facility_id",)),
        Projection("recipients", ("patient_id",)),
        Projection("proxies", ("proxy_id",)),
        Projection("alias", ("id",)),
        # Offers of waitlist stand here too, at no facility: whoever answers one asks waitlist.
        Projection("appointments", ("appointment_id",), own=("patient_id",), counted="{row}.facility_id <> ''"),
    ),
    _take,
)
