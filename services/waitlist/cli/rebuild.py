"""What `careslot rebuild waitlist` makes anew: places, patients, proxies, visit types, consent, freed slots.

A freed slot that offers hang on is corrected and never removed; what became of the offers is waitlist's own.
"""

from services.contracts.events.booking import SlotFreed, SlotReleased
from services.kernel.database import Connection
from services.kernel.outbox import Envelope
from services.kernel.rebuilding import Projection, Rebuild
from services.waitlist.adapters.store import PostgresStore
from services.waitlist.consumers import on_directory, on_freed_slot, on_preferences

_HANDLERS = {"directory": on_directory, "notifications": on_preferences, "booking": on_freed_slot}
_FREED = frozenset({SlotFreed.TYPE, SlotReleased.TYPE})


async def _take(connection: Connection, envelope: Envelope) -> None:
    owner = envelope.type.partition(".")[0]
    if owner != "booking" or envelope.type in _FREED:
        await _HANDLERS[owner](envelope, PostgresStore(connection))


REBUILD = Rebuild(
    "waitlist",
    (
        ("directory", "facility"),
        ("directory", "patient"),
        ("directory", "proxy"),
        ("directory", "patient-merge"),
        ("directory", "visit-type"),
        ("notifications", "preferences"),
        ("booking", "changes"),
    ),
    (
        Projection("facility", ("facility_id",)),
        Projection("patient", ("patient_id",)),
        Projection("proxy", ("proxy_id",)),
        Projection("alias", ("id",)),
        Projection("visit_type", ("code",)),
        Projection("consent", ("patient_id",)),
        Projection(
            "freed_slot",
            ("freed_id",),
            counted="NOT EXISTS (SELECT FROM public.offer AS o WHERE o.freed_id = {row}.freed_id)",
        ),
    ),
    _take,
    # What is told of a slot that was taken would end an offer.
    beside=("offer",),
)
