"""The finder with its real pages, routes and policies, before directory and availability that are fakes."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest

from services.finder.main import NobodySignsIn, assemble, create
from services.kernel.audit import AuditEntry
from services.kernel.clock import FixedClock
from services.kernel.http import Edge
from services.kernel.telemetry import configure_logging
from tests.fixtures.edge import POLICIES, client_of
from tests.services.finder.fakes import TODAY, FakeCare


@dataclass
class Served:
    """A finder in this process."""

    care: FakeCare
    clock: FixedClock
    http: httpx.AsyncClient


@pytest.fixture
def served() -> Served:
    """Return a finder that has asked nothing yet."""
    configure_logging("finder", "ERROR")
    care, clock, app = FakeCare(), FixedClock(TODAY), create()

    async def refused(_entry: AuditEntry) -> None:
        """Nobody is known here."""

    app.state.edge = Edge("finder", POLICIES, NobodySignsIn(), clock, refused)
    app.state.finder = assemble(care, clock, "https://portal.example/portal/", "https://api.example/finder")
    return Served(care, clock, client_of(app))
