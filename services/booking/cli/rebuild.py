"""What `careslot rebuild booking` makes anew: whom booking knows, where it must refuse, where somebody waits."""

from services.booking.adapters.projections import PostgresProjections
from services.booking.consumers import on_block, on_demand, on_directory
from services.kernel.database import Connection
from services.kernel.outbox import Envelope
from services.kernel.rebuilding import Projection, Rebuild


async def _take(connection: Connection, envelope: Envelope) -> None:
    handlers = {"directory": on_directory, "availability": on_block, "waitlist": on_demand}
    await handlers[envelope.type.partition(".")[0]](envelope, PostgresProjections(connection))


REBUILD = Rebuild(
    "booking",
    (
        ("directory", "patient"),
        ("directory", "proxy"),
        ("directory", "patient-merge"),
        ("availability", "leave"),
        ("availability", "closure"),
        ("waitlist", "demand"),
    ),
    (
        Projection("patient", ("patient_id",)),
        Projection("proxy", ("proxy_id",)),
        Projection("alias", ("id",)),
        # Blocks that are over are not told any more; one that was withdrawn stays, against a late event.
        Projection("blocked_period", ("block_id",), counted="(NOT {row}.withdrawn AND upper({row}.period) > now())"),
        Projection("waiting_demand", ("facility_id", "specialty")),
    ),
    _take,
)
