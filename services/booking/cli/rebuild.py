"""What `careslot rebuild booking` makes anew: whom booking knows, where it must refuse, where somebody waits."""

from services.booking.adapters.projections import PostgresProjections
from services.booking.consumers import on_block, on_demand, on_directory
from services.contracts.events import event_of
from services.contracts.events.directory import VisitTypeRecorded
from services.kernel.database import Connection
from services.kernel.outbox import Envelope
from services.kernel.rebuilding import Differences, Projection, Rebuild


async def _take(connection: Connection, envelope: Envelope) -> None:
    event = event_of(envelope)
    if isinstance(event, VisitTypeRecorded):
        # Looking changes no visit; see _relabel.
        await PostgresProjections(connection).keep_visit_type(event.visit_type, event.version, event.security_label)
        return
    handlers = {"directory": on_directory, "availability": on_block, "waitlist": on_demand}
    await handlers[envelope.type.partition(".")[0]](envelope, PostgresProjections(connection))


async def _relabel(connection: Connection, found: Differences) -> None:
    """Let visits booked under a label that was not known become as strict as it is."""
    store = PostgresProjections(connection)
    for difference in found["visit_type"]:
        await store.tighten_labels(difference.key[0])


REBUILD = Rebuild(
    "booking",
    (
        ("directory", "patient"),
        ("directory", "proxy"),
        ("directory", "patient-merge"),
        ("directory", "visit-type"),
        ("availability", "leave"),
        ("availability", "closure"),
        ("waitlist", "demand"),
    ),
    (
        Projection("patient", ("patient_id",)),
        Projection("proxy", ("proxy_id",)),
        Projection("alias", ("id",)),
        Projection("visit_type", ("code",)),
        # Blocks that are over are not told any more; one that was withdrawn stays, against a late event.
        Projection("blocked_period", ("block_id",), counted="(NOT {row}.withdrawn AND upper({row}.period) > now())"),
        Projection("waiting_demand", ("facility_id", "specialty")),
    ),
    _take,
    afterwards=_relabel,
)
