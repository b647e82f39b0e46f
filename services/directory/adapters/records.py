"""What the directory tells of its records to whoever rebuilds a projection of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.directory.adapters.postgres import PostgresStore
from services.directory.domain.identities import PatientMerge
from services.directory.domain.interpreters import Interpreter
from services.directory.domain.records import Clinician, Facility, Patient, Proxy, VisitType, key_of
from services.directory.usecases.recording import event_for
from services.kernel.database import Connection
from services.kernel.outbox import Publishable
from services.kernel.records import Fetch


def _of(kind: type[Any]) -> Fetch:
    async def fetch(connection: Connection, after: str, limit: int) -> Sequence[tuple[str, Publishable]]:
        found = await PostgresStore(connection).page(kind, after, limit)
        told = [(key_of(one.record), event_for(one.record, one.version)) for one in found]
        return [(key, event) for key, event in told if event is not None]

    return fetch


KINDS: Mapping[str, Fetch] = {
    "facility": _of(Facility),
    "clinician": _of(Clinician),
    "visit-type": _of(VisitType),
    "interpreter": _of(Interpreter),
    "patient": _of(Patient),
    "patient-merge": _of(PatientMerge),
    "proxy": _of(Proxy),
}
