"""Reviews and export over HTTP: the right entries, to the right auditors, and every look leaves an entry itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.audit.adapters.postgres import unit_of_work
from services.audit.adapters.postgres_reader import begin_reading
from services.audit.main import create
from services.audit.usecases.review import Review
from services.audit.usecases.standing import Standing
from services.audit.usecases.verify import VerifyTrail
from services.kernel.actor import Actor
from tests.fixtures.edge import client_of, edge_of
from tests.services.audit.chains import NOON, entry
from tests.services.audit.conftest import QUEUE, AuditTrail, Tamper

ACTORS = {
    "auditor": Actor("auditor-1", frozenset({"auditor"}), facilities=frozenset({"*"})),
    "local": Actor("auditor-2", frozenset({"auditor"}), facilities=frozenset({"fac-0002"})),
    "frontdesk": Actor("desk-1", frozenset({"front-desk"}), facilities=frozenset({"*"})),
    "patient": Actor("p", frozenset({"patient"}), person="pat-000001"),
}
DAY = "/chains/2027-01-04"
LOOKS = ("/patients/pat-1/accesses", "/users/user-1/accesses", "/refusals", "/break-glass", "/export")


class Clients:
    """Clients by token."""

    def __init__(self, made: dict[str, httpx.AsyncClient]) -> None:
        self._made = made

    async def get(self, path: str, token: str = "auditor", **query: Any) -> httpx.Response:
        """Ask as the actor called ``token``."""
        return await self._made[token].get(path, params=query)

    async def post(self, path: str, token: str = "auditor") -> httpx.Response:
        """Send as the actor called ``token``."""
        return await self._made[token].post(path)

    async def ids(self, path: str, token: str = "auditor", **query: Any) -> list[str]:
        """Return the resources that the answer's entries touched, in its order."""
        answer = await self.get(path, token, **query)
        assert answer.status_code == 200, answer.text
        return [found["resource_id"] for found in answer.json()["entries"]]


@pytest.fixture
async def clients(trail: AuditTrail) -> AsyncIterator[Clients]:
    app = create()
    app.state.edge = edge_of("audit", trail.database, ACTORS, trail.clock)
    app.state.clock = trail.clock
    app.state.review = Review(unit_of_work(trail.database))
    app.state.standing = Standing(
        unit_of_work(trail.database), VerifyTrail(begin_reading(trail.database, QUEUE), trail.storage)
    )
    trail.clock.at = NOON + timedelta(hours=1)
    async with AsyncExitStack() as stack:
        yield Clients({token: await stack.enter_async_context(client_of(app, token)) for token in ("", *ACTORS)})


async def own_entries(trail: AuditTrail) -> list[dict[str, Any]]:
    async with trail.database.connection() as connection:
        return [row["data"] for row in await connection.fetch("SELECT data FROM outbox ORDER BY id")]


async def test_who_saw_this_patient(trail: AuditTrail, clients: Clients) -> None:
    await trail.take([entry(n, about=f"pat-{n % 2}", resource_id=f"a{n}") for n in range(6)])
    assert await clients.ids("/patients/pat-1/accesses") == ["a5", "a3", "a1"]
    [own] = await own_entries(trail)
    assert (own["action"], own["about"], own["subject"], own["outcome"], own["resource_type"]) == (
        "read-audit", "pat-1", "auditor-1", "allowed", "AuditTrail",
    )  # fmt: skip


async def test_what_did_this_user_see(trail: AuditTrail, clients: Clients) -> None:
    await trail.take([entry(n, subject=f"u-{n % 3}", resource_id=f"a{n}") for n in range(6)])
    assert await clients.ids("/users/u-2/accesses") == ["a5", "a2"]
    assert await clients.ids("/users/system:booking/accesses") == []


async def test_refusals_and_emergencies(trail: AuditTrail, clients: Clients) -> None:
    outcomes = {"a0": ("allowed", ""), "a1": ("refused", "policy"), "a2": ("unauthenticated", "token-expired")}
    outcomes["a3"] = ("allowed", "break-glass: unconscious")
    await trail.take([entry(n, resource_id=k, outcome=o, reason=r) for n, (k, (o, r)) in enumerate(outcomes.items())])
    assert await clients.ids("/refusals") == ["a2", "a1"]
    assert await clients.ids("/break-glass") == ["a3"]


async def test_an_entry_is_shown_whole_with_its_proof(trail: AuditTrail, clients: Clients) -> None:
    of = entry(3)
    await trail.take([of])
    [shown] = (await clients.get(f"/patients/{of.about}/accesses")).json()["entries"]
    assert (shown["service"], shown["day"], shown["seq"]) == ("booking", "2027-01-04", 1)
    assert {name: shown[name] for name in of.payload() if name != "at"} == {
        name: value for name, value in of.payload().items() if name != "at"
    }


async def test_pages_go_on_where_they_ended(trail: AuditTrail, clients: Clients) -> None:
    await trail.take([entry(n, about="pat-1", resource_id=f"a{n}", at=NOON) for n in range(7)])
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await clients.get("/patients/pat-1/accesses", limit=3, cursor=cursor)).json()
        seen += [found["resource_id"] for found in page["entries"]]
        cursor = page["next"]
        if not cursor:
            break
    assert sorted(seen) == [f"a{n}" for n in range(7)]


async def test_a_window_bounds_by_when_it_happened(trail: AuditTrail, clients: Clients) -> None:
    await trail.take([entry(n, about="p", resource_id=f"a{n}", at=NOON - timedelta(days=n * 20)) for n in range(3)])
    assert await clients.ids("/patients/p/accesses") == ["a0", "a1"]
    since = (NOON - timedelta(days=100)).isoformat()
    assert await clients.ids("/patients/p/accesses", **{"from": since}) == ["a0", "a1", "a2"]
    until = (NOON - timedelta(days=20)).isoformat()
    assert await clients.ids("/patients/p/accesses", **{"from": since, "to": until}) == ["a2"]


