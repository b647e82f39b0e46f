"""Booking and its model side by side: sending what a client sends, session cuts included, and comparing every table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

import httpx
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from services.booking.adapters.projections import PostgresProjections
from services.contracts.events import EVENTS
from services.contracts.slot_offer import SlotOffer
from services.kernel.aliases import Aliases
from services.kernel.database import Database
from services.kernel.errors import Unavailable
from services.kernel.inbox import take_once
from services.kernel.outbox import Envelope
from tests.fixtures.platform import NewDatabase
from tests.services.booking.catching_up import assert_catches_up
from tests.services.booking.faulty import AFTER_COMMIT, Fault, FaultyDatabase
from tests.services.booking.invariants import assert_sound
from tests.services.booking.model import Freed, Mark, Model, Visit, resources
from tests.services.booking.world import NOW, World, world_over

T = TypeVar("T")
VISITS = """
SELECT id::text, patient_id, slot_id, schedule_version, status, version, hold_expires_at, reason FROM appointment
"""
CLAIMS = """
SELECT kind, resource_id, lane, lower(period) AS starts_at, upper(period) AS ends_at,
    coalesce(appointment_id::text, freed_id::text, session_id) AS holder, expires_at FROM claim
"""
SESSIONS = "SELECT id, clinician_id, starts_at, ends_at FROM capacity_session"
PLACES = "SELECT session_id, unit, appointment_id::text FROM session_place"


@dataclass(frozen=True, slots=True)
class Command:
    """A request as a client keeps it, to send it again word for word."""

    path: str
    body: dict[str, Any] | None
    version: int | None = None
    key: str = ""


class BesideModel(RuleBasedStateMachine):
    """Booking over real PostgreSQL beside its model, and how to ask both."""

    databases: NewDatabase  # set by whoever runs the machine
    compared = 0

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.availability: Database | None = None
        self.stack = AsyncExitStack()
        self.answered: list[tuple[Command, httpx.Response]] = []
        self.told: list[tuple[str, Callable[..., Awaitable[None]], Envelope]] = []

    @initialize()
    def start(self) -> None:
        self.aliases = Aliases()
        context = world_over(type(self).databases("booking"), kind=FaultyDatabase, aliases=self.aliases)
        self.world: World = self.run(self.stack.enter_async_context(context))
        self.database = cast("FaultyDatabase", self.world.database)
        self.model = Model(NOW)

    async def catch_up(self, seed: int) -> None:
        """Let availability catch up with what was told, and compare."""
        if self.availability is None:
            self.availability = Database(type(self).databases("availability"), application="test", max_size=2)
            await self.availability.open()
            self.stack.push_async_callback(self.availability.close)
        await assert_catches_up(self.world, self.availability, seed)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.runner.run(awaited())

    # ---- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def tables_are_the_model(self) -> None:
        self.run(self.compare())
        type(self).compared += 1

    async def compare(self) -> None:
        world, model = self.world, self.model
        assert self.database.fault is None
        assert {tuple(row) for row in await world.rows(VISITS)} == {
            (
                one.id, one.patient, one.slot.slot_id, one.slot.schedule_version, one.status, one.version,
                one.expires, one.reason,
            )
            for one in model.visits.values()
        }  # fmt: skip
        assert sorted(map(tuple, await world.rows(CLAIMS)), key=str) == sorted(
            ((*one.mark, one.starts_at, one.ends_at, one.holder, one.expires) for one in model.standing()), key=str
        )
        assert {tuple(row) for row in await world.rows(SESSIONS)} == {
            (one.id, one.clinician, one.starts_at, one.ends_at) for one in model.sessions.values()
        }
        assert sorted(tuple(row) for row in await world.rows(PLACES)) == sorted(model.places()), "given twice, or lost"
        kept = await world.rows("SELECT id::text, state, version, open_until FROM freed_slot")
        assert {tuple(row) for row in kept} == {(f.id, f.state, f.version, f.until) for f in model.freed.values()}
        await assert_sound(world)
        assert await world.value("SELECT count(*) FROM freed_history") == sum(f.version for f in model.freed.values())
        assert await world.value("SELECT count(*) FROM outbox WHERE channel = 'audit'") == model.audits

    # ---- in between ----------------------------------------------------------------------------------------------

    def pick(self, n: int) -> Visit:
        return list(self.model.visits.values())[n % len(self.model.visits)]

    def post(self, command: Command) -> Awaitable[httpx.Response]:
        return self.world.post(command.path, command.body, key=command.key, version=command.version)

    def send(
        self, command: Command, status: int, expected: str, fault: Fault | None, opens: bool = False
    ) -> httpx.Response:
        """Send it, again with the same key when the session was cut; what comes of it must be what is expected."""
        answer, done_before = self.asked_again(fault, lambda: self.post(command))
        # What was committed before the session was cut is told once more, which is a touch of its own. Where places had
        # to be made first, that was the commit: the command itself is still to do.
        self.model.audits += done_before and not opens
        assert answer.status_code == status, (answer.status_code, answer.text, status, expected)
        if expected:
            assert slug(answer) == expected
        elif status < 300:
            self.answered.append((command, answer))
        return answer

    def asked_again(
        self, fault: Fault | None, ask: Callable[[], Awaitable[httpx.Response]]
    ) -> tuple[httpx.Response, bool]:
        """Return the answer, the second one if the session was cut; and whether it was cut after the commit."""
        struck, self.database.fault = self.database.struck, fault
        answer = self.run(ask())
        cut, self.database.fault = self.database.struck > struck, None
        if not cut and answer.status_code != 503:
            return answer, False
        # Cut off, or out of time on a machine that is busy otherwise: a client asks again.
        assert answer.status_code == 503, answer.text
        return self.run(ask()), cut and fault == AFTER_COMMIT

    def despite(self, fault: Fault | None, work: Callable[[], Awaitable[object]]) -> None:
        """Do what repeats itself until it is done."""
        self.database.fault = fault
        try:
            self.run(work())
        except Unavailable:
            self.run(work())
        finally:
            self.database.fault = None

    def release(self, freed: Freed, status: int, fault: Fault | None) -> None:
        """Give a freed slot back; what is found done is no further touch."""
        answer, _ = self.asked_again(fault, lambda: self.world.post(f"/freed-slots/{freed.id}/release", who="waitlist"))
        assert answer.status_code == status, answer.text

    def extend(self, freed: Freed, until: datetime, against: str, fault: Fault | None) -> None:
        """Keep a freed slot longer; what is found done is no further touch."""
        body = {"extensions": [{"freed_id": freed.id, "until": until.isoformat()}]}
        answer, _ = self.asked_again(fault, lambda: self.world.post("/freed-slots/extend", body, who="waitlist"))
        assert answer.status_code == 200, answer.text
        assert answer.json()["extensions"] == [{"freed_id": freed.id, "kept": not against, "reason": against}]

    def tell(self, type_: str, handler: Callable[..., Awaitable[None]], fault: Fault | None, **data: Any) -> None:
        event = EVENTS[type_].model_validate({**EVENTS[type_].EXAMPLE, **data})
        envelope = Envelope(uuid4(), type_, event.source, self.model.now, "", dict(event.payload()))
        self.despite(fault, lambda: take_once(self.database, type_, envelope, handler, PostgresProjections))
        self.told.append((type_, handler, envelope))

    def took(self, answer: httpx.Response, slot: SlotOffer) -> None:
        body = answer.json()
        expires = body["hold_expires_at"] and datetime.fromisoformat(body["hold_expires_at"])
        self.model.open(slot)
        marks, unit = self.marks(body["id"]), self.unit(body["id"])
        self.model.take(Visit(body["id"], body["patient_id"], slot, marks, body["status"], 1, expires, unit=unit))
        self.model.audits += 1

    def gave_up(self, before: Visit, moved_to: Visit | None = None) -> None:
        until = self.model.keeps_back(before, moved_to)
        query = "SELECT id::text FROM freed_slot WHERE NOT id::text = ANY($1)"
        new = [row["id"] for row in self.run(self.world.rows(query, list(self.model.freed)))]
        assert len(new) == (until is not None), "a freed slot is kept where somebody waits, and nowhere else"
        for id_ in new:
            assert until is not None
            self.model.freed[id_] = Freed(id_, before.slot, resources(before.marks), until)

    def marks(self, id_: str) -> frozenset[Mark]:
        query = "SELECT kind, resource_id, lane FROM claim WHERE appointment_id = $1"
        return frozenset((row[0], row[1], row[2]) for row in self.run(self.world.rows(query, UUID(id_))))

    def unit(self, id_: str) -> int:
        """Return which place of its session the visit has, 0 for none."""
        rows = self.run(self.world.rows("SELECT unit FROM session_place WHERE appointment_id = $1", UUID(id_)))
        return rows[0][0] if rows else 0


def slug(answer: httpx.Response) -> str:
    """Return the name of a refusal."""
    return str(answer.json()["type"]).rpartition(":")[2]
