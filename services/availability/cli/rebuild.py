"""What `careslot rebuild availability` makes anew: the directory's records and what appointments occupy.

Working time is availability's own: it is worked out again for the clinicians whose records, or whose facilities', were
not what the directory says.
"""

from services.availability.adapters import noshow_model
from services.availability.adapters.postgres import store_of
from services.availability.consumers import on_bookings, on_directory
from services.availability.domain.slotting.plan import SlottingRules
from services.availability.settings import Settings
from services.availability.usecases.materialise import Horizon, renew
from services.availability.usecases.projections import DirectoryProjection
from services.kernel.clock import SystemClock
from services.kernel.database import Connection
from services.kernel.outbox import Envelope
from services.kernel.rebuilding import Differences, Projection, Rebuild


def _horizon() -> Horizon:
    return Horizon(SystemClock(), Settings.model_fields["horizon_days"].default, SlottingRules(noshow_model.load()))


async def _take(connection: Connection, envelope: Envelope) -> None:
    store = store_of(connection)
    if envelope.type.startswith("directory."):
        await on_directory(envelope, DirectoryProjection(store, _horizon()))
    else:
        await on_bookings([envelope], store)


async def _renew(connection: Connection, found: Differences) -> None:
    store = store_of(connection)
    touched = {difference.key[0] for difference in found["clinician"]}
    for difference in found["facility"]:
        touched |= set(await store.clinicians_with_templates_at(difference.key[0]))
    with_templates = {stored.template.clinician_id for stored in await store.templates_of(sorted(touched))}
    if with_templates:
        await renew(store, sorted(with_templates), _horizon())


REBUILD = Rebuild(
    "availability",
    (
        ("directory", "facility"),
        ("directory", "clinician"),
        ("directory", "visit-type"),
        ("directory", "interpreter"),
        ("booking", "changes"),
    ),
    (
        Projection("facility", ("facility_id",)),
        Projection("clinician", ("clinician_id",)),
        Projection("visit_type", ("visit_type",)),
        Projection("interpreter", ("interpreter_id",)),
        # Older events do not tell the room: it is that of the session the slot was offered from.
        # Places kept for urgent visits are availability's own.
        Projection("busy", ("appointment_id",), own=("room_id",), counted="{row}.reserved_day IS NULL"),
    ),
    _take,
    beside=("template", "schedule"),
    afterwards=_renew,
)
