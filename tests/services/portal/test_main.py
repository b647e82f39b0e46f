"""The portal starts without a database and tells truthfully what it depends on."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet

from services.portal.main import create

_CALLED = ("DIRECTORY", "AVAILABILITY", "BOOKING", "NOTIFICATIONS", "WAITLIST", "AUDIT")
ROOT = Path(__file__).resolve().parents[3]


async def test_it_is_ready_and_says_what_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "TOKEN_ISSUER": "https://issuer", "TOKEN_AUDIENCES": "portal", "TOKEN_JWKS_URL": "http://127.0.0.1:9/jwks",
        "ACCESS_POLICIES": str(ROOT / "policies" / "access"), "PORTAL_CLIENT_ID": "portal",
        "SESSION_KEYS": Fernet.generate_key().decode(),
        **{f"{name}_URL": "http://127.0.0.1:9" for name in _CALLED},
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(f"CARESLOT_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    app = create()
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://portal") as http,
    ):
        answer = await http.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert set(answer.json()["checks"].values()) == {"unavailable"}
        assert (await http.get("/sign-in")).status_code == 200
        style = await http.get("/static/portal.css")
        assert style.headers["content-type"].startswith("text/css")
