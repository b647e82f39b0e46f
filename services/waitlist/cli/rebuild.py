"""What `careslot rebuild waitlist` makes anew: places, patients, proxies, consent.

Freed slots are left out: an offer hangs on each, and booking ends them all within their grace.
"""

from services.kernel.database import Connection
from services.kernel.outbox import Envelope
from services.kernel.rebuilding import Projection, Rebuild
from services.waitlist.adapters.store import PostgresStore
from services.waitlist.consumers import on_directory, on_preferences


async def _take(connection: Connection, envelope: Envelope) -> None:
    handle = on_directory if envelope.type.startswith("directory.") else on_preferences
    await handle(envelope, PostgresStore(connection))


REBUILD = Rebuild(
    "waitlist",
    (
        ("directory", "facility"),
        ("directory", "patient"),
        ("directory", "proxy"),
        ("directory", "patient-merge"),
        ("notifications", "preferences"),
    ),
    (
        Projection("facility", ("facility_id",)),
        Projection("patient", ("patient_id",)),
        Projection("proxy", ("proxy_id",)),
        Projection("alias", ("id",)),
        Projection("consent", ("patient_id",)),
    ),
    _take,
)
