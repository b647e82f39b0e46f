"""Many records at once, for imports and seeds: a few statements a kind, events with them, harmless to repeat."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.directory.domain.identities import BusinessIdentifier
from services.directory.domain.interpreters import Interpreter
from services.directory.domain.records import (
    Clinician,
    Facility,
    Patient,
    Proxy,
    Record,
    RoleAssignment,
    Specialty,
    VisitType,
)
from services.directory.ports import Store
from services.directory.usecases.recording import by_key, publish

# What is referred to comes before what refers to it.
KINDS: tuple[type[Any], ...] = (
    Specialty, VisitType, Facility, Clinician, Interpreter, Patient, Proxy, RoleAssignment, BusinessIdentifier,
)  # fmt: skip
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Tally:
    """How many records were added, changed, or stayed as they were."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    keys: frozenset[str] = field(default=frozenset(), repr=False)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.added + other.added,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.keys | other.keys,
        )


async def bulk_record(store: Store, records: Sequence[Record], at: datetime, *, replace: bool = False) -> Tally:
    """Keep ``records`` of any kinds and publish an event for each that was added or changed.

    Records that exist stay as they are (a seed must not undo what people did) unless ``replace`` (an import knows
    better, but a facility somebody closed stays closed). Of records with equal keys the last counts. All of it is one
    transaction, the store's; ``Tally.keys`` holds the keys of what was added or changed.
    """
    total = Tally()
    for kind in KINDS:
        wanted = list(by_key([record for record in records if isinstance(record, kind)]).items())
        for start in range(0, len(wanted), CHUNK):
            total += await _chunk(store, dict(wanted[start : start + CHUNK]), at, replace=replace)
    return total


async def _chunk(store: Store, wanted: dict[str, Any], at: datetime, *, replace: bool) -> Tally:
    versions = await store.put_many(list(wanted.values()), replace=replace)
    await publish(store, [(wanted[key], version) for key, version in versions.items()], at)
    added = sum(version == 1 for version in versions.values())
    return Tally(added, len(versions) - added, len(wanted) - len(versions), frozenset(versions))
