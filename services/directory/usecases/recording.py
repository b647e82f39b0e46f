"""One way for every record to change: version checked, event published, nothing done where nothing differs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Generic

from services.contracts.events.base import Event
from services.contracts.events.directory import (
    BreakGlassRecorded,
    ClinicianRecorded,
    FacilityRecorded,
    InterpreterRecorded,
    PatientMerged,
    PatientRecorded,
    ProxyRecorded,
    RoleAssigned,
    VisitTypeRecorded,
)
from services.directory.domain.identities import PatientMerge
from services.directory.domain.interpreters import Interpreter
from services.directory.domain.records import (
    BreakGlass,
    Clinician,
    Facility,
    Patient,
    Proxy,
    R,
    Record,
    Recorded,
    RoleAssignment,
    VisitType,
    key_of,
)
from services.directory.ports import Store
from services.kernel.errors import PreconditionRequired, StaleVersion


@dataclass(frozen=True, slots=True)
class Change(Generic[R]):
    """What became of a record: kept as ``recorded``; ``created`` for the first time, or ``changed`` at all."""

    recorded: Recorded[R]
    created: bool
    changed: bool


# Nobody projects specialties (names for the codes that clinicians and visit types carry) and business identifiers.
EVENTS: Mapping[type[Any], type[Event]] = {
    Facility: FacilityRecorded,
    VisitType: VisitTypeRecorded,
    Clinician: ClinicianRecorded,
    Interpreter: InterpreterRecorded,
    Patient: PatientRecorded,
    Proxy: ProxyRecorded,
    RoleAssignment: RoleAssigned,
    BreakGlass: BreakGlassRecorded,
    PatientMerge: PatientMerged,
}


def event_for(record: Record, version: int) -> Event | None:
    """Return the event that tells of ``record`` as ``version``, None where there is none to tell."""
    event = EVENTS.get(type(record))
    if event is None:
        return None
    # A contract takes from the record the fields that it names.
    return event.model_validate({**asdict(record), "version": version, "visit_type": getattr(record, "code", "")})


def check_version(current: int | None, expected: int | None) -> None:
    """Raise PreconditionRequired or StaleVersion unless ``expected`` (of If-Match) lets ``current`` be replaced."""
    if expected is None and current is not None:
        raise PreconditionRequired("Send If-Match with the ETag you read, so that no change is lost.")
    if expected is not None and expected != current:
        raise StaleVersion("Read it again, then repeat your change.")


async def record_change(store: Store, record: R, current: Recorded[R] | None, at: datetime) -> Change[R]:
    """Keep ``record`` in place of ``current`` and publish it; a record that says the same stays as it is.

    ``current`` must be locked (``Store.find(..., lock=True)``). Raise StaleVersion when someone created it meanwhile.
    """
    if current is not None and current.record == record:
        return Change(current, created=False, changed=False)
    version = current.version + 1 if current else 1
    if not await store.put(record, version):
        raise StaleVersion("Someone registered it at the same moment; read it, then repeat your change.")
    await publish(store, [(record, version)], at)
    return Change(Recorded(record, version), created=current is None, changed=True)


async def publish(store: Store, changes: Sequence[tuple[Record, int]], at: datetime) -> None:
    """Publish the event of each changed record."""
    events = [event_for(record, version) for record, version in changes]
    await store.publish([event for event in events if event is not None], at)


def by_key(records: Sequence[R]) -> dict[str, R]:
    """Return ``records`` by their keys; the last of equal keys wins."""
    return {key_of(record): record for record in records}
