"""The finder starts without database, bus, token or AWS, and tells truthfully what it depends on."""

from __future__ import annotations

import httpx
import pytest

from services.finder.main import NobodySignsIn, create
from services.kernel.errors import Unauthenticated
from tests.fixtures.edge import ROOT


async def test_it_is_ready_and_says_what_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "ACCESS_POLICIES": str(ROOT / "policies" / "access"), "DIRECTORY_URL": "http://127.0.0.1:9",
        "AVAILABILITY_URL": "http://127.0.0.1:9", "PORTAL_ADDRESS": "https://portal",
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(f"CARESLOT_{name}", value)
    app = create()
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://abc.awsapprunner.com") as http,
    ):
        answer = await http.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert set(answer.json()["checks"].values()) == {"unavailable"}
        assert (await http.get("/find")).status_code == 503
        start = await http.get("/")
        assert start.headers["location"] == "https://abc.awsapprunner.com/find", "App Runner names it, nobody else"


async def test_no_token_opens_anything() -> None:
    with pytest.raises(Unauthenticated):
        await NobodySignsIn().verify("any")
