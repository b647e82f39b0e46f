"""What `careslot rebuild notifications` makes anew: how patients are reached, zones of facilities, who acts for whom.

A merge is kept and nothing else: what it meant for anybody's wishes was decided when it was heard of.
"""

from services.contracts.events import event_of
from services.contracts.events.directory import PatientMerged
from services.kernel.database import Connection
from services.kernel.outbox import Envelope
from services.kernel.rebuilding import Projection, Rebuild
from services.notifications.adapters.postgres import PostgresStore
from services.notifications.usecases.projections import record


async def _take(connection: Connection, envelope: Envelope) -> None:
    event, store = event_of(envelope), PostgresStore(connection)
    if isinstance(event, PatientMerged):
        await store.keep_merge(event.replaced_id, event.survivor_id, event.version)
    else:
        await record(event, store)


REBUILD = Rebuild(
    "notifications",
    (("directory", "facility"), ("directory", "patient"), ("directory", "proxy"), ("directory", "patient-merge")),
    (
        Projection("facilities", ("facility_id",)),
        Projection("recipients", ("patient_id",)),
        Projection("proxies", ("proxy_id",)),
        Projection("alias", ("id",)),
    ),
    _take,
)
