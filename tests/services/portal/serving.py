"""The portal on a port of this machine before services that are fakes, and windows of a real Chromium onto it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import uvicorn
from cryptography.fernet import Fernet
from playwright.sync_api import Browser

from services.kernel.telemetry import configure_logging
from services.portal.api.cookies import Sealer
from services.portal.api.entrance import Portal
from services.portal.main import create
from tests.fixtures.browsing import PHONE, Screen, browser
from tests.services.portal.fakes import PASSWORD, FakeClock, FakeNeighbours, FakeSignIn


@dataclass
class Served:
    """A portal on a port of this machine, and the fakes behind it."""

    root: str
    services: FakeNeighbours
    clock: FakeClock


@pytest.fixture(scope="module")
def portal() -> Iterator[Served]:
    """Serve the portal from a thread until the module has ended."""
    configure_logging("portal", "ERROR")
    app, clock, services = create(), FakeClock(), FakeNeighbours()
    app.state.portal = Portal(services, FakeSignIn(clock), Sealer(Fernet.generate_key().decode()), clock, secure=False)
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="error"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
        assert thread.is_alive(), "the portal did not come up"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(f"http://127.0.0.1:{port}/", services, clock)
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """One browser for all of these."""
    with browser() as running:
        yield running


@pytest.fixture
def window(chrome: Browser, portal: Served) -> Iterator[Callable[..., Screen]]:
    """Open windows; afterwards all are closed and the fakes are as new."""
    opened: list[Screen] = []

    def open_one(size: tuple[int, int] = PHONE) -> Screen:
        opened.append(Screen(chrome, portal.root, lambda _: PASSWORD, size))
        return opened[-1]

    yield open_one
    for screen in opened:
        screen.close()
    fresh = FakeNeighbours()
    portal.services.known, portal.services.faults = fresh.known, fresh.faults
