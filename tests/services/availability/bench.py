"""The use cases over memory or over PostgreSQL, so that one set of tests holds both to the same behaviour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.availability.adapters import noshow_model
from services.availability.adapters.postgres import unit_of_work
from services.availability.adapters.postgres_interpreters import PostgresInterpreterTimes
from services.availability.adapters.postgres_search import PostgresSlotSearch
from services.availability.domain.directory import Clinician, Facility, VisitType
from services.availability.domain.slotting.plan import SlottingRules
from services.availability.domain.templates import Template
from services.availability.ports import InterpreterTimes, SlotSearch, UnitOfWork
from services.availability.usecases.absences import Closures, LeaveOfAbsence
from services.availability.usecases.bulk import bulk_directory, bulk_templates
from services.availability.usecases.materialise import Horizon
from services.availability.usecases.schedules import Schedules
from services.availability.usecases.search import OfferedSlot, SearchRequest, SearchSlots
from services.contracts.slot_offer import SigningKey
from services.kernel.access import Gate
from services.kernel.actor import Actor
from services.kernel.clock import FixedClock
from services.kernel.database import Database
from tests.fixtures.edge import POLICIES
from tests.services.availability.fakes import FakeDatabase, FakeSlotSearch, FakeZipCentroids
from tests.services.availability.fakes_interpreters import FakeInterpreterTimes
from tests.services.availability.places import (
    BOSTON,
    DENVER,
    ECHO,
    FLORES,
    FOLLOW_UP,
    NEW_PATIENT,
    SAME_DAY,
    SHAH,
    WEISS,
    WORCESTER,
)

# Monday morning in Boston: 08:00 EST
NOW = datetime(2027, 1, 4, 13, 0, tzinfo=UTC)
KEY = SigningKey(
    "test-1",
    Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
)
RULES = SlottingRules(noshow_model.load(), urgent_visit_types=frozenset({SAME_DAY.visit_type}))
ADMINISTRATOR = Actor("administrator", frozenset({"facility-administrator"}), facilities=frozenset({"*"}))
PATIENT = Actor("patient", frozenset({"patient"}), person="pat-000001")


def gate(action: str, actor: Actor = ADMINISTRATOR) -> Gate:
    """Return a gate of ``actor`` that a route declaring ``action`` would have opened."""
    return Gate(POLICIES, FixedClock(NOW), service="availability", action=action, actor=actor, correlation_id="c")


class Bench:
    """A small health system on one clock: two clinicians of family medicine, one cardiologist, three facilities."""

    def __init__(self, transaction: UnitOfWork, search: SlotSearch, interpreters: InterpreterTimes) -> None:
        self.transaction = transaction
        self.slots = search
        self.clock = FixedClock(NOW)
        self.rules = RULES
        self.horizon = Horizon(self.clock, 30, self.rules)
        self.schedules = Schedules(transaction, self.horizon)
        self.leave = LeaveOfAbsence(transaction, self.horizon)
        self.closures = Closures(transaction, self.horizon)
        self.search = SearchSlots(transaction, search, interpreters, FakeZipCentroids(), KEY, self.clock, self.rules)

    async def know(
        self,
        facilities: Sequence[Facility] = (BOSTON, WORCESTER, DENVER),
        clinicians: Sequence[Clinician] = (FLORES, SHAH, WEISS),
        visit_types: Sequence[VisitType] = (FOLLOW_UP, SAME_DAY, NEW_PATIENT, ECHO),
    ) -> None:
        """Keep the directory's records as a seed does."""
        await bulk_directory(self.transaction, facilities, clinicians, visit_types)

    async def give(self, *templates: Template) -> None:
        """Give templates as a seed does."""
        await bulk_templates(self.transaction, self.horizon, templates)

    async def offers(self, request: SearchRequest | None = None) -> Sequence[OfferedSlot]:
        """Return what a patient finds."""
        asked = request or SearchRequest(specialty="family-medicine")
        return (await self.search.run(asked, gate("search-slots", PATIENT))).offers

    async def starts(self, request: SearchRequest | None = None) -> list[str]:
        """Return the local starts a patient finds, as text."""
        return [f"{one.slot.starts_local:%a %d %H:%M}" for one in await self.offers(request)]


def in_memory() -> Bench:
    """Return a bench over fakes."""
    database = FakeDatabase()
    return Bench(database.transaction(), FakeSlotSearch(database), FakeInterpreterTimes(database))


def on_postgres(database: Database) -> Bench:
    """Return a bench over PostgreSQL."""
    return Bench(unit_of_work(database), PostgresSlotSearch(database), PostgresInterpreterTimes(database))
