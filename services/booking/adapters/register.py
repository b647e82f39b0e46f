"""The register in PostgreSQL: where a race for a slot is settled.

First a look that writes nothing, which most losers get no further than; then one transaction with state, history,
claims, the stored answer, events and audit. Looks, and creations that nothing stands in the way of, go together with
those of other requests (``batching``); every other command has a transaction of its own, in its turn.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import asyncpg

from services.booking.adapters import statements
from services.booking.adapters.batching import Batches
from services.booking.adapters.creating import Creation, Creator, create, creation_of
from services.booking.adapters.disrupted import settle_visit
from services.booking.adapters.freed import change_freed, keep_back, locked_expired, locked_expired_among, tell_freed
from services.booking.adapters.looking import Looker
from services.booking.adapters.rows import appointment_of, appointment_row, history_row
from services.booking.adapters.session_places import close_empty, open_session, take_places
from services.booking.adapters.turns import Turns
from services.booking.domain.appointment import Change, expire
from services.booking.domain.claims import Claim, SlotTaken, claims_of
from services.booking.domain.freed import FreedState, end
from services.booking.ports import (
    Answer,
    Decide,
    DecideTogether,
    Look,
    Question,
    Replay,
    Submission,
    Together,
    Writing,
)
from services.contracts.events.booking import AppointmentEvent
from services.kernel.actor import system_actor
from services.kernel.aliases import Aliases
from services.kernel.audit import AuditEntry
from services.kernel.database import Connection, Database
from services.kernel.errors import Unavailable
from services.kernel.ids import new_id
from services.kernel.outbox import append_audit, append_events
from services.kernel.telemetry import correlation_id

# Each lost attempt means that somebody else's commit changed what we saw; eight lanes explain eight.
LOOKS = 12
CROWDED = "Too many people want the same thing; try again."
BUSY = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)


class _LookAgain(Exception):
    """Someone was faster; raised to roll the transaction back."""


class PostgresRegister:
    """Implements ``ports.Register``."""

    def __init__(self, database: Database, turns: Turns, aliases: Aliases | None = None) -> None:
        self._database = database
        self._turns = turns
        looker, creator = Looker(database, aliases or Aliases()), Creator(database)
        self._looks = Batches(looker.together, looker.alone)
        self._creations = Batches(creator.together, self._alone(creator))

    def _alone(self, creator: Creator) -> Callable[[Creation], Awaitable[bool]]:
        async def in_turn(creation: Creation) -> bool:
            async with self._turns.turn():
                return await creator.alone(creation)

        return in_turn

    async def look(self, question: Question) -> Look:
        """See ``ports.Register``: no transaction of its own, no lock."""
        return await self._looks.do(question)

    async def carry_out(self, question: Question, decide: Decide) -> Answer:
        """See ``ports.Register``. Who only looks and creates shares both with others and needs no turn."""

        async def attempt() -> Answer | None:
            look = await self.look(question)
            verdict = decide(look)
            if isinstance(verdict, Replay):
                async with self._turns.turn():
                    return await self._replay(verdict)
            if not await self._has_places(question, look):
                return None
            if not _only_creates(verdict):
                async with self._turns.turn():
                    return verdict.answer if await self._commit(question, verdict) else None
            assert question.submission is not None, "a command comes with a submission"
            creation = creation_of(question.submission, verdict, question.now)
            return verdict.answer if await self._creations.do(creation) else None

        return await self._settle(attempt, a_place_is_wanted=question.offer is not None)

    async def carry_out_together(
        self, submission: Submission, questions: Sequence[Question], decide: DecideTogether
    ) -> Answer:
        """See ``ports.Register``."""

        async def attempt() -> Answer | None:
            async with self._turns.turn():
                verdict = decide([await self.look(question) for question in questions])
                if isinstance(verdict, Replay):
                    return await self._replay(verdict)
                return verdict.answer if await self._commit_together(submission, questions, verdict) else None

        return await self._settle(attempt, a_place_is_wanted=questions[0].offer is not None)

    async def _settle(self, attempt: Callable[[], Awaitable[Answer | None]], *, a_place_is_wanted: bool) -> Answer:
        try:
            for _ in range(LOOKS):
                if (answer := await attempt()) is not None:
                    return answer
        except BUSY as error:
            raise Unavailable(CROWDED, retry_after=1) from error
        if a_place_is_wanted:
            raise SlotTaken
        raise Unavailable(CROWDED, retry_after=1)

    async def _has_places(self, question: Question, look: Look) -> bool:
        """Open the session that is wanted, unless it stands as offered; False when it was closed meanwhile."""
        offer = question.offer
        if offer is None or not offer.capacity or (look.session_open and look.session_room):
            return True
        return await open_session(self._database, offer, question.now)

    async def _replay(self, verdict: Replay) -> Answer:
        async with self._database.transaction() as connection:
            await append_audit(connection, [verdict.audit])
        return verdict.answer

    async def end_expired(self, now: datetime, limit: int) -> int:
        """See ``ports.Register``. Holds that someone is working on are left to them."""

        async def work(connection: Connection) -> int:
            rows = await connection.fetch(statements.EXPIRED, now, limit)
            await _end(connection, [expire(appointment_of(row), now) for row in rows], now)
            return len(rows)

        return await self._database.run(work)

    async def end_freed(self, now: datetime, limit: int) -> int:
        """See ``ports.Register``."""

        async def work(connection: Connection) -> int:
            expired = await locked_expired(connection, now, limit)
            for freed in expired:
                await change_freed(connection, end(freed, FreedState.EXPIRED, now))
            return len(expired)

        return await self._database.run(work)

    async def _commit(self, question: Question, writing: Writing) -> bool:
        """Write everything of ``writing`` in one transaction; False (and nothing written) when someone was faster."""
        return await self._write(partial(_write_one, question=question, writing=writing))

    async def _commit_together(self, submission: Submission, questions: Sequence[Question], all_: Together) -> bool:
        answer = all_.answer

        async def work(connection: Connection) -> None:
            kept = await connection.fetchval(
                statements.ANSWER, submission.subject, submission.key, submission.fingerprint, answer.status,
                dict(answer.body), answer.etag, all_.about, questions[0].now,
            )  # fmt: skip
            _require(bool(kept), True)
            for n, (question, writing) in enumerate(zip(questions, all_.writings, strict=True)):
                if writing is not None:
                    # No client can send a key with a space in it.
                    own = replace(question, submission=replace(submission, key=f"{submission.key} {n}"))
                    await _write_one(connection, own, writing)

        return await self._write(work)

    async def _write(self, work: Callable[[Connection], Awaitable[None]]) -> bool:
        try:
            await self._database.run(work)
        except _LookAgain:
            return False
        return True


def _only_creates(writing: Writing) -> bool:
    return writing.change.before is None and not (writing.expired or writing.emptied) and writing.takes is None


async def _write_one(connection: Connection, question: Question, writing: Writing) -> None:
    """Write one decision in the transaction of ``connection``; raise _LookAgain when someone was faster."""
    submission = question.submission
    assert submission is not None, "a command comes with a submission"
    change = writing.change
    if writing.expired:
        rows = await connection.fetch(statements.EXPIRED_AMONG, list(writing.expired), question.now)
        await _end(connection, [expire(appointment_of(row), question.now) for row in rows], question.now)
        for freed in await locked_expired_among(connection, list(writing.expired), question.now):
            await change_freed(connection, end(freed, FreedState.EXPIRED, question.now))
    if writing.emptied:
        _require(await close_empty(connection, writing.emptied), True)
    if writing.takes is not None:
        _require(await change_freed(connection, writing.takes), True)
    if change.before is None:
        _require(not await create(connection, [creation_of(submission, writing, question.now)]), True)
        return
    event = await _change(connection, submission, writing, question.now)
    # Told before what freed it, so that no reader sees the place open in between.
    if writing.leaves is not None:
        _require(await keep_back(connection, writing.leaves), True)
        await tell_freed(connection, writing.leaves)
    await append_events(connection, [event], question.now)
    await append_audit(connection, writing.audit)


async def _change(connection: Connection, submission: Submission, writing: Writing, now: datetime) -> AppointmentEvent:
    """Write the next version of an appointment that stands; return the event to be told."""
    change, answer = writing.change, writing.answer
    history, event = history_row(change, writing.audit[0])
    done = await connection.fetchval(
        statements.CHANGE, submission.subject, submission.key, submission.fingerprint, answer.status,
        dict(answer.body), answer.etag, change.after.id, now, appointment_row(change.after), history,
        change.frees_place,
    )  # fmt: skip
    _require(done, 1)
    if change.takes_place:
        place = change.after.place
        claims = claims_of(change.after.patient_id, place.resources)
        taken = await connection.fetchval(
            statements.CLAIM, change.after.id, place.starts_at, place.ends_at, *_columns(claims)
        )
        _require(taken, len(claims))
        if place.session is not None:
            _require(not await take_places(connection, [(change.after.id, place.session)]), True)
    # In the same transaction: who moved or cancelled by whatever way needs no call any more.
    await settle_visit(connection, change, now)
    return event


async def _end(connection: Connection, changes: Sequence[Change], now: datetime) -> None:
    """Write the ends of expired holds whose rows this transaction has locked."""
    if not changes:
        return
    entries = [_by_system(change, now) for change in changes]
    told = [history_row(change, entry) for change, entry in zip(changes, entries, strict=True)]
    await connection.execute(
        statements.END, [appointment_row(change.after) for change in changes], [row for row, _ in told]
    )
    await append_events(connection, [event for _, event in told], now)
    await append_audit(connection, entries)


def _by_system(change: Change, now: datetime) -> AuditEntry:
    actor = system_actor("booking")
    return AuditEntry(
        id=new_id(), at=now, service="booking", action="expire-hold", outcome="allowed", subject=actor.subject,
        roles=tuple(actor.roles), person="", resource_type="Appointment", resource_id=str(change.after.id),
        about=change.after.patient_id, reason="", policies=(), correlation_id=correlation_id(),
    )  # fmt: skip


def _columns(claims: Sequence[Claim]) -> tuple[list[str], list[str], list[int], list[int]]:
    return (
        [claim.kind for claim in claims],
        [claim.resource_id for claim in claims],
        [claim.lane for claim in claims],
        [claim.key for claim in claims],
    )


def _require(done: int, wanted: int) -> None:
    if done != wanted:
        raise _LookAgain
