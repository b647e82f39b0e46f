"""A client of the platform as any app would be one: signs in through the gateway and speaks HTTP."""

from __future__ import annotations

import httpx

from services.kernel.errors import Unavailable
from services.local.state import PlatformState

SECONDS = 60.0


def signed_in(state: PlatformState, username: str) -> str:
    """Return an ID token of a demo user; raise Unavailable when nobody can sign in."""
    user = state.user(username)
    try:
        answer = httpx.post(
            f"{state.gateway}/auth/token", json={"username": user.username, "password": user.password}, timeout=15.0
        )
        answer.raise_for_status()
    except httpx.HTTPError as fault:
        raise Unavailable(f"{username} cannot sign in at {state.gateway}: {type(fault).__name__}") from None
    return str(answer.json()["id_token"])


def client_of(state: PlatformState, username: str) -> httpx.Client:
    """Return an HTTP client of the gateway that acts as a demo user."""
    return httpx.Client(
        base_url=state.gateway, headers={"Authorization": f"Bearer {signed_in(state, username)}"}, timeout=SECONDS
    )
