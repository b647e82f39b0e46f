"""The portal with its real pages and routes, before services and a user pool that are fakes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from cryptography.fernet import Fernet

from services.kernel.telemetry import configure_logging
from services.portal.api.cookies import Sealer
from services.portal.api.entrance import Portal
from services.portal.domain.line import Line
from services.portal.main import create
from tests.services.portal.fakes import PASSWORD, FakeClock, FakeNeighbours, FakeSignIn


@dataclass
class Browser:
    """Someone before the portal: keeps cookies, fills forms as the page drew them."""

    http: httpx.AsyncClient
    services: FakeNeighbours
    pool: FakeSignIn
    clock: FakeClock
    line: Line

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def send(self, page: str, action: str, **fields: str) -> httpx.Response:
        """Load ``page`` and send its form ``action`` with its hidden fields and ``fields``."""
        text = (await self.http.get(page)).text
        return await self.http.post(action, data={**hidden(text, action), **fields})

    async def sign_in(self, username: str) -> httpx.Response:
        return await self.send("/sign-in", "/sign-in", username=username, password=PASSWORD)


def hidden(text: str, action: str) -> dict[str, str]:
    """Return the hidden fields of the form that goes to ``action``."""
    forms = re.findall(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', text, re.DOTALL)
    for to, inside in forms:
        if f"/{to.replace('../', '').lstrip('/')}" == action:
            found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', inside)
            return {name: value.replace("&#34;", '"') for name, value in found}
    raise AssertionError(f"no form goes to {action}; there are {[to for to, _ in forms]}")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser that is not signed in."""
    configure_logging("portal", "ERROR")
    app, clock, services = create(), FakeClock(), FakeNeighbours()
    pool = FakeSignIn(clock)
    app.state.portal = Portal(services, pool, Sealer(Fernet.generate_key().decode()), clock, secure=False)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://portal") as http:
        yield Browser(http, services, pool, clock, app.state.portal.line)
