"""Looking before writing: what stands where a command wants to go, for many commands in one statement."""

from collections.abc import Sequence

from services.booking.adapters import statements
from services.booking.adapters.freed import freed_of
from services.booking.adapters.rows import Row, appointment_of
from services.booking.domain.claims import PATIENT_LANES, Taken, keys_to_look_at, room_of
from services.booking.ports import Answer, Look, Question, Stored
from services.contracts.security_labels import SecurityLabel
from services.kernel.aliases import Aliases
from services.kernel.database import Database


class Looker:
    """Answers questions without writing, waiting or locking."""

    def __init__(self, database: Database, aliases: Aliases) -> None:
        self._database = database
        self._aliases = aliases

    async def together(self, questions: Sequence[Question]) -> Sequence[Look]:
        """Return a look for each question, all of them of one moment."""
        spots = [
            (n, key, question.offer.starts_at, question.offer.ends_at)
            for n, question in enumerate(questions, 1)
            if question.offer is not None
            for key in self._keys(question)
        ]
        submissions = [question.submission for question in questions]
        offers = [question.offer for question in questions]
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                statements.LOOK,
                [submission and submission.subject for submission in submissions],
                [submission and submission.key for submission in submissions],
                [question.appointment_id for question in questions],
                [question.patient_id for question in questions],
                [question.now for question in questions],
                [offer and offer.clinician_id for offer in offers],
                [offer and offer.facility_id for offer in offers],
                [offer and offer.starts_at for offer in offers],
                [offer and offer.ends_at for offer in offers],
                [question.freed_id for question in questions],
                [offer and offer.visit_type for offer in offers],
                [offer.slot_id if offer and offer.capacity else None for offer in offers],
                [offer and offer.capacity for offer in offers],
                [room_of(offer) if offer and offer.capacity else None for offer in offers],
                *([spot[column] for spot in spots] for column in range(4)),
            )
        return [_look_of(row) for row in rows]

    async def alone(self, question: Question) -> Look:
        """Return a look for one question."""
        [look] = await self.together([question])
        return look

    def _keys(self, question: Question) -> Sequence[int]:
        if question.patient_id is None or question.offer is None:
            return ()
        lanes = PATIENT_LANES if self._aliases.stands_for_others(question.patient_id) else 1
        return keys_to_look_at(question.patient_id, question.offer, lanes)


def _look_of(row: Row) -> Look:
    stored = None
    if row["stored_hash"] is not None:
        answer = Answer(row["stored_status"], row["stored_body"], row["stored_etag"])
        stored = Stored(row["stored_hash"], answer)
    columns = (row[name] or () for name in ("keys", "holders", "expiries", "empties"))
    found = zip(*columns, strict=True)
    return Look(
        stored=stored,
        appointment=appointment_of(row) if row["id"] is not None else None,
        proxies=frozenset(row["proxies"]),
        confidants=frozenset(row["confidants"]),
        label=SecurityLabel(row["wanted_label"]),
        patient_active=row["patient_active"],
        blocked=row["blocked"],
        taken=tuple(Taken(*claim) for claim in found),
        freed=freed_of(row["freed"]) if row["freed"] is not None else None,
        waiting=row["waiting"],
        late_hours=row["late_hours"],
        session_open=row["session_open"],
        session_room=row["session_room"],
        session_free=row["session_free"],
    )
