"""Creating appointments and holds: everything that must commit together, for many requests in one statement.

Who is slower than somebody in another process is taken out and the others are written without them; who is slower than
somebody in the same batch is not even tried. Both look again, and write nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from services.booking.adapters import statements
from services.booking.adapters.rows import appointment_row, history_row
from services.booking.adapters.session_places import take_places
from services.booking.domain.appointment import Occupied
from services.booking.domain.claims import Claim, claims_of
from services.booking.ports import Submission, Writing
from services.kernel.database import Connection, Database
from services.kernel.outbox import audit_row, bus_row

# Others wait with who waits in a batch.
SHORT_PATIENCE, PATIENCE = "250ms", "5s"
# A rival each time is more than looking explains; then each goes by itself.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Creation:
    """One appointment or hold to be made, its rows as JSON: made in the request's own context, which they tell of."""

    id: UUID
    submission: Submission
    starts_at: datetime
    ends_at: datetime
    claims: tuple[Claim, ...]
    session: Occupied | None
    answer: str
    state: str
    history: str
    messages: str


class TooManyRivals(Exception):
    """Each attempt at a batch met somebody faster."""


class _Slower(Exception):
    """Raised to roll the transaction back; ``ids`` are of those who were slower."""

    def __init__(self, ids: frozenset[UUID]) -> None:
        super().__init__()
        self.ids = ids


def creation_of(submission: Submission, writing: Writing, now: datetime) -> Creation:
    """Return the rows of a decision that makes an appointment."""
    after, answer = writing.change.after, writing.answer
    history, event = history_row(writing.change, writing.audit[0])
    kept = {
        "actor": submission.subject, "key": submission.key, "request_hash": f"\\x{submission.fingerprint.hex()}",
        "status": answer.status, "body": dict(answer.body), "etag": answer.etag, "appointment_id": str(after.id),
        "created_at": now.isoformat(),
    }  # fmt: skip
    messages = [bus_row(event, now), *(audit_row(entry) for entry in writing.audit)]
    return Creation(
        after.id, submission, after.place.starts_at, after.place.ends_at,
        claims_of(after.patient_id, after.place.resources), after.place.session, _text(kept),
        _text(appointment_row(after)), _text(history),
        ",".join(map(_text, messages)),
    )  # fmt: skip


async def create(connection: Connection, creations: Sequence[Creation], patience: str = PATIENCE) -> frozenset[UUID]:
    """Write ``creations`` in the transaction of ``connection``; return the ids of those somebody was faster than.

    If there are any, the transaction must be rolled back: part of them is written.
    """
    claims = [(creation.id, claim) for creation in creations for claim in creation.claims]
    rows = await connection.fetch(
        statements.CREATE,
        patience,
        _array(creation.answer for creation in creations),
        _array(creation.state for creation in creations),
        _array(creation.history for creation in creations),
        _array(creation.messages for creation in creations),
        [id_ for id_, _ in claims],
        [claim.kind for _, claim in claims],
        [claim.resource_id for _, claim in claims],
        [claim.lane for _, claim in claims],
        [claim.key for _, claim in claims],
    )
    claimed = {row["appointment_id"]: row["claims"] for row in rows}
    slower = frozenset(creation.id for creation in creations if claimed.get(creation.id, 0) != len(creation.claims))
    # Places are taken last: what others cannot take meanwhile is then short.
    places = [(creation.id, creation.session) for creation in creations if creation.session is not None]
    return slower | await take_places(connection, places) if places and not slower else slower


class Creator:
    """Writes creations, each in a transaction with others or in one of its own; True for those that were written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def together(self, creations: Sequence[Creation]) -> Sequence[bool]:
        """Write what can be written of ``creations``; who lost looks again."""
        lost = _rivals(creations)
        for _ in range(ATTEMPTS):
            wanted = [creation for creation in creations if creation.id not in lost]
            try:
                if wanted:
                    await self._write(wanted, SHORT_PATIENCE)
            except _Slower as slower:
                lost |= slower.ids
            else:
                return [creation.id not in lost for creation in creations]
        raise TooManyRivals

    async def alone(self, creation: Creation) -> bool:
        """Write one creation; False when somebody was faster."""
        try:
            await self._write([creation], PATIENCE)
        except _Slower:
            return False
        return True

    async def _write(self, creations: Sequence[Creation], patience: str) -> None:
        async with self._database.transaction() as connection:
            if slower := await create(connection, creations, patience):
                raise _Slower(slower)


def _rivals(creations: Sequence[Creation]) -> frozenset[UUID]:
    """Return the ids of those who want what somebody before them in the batch wants: a place, or the same answer."""
    answers: set[tuple[str, str]] = set()
    periods: dict[int, list[tuple[datetime, datetime]]] = {}
    lost: set[UUID] = set()
    for creation in creations:
        answer = (creation.submission.subject, creation.submission.key)
        overlaps = any(
            creation.starts_at < ends and starts < creation.ends_at
            for claim in creation.claims
            for starts, ends in periods.get(claim.key, ())
        )
        if answer in answers or overlaps:
            lost.add(creation.id)
            continue
        answers.add(answer)
        for claim in creation.claims:
            periods.setdefault(claim.key, []).append((creation.starts_at, creation.ends_at))
    return frozenset(lost)


def _text(row: dict[str, Any]) -> str:
    return to_json(row).decode()


def _array(rows: Any) -> str:
    return f"[{','.join(rows)}]"
