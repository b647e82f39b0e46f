"""A waitlist service over real PostgreSQL in this process: booking is a fake that keeps slots in a dictionary."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from services.contracts.events import EVENTS
from services.contracts.slot_offer import OfferedResource, SlotOffer, slot_id
from services.kernel.actor import Actor
from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.kernel.errors import Conflict, Unavailable
from services.kernel.outbox import Envelope
from services.waitlist.adapters.store import PostgresStore, unit_of_work
from services.waitlist.consumers import on_directory, on_freed_slot, on_preferences
from services.waitlist.domain.offers import Offer
from services.waitlist.domain.places import Place
from services.waitlist.main import assemble, create
from services.waitlist.ports import UnitOfWork
from services.waitlist.usecases.offering import Offering
from tests.fixtures.edge import client_of, edge_of

NOW = datetime(2027, 1, 4, 15, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=10)
NOTICE = timedelta(hours=2)

ACTORS = {
    "frontdesk": Actor("sub-frontdesk", frozenset({"front-desk"}), facilities=frozenset({"fac-0001"})),
    "elsewhere": Actor("sub-elsewhere", frozenset({"front-desk"}), facilities=frozenset({"fac-0002"})),
    "jo": Actor("sub-jo", frozenset({"proxy"}), person="pat-000900"),
    **{f"p{n}": Actor(f"sub-p{n}", frozenset({"patient"}), person=f"pat-{n:06}") for n in range(1, 6)},
}


def slot(start: datetime = LATER, facility: str = "fac-0001", clinician: str = "cln-00001") -> SlotOffer:
    """Return a slot of twenty minutes."""
    visit_type = "family-medicine-follow-up"
    return SlotOffer(
        slot_id=slot_id(clinician, facility, visit_type, start, 20), clinician_id=clinician, facility_id=facility,
        specialty="family-medicine", visit_type=visit_type, starts_at=start, ends_at=start + timedelta(minutes=20),
        timezone="America/New_York", resources=(OfferedResource(kind="clinician", id=clinician),), schedule_version=1,
    )  # fmt: skip


class FakeBooking:
    """Booking as a dictionary of what is kept until when; counts, and can be out."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self.kept: dict[UUID, datetime] = {}
        self.asked_together: list[int] = []
        self.released: list[UUID] = []
        self.booked: dict[UUID, tuple[str, str]] = {}
        self.out = False
        self.busy = False

    async def extend(self, wanted: Mapping[UUID, datetime]) -> frozenset[UUID]:
        """Keep longer what is kept."""
        await self._asked()
        self.asked_together.append(len(wanted))
        held = {freed_id for freed_id in wanted if self.kept.get(freed_id, self._clock.at) > self._clock.at}
        self.kept |= {freed_id: wanted[freed_id] for freed_id in held}
        return frozenset(held)

    async def release(self, freed_id: UUID) -> None:
        """Keep no longer."""
        await self._asked()
        self.kept.pop(freed_id, None)
        self.released.append(freed_id)

    async def book(self, offer: Offer, token: str, authorization: str) -> str:
        """The first gets it, and gets it again."""
        await self._asked()
        if self.busy:
            raise Conflict("", slug="patient-busy")
        if offer.freed_id not in self.booked:
            if self.kept.get(offer.freed_id, self._clock.at) <= self._clock.at:
                raise Conflict("", slug="freed-slot-gone")
            self.booked[offer.freed_id] = (authorization, str(uuid4()))
        owner, appointment_id = self.booked[offer.freed_id]
        if owner != authorization:
            raise Conflict("", slug="freed-slot-gone")
        return appointment_id

    async def _asked(self) -> None:
        await asyncio.sleep(0)
        if self.out:
            raise Unavailable("booking does not answer.")


class Zips:
    """Knows one ZIP code."""

    def find(self, zip_code: str) -> Place | None:
        """Return where it is."""
        return Place(42.36, -71.06) if zip_code == "02108" else None


@dataclass
class World:
    """Everything a test works with."""

    database: Database
    app: FastAPI
    clock: FixedClock
    booking: FakeBooking
    offering: Offering
    work: UnitOfWork
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def send(self, method: str, path: str, who: str, body: Any = None, key: str = "") -> httpx.Response:
        """Send a request with a fresh idempotency key unless one is given."""
        client = self.clients.setdefault(who, client_of(self.app, who))
        return await client.request(method, path, json=body, headers={"idempotency-key": key or str(uuid4())})

    async def join(self, who: str = "p1", patient: str = "", key: str = "", **wishes: Any) -> httpx.Response:
        """Join the list; a patient for themselves."""
        body = {
            "patient_id": patient or ACTORS[who].person, "specialty": "family-medicine",
            "visit_type": "family-medicine-follow-up", **({} if "near" in wishes else {"facilities": ["fac-0001"]}),
            **wishes,
        }  # fmt: skip
        return await self.send("POST", "/requests", who, body, key)

    async def tell(self, type_: str, at: datetime | None = None, **data: Any) -> None:
        """Take an event as from the bus, on top of its example."""
        event = EVENTS[type_]
        source = type_.partition(".")[0]
        handle = {"directory": on_directory, "notifications": on_preferences, "booking": on_freed_slot}[source]
        content = event.model_validate({**event.EXAMPLE, **data}).model_dump(mode="json")
        envelope = Envelope(uuid4(), type_, source, at or self.clock.at, "", content)
        async with self.database.transaction() as connection:
            await handle(envelope, PostgresStore(connection))

    async def consent(self, patient: str, version: int = 1, *, offers: bool = True) -> None:
        """Let a patient agree to offers."""
        await self.tell("notifications.preferences-changed.v1", patient_id=patient, version=version, offers=offers)

    async def free(self, freed: SlotOffer, freed_id: UUID | None = None, seconds: int = 30) -> UUID:
        """Let booking free a slot and tell it."""
        id_ = freed_id or uuid4()
        until = self.clock.at + timedelta(seconds=seconds)
        self.booking.kept[id_] = until
        data = {**freed.model_dump(mode="json"), "freed_id": str(id_), "version": 1, "lane": 0, "open_until": until}
        await self.tell("booking.slot-freed.v1", **data)
        return id_

    async def rows(self, query: str, *values: Any) -> list[Any]:
        """Ask the database; a list of values where the query has one column."""
        async with self.database.connection() as connection:
            found = await connection.fetch(query, *values)
        return [row[0] if len(row) == 1 else tuple(row) for row in found]

    async def events(self) -> list[str]:
        """Return the types of the events told so far."""
        return await self.rows("SELECT type FROM outbox WHERE channel = 'bus' ORDER BY id")


@asynccontextmanager
async def world_over(dsn: str) -> AsyncIterator[World]:
    """Start waitlist over a database, without relay, queues or rounds; one facility in Boston is known."""
    clock = FixedClock(NOW)
    database = Database(dsn, application="waitlist-test", max_size=10)
    await database.open()
    app = create()
    booking = FakeBooking(clock)
    parts, offering = assemble(database, clock, booking, lambda offer, now: f"token-{offer.id}", Zips(), NOTICE)
    app.state.edge, app.state.waitlist = edge_of("waitlist", database, ACTORS, clock), parts
    world = World(database, app, clock, booking, offering, unit_of_work(database))
    await world.tell("directory.facility-recorded.v1")
    try:
        yield world
    finally:
        for client in world.clients.values():
            await client.aclose()
        await database.close()