@pytest.mark.parametrize("path", LOOKS)
@pytest.mark.parametrize(
    "query",
    [
        {"from": "2027-01-02T00:00:00Z", "to": "2027-01-01T00:00:00Z"},
        {"from": "2020-01-01T00:00:00Z"},
        {"from": "0001-01-01T00:00:00+14:00"},
        {"to": "9999-12-31T23:59:59-14:00"},
        {"from": "2027-01-01T00:00:00"},
        {"facility": "\x00"},
    ],
)
async def test_absurd_questions_are_refused(clients: Clients, path: str, query: dict[str, str]) -> None:
    answer = await clients.get(path, **query)
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIiwiYiJd", "WzEsMl0"])
async def test_foreign_cursors_are_refused(clients: Clients, cursor: str) -> None:
    assert (await clients.get("/refusals", cursor=cursor)).status_code == 422


@pytest.mark.parametrize("path", LOOKS)
async def test_only_auditors_look_and_refusals_are_kept(trail: AuditTrail, clients: Clients, path: str) -> None:
    assert (await clients.get(path, "frontdesk")).status_code == 403
    assert (await clients.get(path, "patient")).status_code == 403
    assert (await clients.get(path, "")).status_code == 401
    assert [own["outcome"] for own in await own_entries(trail)] == ["refused", "refused", "unauthenticated"]


@pytest.mark.parametrize("path", LOOKS)
async def test_an_auditor_of_a_facility_sees_its_entries_alone(trail: AuditTrail, clients: Clients, path: str) -> None:
    here, there = ("fac-0002",), ("fac-0001",)
    shape: dict[str, Any] = {"about": "pat-1", "subject": "user-1", "outcome": "refused", "reason": "break-glass"}
    await trail.take(
        [
            entry(n, facilities=f, resource_id=f"thing-{n}", **shape)
            for n, f in enumerate([here, there, (), here + there])
        ]
    )
    both = await clients.get(path, "local")
    assert both.status_code == 200
    assert [f"thing-{n}" in both.text for n in range(4)] == [True, False, False, True]
    assert (await clients.get(path, "local", facility="fac-0001")).status_code == 403
    elsewhere = await clients.get(path, facility="fac-0001")
    assert [f"thing-{n}" in elsewhere.text for n in range(4)] == [False, True, False, True]


async def test_the_export_streams_fhir_oldest_first(trail: AuditTrail, clients: Clients) -> None:
    await trail.take([entry(n, resource_id=f"a{n}") for n in range(1203)])
    answer = await clients.get("/export", **{"from": "2027-01-04T00:00:00Z", "to": "2027-01-05T00:00:00Z"})
    assert answer.headers["content-type"] == "application/fhir+ndjson"
    events = [json.loads(line) for line in answer.text.splitlines()]
    assert len(events) == 1203
    assert {event["resourceType"] for event in events} == {"AuditEvent"}
    times = [event["recorded"] for event in events]
    assert times == sorted(times)
    [own] = await own_entries(trail)
    assert (own["action"], own["resource_id"]) == ("export-audit", "export")


async def test_the_export_is_of_what_was_reviewed(trail: AuditTrail, clients: Clients) -> None:
    await trail.take([entry(n, about=f"pat-{n % 2}", subject=f"u-{n % 3}", resource_id=f"a{n}") for n in range(6)])
    day = {"from": "2027-01-04T00:00:00Z", "to": "2027-01-05T00:00:00Z"}
    assert len((await clients.get("/export", patient="pat-1", **day)).text.splitlines()) == 3
    assert len((await clients.get("/export", user="u-1", patient="pat-1", **day)).text.splitlines()) == 1
    assert (await clients.get("/export", only="refused", **day)).text == ""
    assert (await own_entries(trail))[0]["about"] == "pat-1"


async def test_chains_tell_what_is_anchored_and_whether_they_verify(
    trail: AuditTrail, clients: Clients, tamper: Tamper
) -> None:
    await trail.take([entry(n, service=service) for n, service in enumerate(["booking", "booking", "directory"])])
    await trail.anchor()
    await trail.take([entry(7)])
    shown = (await clients.get(DAY)).json()["chains"]
    assert [(one["service"], one["entries"], one["anchored"]) for one in shown] == [
        ("booking", 3, 2), ("directory", 1, 1),
    ]  # fmt: skip
    verified = (await clients.post(f"{DAY}/verification")).json()
    assert (verified["sound"], verified["chains"], verified["entries"], verified["anchors"]) == (True, 2, 4, 1)
    tamper("UPDATE entries SET record = replace(record, 'a', 'b') WHERE service = 'booking' AND seq = 2")
    verified = (await clients.post(f"{DAY}/verification")).json()
    assert not verified["sound"]
    assert ("booking", 2) in {(found["service"], found["seq"]) for found in verified["findings"]}
    for token, status in (("frontdesk", 403), ("local", 403), ("", 401)):
        assert (await clients.get(DAY, token)).status_code == status
        assert (await clients.post(f"{DAY}/verification", token)).status_code == status
    assert (await clients.get("/chains/0001-01-01")).status_code == 422


async def test_an_export_is_at_most_a_month(clients: Clients) -> None:
    answer = await clients.get("/export", **{"from": "2026-11-04T00:00:00Z"})
    assert answer.status_code == 422
    assert "31 days" in answer.text
    assert (await clients.get("/export", **{"from": "2026-12-30T00:00:00Z"})).text == ""
