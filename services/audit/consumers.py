"""Entries and merges of patients in: the handlers that contracts/topology.py names."""

from collections.abc import Sequence

from services.audit.domain.canonical import canonical
from services.audit.domain.chain import Arrival
from services.audit.ports import Merges
from services.audit.usecases.ingest import TakeEntries
from services.contracts.events import event_of
from services.contracts.events.directory import PatientMerged
from services.kernel.audit import AuditEntry
from services.kernel.errors import Invalid
from services.kernel.outbox import Envelope

ENTRY = "audit.entry.v1"


async def on_entries(envelopes: Sequence[Envelope], trail: TakeEntries) -> None:
    """Add the entries to their chains; raise Invalid, naming the field, when one of them is not an entry."""
    await trail.take([_arrival(envelope) for envelope in envelopes])


async def on_merge(envelope: Envelope, merges: Merges) -> None:
    """Keep that one patient stands for another, so that a review of one shows what was said of both."""
    event = event_of(envelope)
    if not isinstance(event, PatientMerged):
        raise Invalid(f"{envelope.type} is not for this queue.", slug="event-unexpected")
    await merges.keep(event.replaced_id, event.survivor_id, event.version)


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
