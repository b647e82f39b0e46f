"""A client of the platform as any app would be one: signs in through the gateway and speaks HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from services.kernel.errors import Unavailable
from services.local.state import PlatformState

SECONDS = 60.0
PATIENCE_SECONDS = 20.0
T = TypeVar("T")


class StoryFault(Exception):
    """Something else was seen than the story says."""


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment as last seen, with the tag that the next change must name."""

    id: str
    etag: str
    body: Mapping[str, Any]

    @classmethod
    def of(cls, answer: httpx.Response) -> Appointment:
        """Read a command's answer."""
        body = answer.json()
        return cls(body["id"], answer.headers["etag"], body)


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


class Person:
    """A demo user with a token: every method is one request and says plainly when the answer is another."""

    def __init__(self, state: PlatformState, username: str) -> None:
        self.user = state.user(username)
        self.name = username
        self.token = signed_in(state, username)
        self.http = httpx.Client(
            base_url=state.gateway,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=SECONDS,
        )

    def get(self, path: str, *, expect: int = 200, **query: Any) -> Any:
        """GET, and return the JSON."""
        answer = self.http.get(path, params=query)
        return expected(answer, expect).json()

    def command(
        self, path: str, body: Mapping[str, Any] | None = None, *, etag: str = "", key: str = ""
    ) -> httpx.Response:
        """POST a command with an idempotency key of its own."""
        headers = {"Idempotency-Key": key or str(uuid4())} | ({"If-Match": etag} if etag else {})
        return self.http.post(path, json=body, headers=headers)

    def change(self, appointment: Appointment, verb: str, body: Mapping[str, Any] | None = None) -> Appointment:
        """Do ``verb`` (confirm, cancel, move, ...) to an appointment and return it as it then stands."""
        answer = self.command(f"/booking/appointments/{appointment.id}/{verb}", body, etag=appointment.etag)
        return Appointment.of(expected(answer, 200))

    def slots(self, **query: Any) -> list[dict[str, Any]]:
        """Search for open slots."""
        found: list[dict[str, Any]] = self.get("/availability/slots", **query)["slots"]
        return found


def expected(answer: httpx.Response, status: int) -> httpx.Response:
    """Return ``answer``; raise StoryFault with the problem's own words when its status is another."""
    if answer.status_code != status:
        try:
            told = answer.json()
            why = f"{told.get('title', '')}: {told.get('detail', '')} ({told.get('type', '')})"
        except ValueError:
            why = answer.text[:200]
        path = answer.request.url.path
        raise StoryFault(f"{answer.request.method} {path} answered {answer.status_code}, not {status}. {why}")
    return answer


def eventually(look: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """Return what ``look`` finds within ``seconds``; raise StoryFault naming ``what`` was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        if (found := look()) is not None:
            return found
        if time.monotonic() > deadline:
            raise StoryFault(f"{what}: not seen within {seconds:.0f} s.")
        time.sleep(0.1)
