"""Entries in: the handler that contracts/topology.py names for the queue past the bus."""

from collections.abc import Sequence

from services.audit.domain.canonical import canonical
from services.audit.domain.chain import Arrival
from services.audit.usecases.ingest import TakeEntries
from services.kernel.audit import AuditEntry
from services.kernel.errors import Invalid
from services.kernel.outbox import Envelope

ENTRY = "audit.entry.v1"


async def on_entries(envelopes: Sequence[Envelope], trail: TakeEntries) -> None:
    """Add the entries to their chains; raise Invalid, naming the field, when one of them is not an entry."""
    await trail.take([_arrival(envelope) for envelope in envelopes])


def _arrival(envelope: Envelope) -> Arrival:
    if envelope.type != ENTRY:
        raise Invalid(f"{envelope.type} is not for this queue.", slug="event-unexpected")
    try:
        entry = AuditEntry.from_payload(envelope.data)
        canonical(envelope.data)
    except ValueError as fault:
        raise Invalid(f"Not an audit entry: {fault}", slug="entry-malformed") from None
    if entry.id != envelope.id or envelope.source != f"careslot.{entry.service}":
        raise Invalid("The entry is not its sender's.", slug="entry-foreign")
    return Arrival(envelope.data, entry)
