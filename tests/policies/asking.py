"""Asks running services in this process, as one role after the other, and tells what their gates decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI

from services.kernel.access import AccessPolicies, Decision, Resource
from services.kernel.actor import Actor
from services.kernel.audit import AuditEntry
from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.http import Edge
from services.kernel.records import Fetch, Records
from tests.fixtures.edge import ROOT, client_of


class Watched(AccessPolicies):
    """The real policies; remembers what it was asked."""

    asked: list[tuple[str, bool]]

    def decide(self, actor: Actor, action: str, resource: Resource) -> Decision:
        """Decide as ever."""
        decision = super().decide(actor, action, resource)
        self.asked.append((action, decision.allowed))
        return decision


def watched() -> Watched:
    """Return the policies of this repository."""
    policies = Watched.from_folder(ROOT / "policies" / "access")
    assert isinstance(policies, Watched)
    policies.asked = []
    return policies


@dataclass
class OneCaller:
    """Verifier for whom every token is the caller of the moment."""

    actor: Actor | None = None

    async def verify(self, token: str) -> Actor:
        """Return the caller."""
        assert self.actor is not None, token
        return self.actor


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of an operation, as it is put to a record inside (True) or outside the caller's reach."""

    path: str
    body: Callable[[], Mapping[str, Any]] | Mapping[str, Any] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> Mapping[str, Any] | None:
        """The body, made anew where it must be."""
        return self.body() if callable(self.body) else self.body


# What makes a request pass every check but the gate, and change nothing: no version is 999.
HEADERS = {"if-match": '"999"', "accept": "application/json"}


@dataclass
class Service:
    """A running service: for each operation (`GET /path`) what to ask inside and outside."""

    name: str
    app: FastAPI
    asks: dict[str, tuple[Ask, Ask]]
    labelled: dict[str, dict[str, Ask]] = field(default_factory=dict)
    policies: Watched = field(default_factory=watched)
    caller: OneCaller = field(default_factory=OneCaller)
    faults: list[str] = field(default_factory=list)
    client: httpx.AsyncClient | None = None

    def telling(self, database: Database, kinds: Mapping[str, Fetch]) -> Service:
        """Let the service tell of its own records, for projections to be rebuilt."""
        self.app.state.records = Records(database, kinds)
        self.asks["GET /records"] = same("/records", None, kind=next(iter(kinds)))
        return self

    def behind(self, clock: Clock) -> Service:
        """Put the service behind an edge of ours."""

        async def refused(_entry: AuditEntry) -> None:
            """A refusal needs no trail here."""

        self.app.state.edge = Edge(self.name, self.policies, self.caller, clock, refused)
        return self

    async def ask(self, operation: str, actor: Actor, ask: Ask) -> str:
        """Return `yes`, `busy` or `-`; note a fault when the gate was not what decided."""
        self.caller.actor, self.policies.asked = actor, []
        self.client = self.client or client_of(self.app, "token")
        headers = {**HEADERS, "idempotency-key": str(uuid4())}
        method = operation.split(maxsplit=1)[0]
        answer = await self.client.request(method, ask.path, json=ask.content, params=ask.query, headers=headers)
        told = f"{self.name} {operation}: {answer.status_code}"
        if answer.status_code == 422:
            told += f" {answer.json().get('errors', answer.json()['detail'])}"
        if not self.policies.asked:
            self.faults.append(f"the gate was never asked: {told}")
        elif answer.status_code >= 500:
            self.faults.append(told)
        elif answer.status_code == 403:
            return "-"
        elif not any(allowed for _, allowed in self.policies.asked):
            self.faults.append(f"answered without leave: {told}")
        one = answer.headers.get("content-type", "") == "application/json" and answer.text.startswith("{")
        busy = answer.status_code == 200 and one and answer.json().get("busy") is True
        return "busy" if busy else "yes"


PLACES = (("1", True), ("2", False))


def both(make: Callable[[str], Ask]) -> tuple[Ask, Ask]:
    """Return what `make` asks about number 1, which is inside, and number 2, which is not."""
    return make("1"), make("2")


def same(path: str, body: Any = None, **query: Any) -> tuple[Ask, Ask]:
    """Return a request that is about nobody's record."""
    return both(lambda _: Ask(path, body, query))
