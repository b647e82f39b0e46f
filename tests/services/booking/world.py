"""A booking service over real PostgreSQL in this process: the clock stands still, offers are signed on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI

from services.booking.adapters.projections import PostgresProjections
from services.booking.adapters.register import PostgresRegister
from services.booking.api.parts import Booking
from services.booking.consumers import on_directory
from services.booking.domain.disruption import Candidate
from services.booking.main import Upkeep, assemble, create
from services.booking.ports import OpenSlot, OpenSlots, Question, Wanted
from services.booking.settings import Settings
from services.contracts.events import EVENTS
from services.contracts.slot_offer import OfferedResource, SigningKey, SlotOffer, slot_id
from services.kernel.actor import Actor
from services.kernel.aliases import Aliases
from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.kernel.errors import Unavailable
from services.kernel.outbox import Envelope
from tests.fixtures.edge import client_of, edge_of
from tests.fixtures.glass import glass_jwks, glass_keys

NOW = datetime(2027, 1, 4, 12, 0, tzinfo=UTC)
START = datetime(2027, 1, 4, 15, 0, tzinfo=UTC)
ZONE = "America/New_York"

ACTORS = {
    "frontdesk": Actor("sub-frontdesk", frozenset({"front-desk"}), facilities=frozenset({"fac-0001"})),
    "elsewhere": Actor("sub-elsewhere", frozenset({"front-desk"}), facilities=frozenset({"fac-0002"})),
    "callcenter": Actor("sub-callcenter", frozenset({"scheduler"}), facilities=frozenset({"*"})),
    "maria": Actor("sub-maria", frozenset({"patient"}), person="pat-000001"),
    "jo": Actor("sub-jo", frozenset({"proxy"}), person="pat-000900"),
    "doctor": Actor("sub-doctor", frozenset({"clinician"}), person="cln-00001", facilities=frozenset({"fac-0001"})),
    "auditor": Actor("sub-auditor", frozenset({"auditor"}), facilities=frozenset({"*"})),
    "system": Actor("sub-system", frozenset({"facility-administrator"}), facilities=frozenset({"*"})),
    "admin": Actor("sub-admin", frozenset({"facility-administrator"}), facilities=frozenset({"fac-0001"})),
    "root": Actor("sub-root", frozenset({"facility-administrator"}), facilities=frozenset({"*"})),
    "waitlist": Actor("waitlist", frozenset({"external-app"}), scopes=frozenset({"careslot/waitlist.offer"})),
    "feed": Actor("sub-feed", frozenset({"external-app"}), scopes=frozenset({"careslot/changes.read"})),
}


@cache
def signing_key() -> SigningKey:
    """Return a key like availability's."""
    private = Ed25519PrivateKey.generate()
    return SigningKey("k1", private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@cache
def waitlist_key() -> SigningKey:
    """Return a key like waitlist's."""
    private = Ed25519PrivateKey.generate()
    return SigningKey("w1", private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@cache
def key_set() -> str:
    """Return the public halves as a JSON Web Key Set."""
    keys = []
    for signing, owner in ((signing_key(), "careslot.availability"), (waitlist_key(), "careslot.waitlist")):
        key = jwt.algorithms.OKPAlgorithm().prepare_key(signing.pem)
        public = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)  # type: ignore[union-attr]  # a private key has one
        keys.append({**public, "kid": signing.key_id, "alg": "EdDSA", "use": "sig", "iss": owner})
    return json.dumps({"keys": keys})


def offer(
    start: datetime = START,
    *,
    minutes: int = 20,
    clinician: str = "cln-00001",
    facility: str = "fac-0001",
    room: str | None = None,
    depth: int = 1,
    room_depth: int | None = None,
    interpreter: str = "",
    capacity: int = 0,
    version: int = 1,
) -> SlotOffer:
    """Return an offer of a clinician and a room (by default the clinician's own), and of an interpreter if named."""
    resources = [
        OfferedResource(kind="clinician", id=clinician, depth=depth),
        OfferedResource(kind="room", id=room or f"room-{clinician}", depth=room_depth or depth),
    ]
    if interpreter:
        resources.append(OfferedResource(kind="interpreter", id=interpreter))
    return SlotOffer(
        slot_id=slot_id(clinician, facility, "family-medicine-follow-up", start, minutes), clinician_id=clinician,
        facility_id=facility, specialty="family-medicine", visit_type="family-medicine-follow-up", starts_at=start,
        ends_at=start + timedelta(minutes=minutes), timezone=ZONE, resources=tuple(resources), schedule_version=version,
        capacity=capacity,
    )  # fmt: skip


class FakeSlots:
    """Availability as a list; counts how often it is asked, and can be out."""

    def __init__(self) -> None:
        self.slots: list[SlotOffer] = []
        self.asked = 0
        self.out = False
        self.authorizations: set[str] = set()

    async def near(self, lost: SlotOffer, now: datetime, authorization: str) -> Sequence[OpenSlot]:
        """Return every slot it has."""
        self.asked += 1
        self.authorizations.add(authorization)
        await asyncio.sleep(0)
        if self.out:
            raise Unavailable("availability does not answer.")
        return [OpenSlot(slot, {"slot": slot.model_dump(mode="json"), "offer": "x.y.z"}) for slot in self.slots]


class FakeReplacements:
    """Availability as booking itself asks it: every slot it has, signed when asked, unless it is out."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self.slots: list[SlotOffer] = []
        self.asked: list[Wanted] = []
        self.out = False

    async def like(self, wanted: Wanted) -> Sequence[Candidate]:
        """Return the slots that begin in time."""
        self.asked.append(wanted)
        if self.out:
            raise Unavailable("availability does not answer.")
        fitting = [slot for slot in self.slots if wanted.since <= slot.starts_at < wanted.until]
        return [Candidate(slot, self._item(slot)) for slot in fitting]

    def _item(self, slot: SlotOffer) -> dict[str, Any]:
        token = signing_key().sign(slot, self._clock.now())
        names = {"facility_name": slot.facility_id, "clinician_name": slot.clinician_id, "distance_km": None}
        return {"slot": slot.model_dump(mode="json"), "offer": token, **names}


@dataclass
class World:
    """Everything a test works with."""

    dsn: str
    database: Database
    app: FastAPI
    parts: Booking
    due: Upkeep
    register: PostgresRegister
    clock: FixedClock
    slots: OpenSlots
    replacements: FakeReplacements
    settings: Settings
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    def client(self, who: str) -> httpx.AsyncClient:
        """Return the client of an actor."""
        return self.clients.setdefault(who, client_of(self.app, who))

    def token(self, slot: SlotOffer) -> str:
        """Sign an offer now."""
        return signing_key().sign(slot, self.clock.now())

    async def post(
        self, path: str, body: dict[str, Any] | None = None, *, who: str = "frontdesk", key: str | None = None,
        version: int | str | None = None,
    ) -> httpx.Response:  # fmt: skip
        """Send a command; a fresh idempotency key unless given, If-Match when `version` is given."""
        headers = {"idempotency-key": key or str(uuid4())}
        if version is not None:
            headers["if-match"] = f'"{version}"'
        # Escaped by hand: httpx cannot send what is not Unicode, and some tests want exactly that.
        content = None if body is None else json.dumps(body)
        return await self.client(who).post(
            path, content=content, headers={**headers, "content-type": "application/json"}
        )

    async def book(self, slot: SlotOffer, patient: str = "pat-000001", **how: Any) -> httpx.Response:
        """Book directly."""
        return await self.post("/appointments", {"offer": self.token(slot), "patient_id": patient}, **how)

    async def hold(self, slot: SlotOffer, patient: str = "pat-000001", **how: Any) -> httpx.Response:
        """Hold."""
        return await self.post("/holds", {"offer": self.token(slot), "patient_id": patient}, **how)

    async def move(self, appointment: dict[str, Any], slot: SlotOffer, **how: Any) -> httpx.Response:
        """Move to `slot`, as the version given in `appointment`."""
        how.setdefault("version", appointment["version"])
        return await self.post(f"/appointments/{appointment['id']}/move", {"offer": self.token(slot)}, **how)

    async def do(
        self, appointment: dict[str, Any], action: str, body: dict[str, Any] | None = None, **how: Any
    ) -> httpx.Response:
        """Carry out another command."""
        how.setdefault("version", appointment["version"])
        return await self.post(f"/appointments/{appointment['id']}/{action}", body, **how)

    async def rows(self, query: str, *values: Any) -> list[asyncpg.Record]:
        """Ask the database."""
        async with self.database.connection() as connection:
            return list(await connection.fetch(query, *values))

    async def value(self, query: str, *values: Any) -> Any:
        """Ask the database for one value."""
        return next(iter((await self.rows(query, *values))[0].values()))

    async def warm(self) -> None:
        """Open every connection and prepare the look on it, so that racers start together, not one ahead."""
        everywhere = range(self.settings.database_pool)
        await asyncio.gather(*(self.rows("SELECT pg_sleep(0.05)") for _ in everywhere))
        for _ in range(2):
            await asyncio.gather(*(self.register.look(Question(NOW)) for _ in everywhere))

    async def tell_directory(self, type_: str, **data: Any) -> None:
        """Take an event of the directory as from the bus, on top of its example."""
        event = EVENTS[type_]
        content = event.model_validate({**event.EXAMPLE, **data}).model_dump(mode="json")
        async with self.database.transaction() as connection:
            envelope = Envelope(uuid4(), type_, "directory", self.clock.now(), "", content)
            await on_directory(envelope, PostgresProjections(connection))

    async def events(self) -> list[str]:
        """Return the types of the events in the outbox, oldest first."""
        return [row["type"] for row in await self.rows("SELECT type FROM outbox WHERE channel = 'bus' ORDER BY id")]


def settings_for(dsn: str, **more: Any) -> Settings:
    """Return settings over a test database."""
    return Settings(
        database_url=dsn, token_issuer="", token_audiences="", token_jwks_url="",
        access_policies=Path("policies/access"), offer_keys=key_set(),
        break_glass_keys=json.dumps(glass_jwks()), **more,
    )  # fmt: skip


@asynccontextmanager
async def world_over(
    dsn: str,
    slots: OpenSlots | None = None,
    kind: type[Database] = Database,
    aliases: Aliases | None = None,
    **more: Any,
) -> AsyncIterator[World]:
    """Start booking over a database, without relay, queues or sweeper."""
    settings = settings_for(dsn, **more)
    clock = FixedClock(NOW)
    database = kind(dsn, application="booking-test", max_size=settings.database_pool)
    await database.open()
    app = create()
    slots = slots or FakeSlots()
    replacements = FakeReplacements(clock)
    parts, due = assemble(database, clock, slots, replacements, settings, aliases)
    assert isinstance(due.register, PostgresRegister)
    app.state.edge, app.state.booking = edge_of("booking", database, ACTORS, clock, glass_keys()), parts
    world = World(dsn, database, app, parts, due, due.register, clock, slots, replacements, settings)
    try:
        yield world
    finally:
        for client in world.clients.values():
            await client.aclose()
        await database.close()
