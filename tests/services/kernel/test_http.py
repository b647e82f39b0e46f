"""The edge asks every caller who they are and every route whether it asked; every error is a problem+json."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query, Response
from fastapi.responses import StreamingResponse
from prometheus_client import REGISTRY
from pydantic import BaseModel

from services.kernel.access import AccessPolicies, Resource
from services.kernel.actor import Actor
from services.kernel.audit import AuditEntry
from services.kernel.clock import FixedClock
from services.kernel.errors import Conflict, Unauthenticated, Unavailable
from services.kernel.http import Edge, GateDep, anyone, create_app, guard, public
from services.kernel.middleware import MAX_BODY_BYTES
from services.kernel.telemetry import configure_logging

ACCESS = Path(__file__).parents[3] / "policies" / "access"
DESK = Actor("desk", frozenset({"front-desk"}), facilities=frozenset({"fac-1"}))


class Tokens:
    """Knows one token."""

    async def verify(self, token: str) -> Actor:
        if token != "desk":
            raise Unauthenticated("The access token has expired; sign in again.", slug="token-expired")
        return DESK


class Body(BaseModel):
    minutes: int


router = APIRouter()


@router.get("/days/{facility}", **guard("read-day"))
async def day(facility: str, gate: GateDep) -> dict[str, str]:
    gate.require(Resource("Facility", facility, {"facility": facility}))
    return {"facility": facility}


@router.get("/forgetful", **guard("read-day"))
async def forgetful(gate: GateDep) -> dict[str, str]:
    return {"actor": gate.actor.subject}


@router.get("/open", **anyone("find-open-times"))
async def open_to_all(gate: GateDep, response: Response) -> dict[str, str]:
    gate.require(Resource("Slots", "slots"))
    response.headers["cache-control"] = "public, max-age=60"
    return {"actor": gate.actor.subject}


@router.get("/closed", **anyone("read-facility"))
async def closed(gate: GateDep) -> None:
    gate.require(Resource("Catalogue", "directory"))


@router.post("/things", **public("a test"), status_code=201)
async def things(body: Body, limit: Annotated[int, Query(ge=1)] = 1) -> dict[str, int]:
    return {"minutes": body.minutes * limit}


@router.get("/taken", **public("a test"))
async def taken() -> None:
    raise Conflict("That slot is gone.", slug="slot-taken", extra={"alternatives": [1]}, retry_after=2)


@router.get("/stream", **public("a test"))
async def stream() -> StreamingResponse:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.2)
            yield b"x"

    return StreamingResponse(slowly())


@router.get("/broken", **public("a test"))
async def broken() -> None:
    raise ValueError("Maria Flores, 1980-02-03")


class Served:
    """An app, what its edge refused, and whether what it depends on answers."""

    def __init__(self) -> None:
        configure_logging("test", "WARNING")  # structlog's own default draws every local variable of every frame
        self.refused: list[AuditEntry] = []
        self.down: set[str] = set()

        async def refuse(entry: AuditEntry) -> None:
            self.refused.append(entry)

        async def database() -> None:
            self.answer("database")

        async def bus() -> None:
            self.answer("bus")

        @asynccontextmanager
        async def nothing(_app: FastAPI) -> AsyncIterator[None]:
            yield

        self.app = create_app(
            service="test", title="Test", description="A test", version="1", routers=[router], lifespan=nothing
        )
        clock = FixedClock(datetime(2027, 1, 1, tzinfo=UTC))
        self.app.state.edge = Edge(
            "test", AccessPolicies.from_folder(ACCESS), Tokens(), clock, refuse, {"database": database, "bus": bus}
        )
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://test")

    def answer(self, name: str) -> None:
        if name in self.down:
            raise Unavailable(name)


@pytest.fixture
def served() -> Served:
    return Served()


AS_DESK = {"authorization": "Bearer desk"}


async def test_a_permitted_call_passes(served: Served) -> None:
    response = await served.client.get("/days/fac-1", headers=AS_DESK)
    assert (response.status_code, response.json()) == (200, {"facility": "fac-1"})
    assert response.headers["cache-control"] == "no-store"
    assert not served.refused


async def test_a_refused_call_is_a_403_and_audited(served: Served) -> None:
    response = await served.client.get("/days/fac-2", headers=AS_DESK)
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    [entry] = served.refused
    assert (entry.outcome, entry.action, entry.subject, entry.resource_id) == ("refused", "read-day", "desk", "fac-2")
    assert response.json()["instance"] == f"urn:trace:{entry.correlation_id}"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({}, "token-missing"),
        ({"authorization": "Basic desk"}, "token-missing"),
        ({"authorization": "Bearer old"}, "token-expired"),
    ],
)
async def test_an_unknown_caller_is_a_401_and_audited(served: Served, header: dict[str, str], reason: str) -> None:
    response = await served.client.get("/days/fac-1", headers=header)
    assert response.status_code == 401
    assert reason in response.headers["www-authenticate"]
    [entry] = served.refused
    assert (entry.outcome, entry.reason, entry.subject) == ("unauthenticated", reason, "unknown")


async def test_a_route_that_never_asked_its_gate_fails_closed(served: Served) -> None:
    response = await served.client.get("/forgetful", headers=AS_DESK)
    assert response.status_code == 500
    assert "desk" not in response.text


async def test_our_errors_keep_what_helps_the_caller(served: Served) -> None:
    response = await served.client.get("/taken")
    assert response.status_code == 409
    assert response.headers["retry-after"] == "2"
    problem = response.json()
    assert (problem["type"], problem["alternatives"]) == ("urn:careslot:problem:slot-taken", [1])


async def test_an_unexpected_error_says_nothing_it_holds(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    response = await served.client.get("/broken")
    assert response.status_code == 500
    assert "Maria" not in response.text and "ValueError" not in response.text
    assert response.headers["x-correlation-id"] in response.json()["instance"]


async def test_wrong_input_is_named_by_place_and_never_repeated(served: Served) -> None:
    response = await served.client.post("/things?limit=0", json={"minutes": "Maria"})
    assert response.status_code == 422
    assert {error["where"] for error in response.json()["errors"]} == {"body/minutes", "query/limit"}
    assert "Maria" not in response.text
    malformed = await served.client.post("/things", content=b"{", headers={"content-type": "application/json"})
    assert (malformed.status_code, malformed.json()["status"]) == (400, 400)


async def test_a_body_too_large_is_refused_declared_or_not(served: Served) -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1024 + 1):
            yield b" " * 1024

    for content in (b" " * (MAX_BODY_BYTES + 1), drip()):
        response = await served.client.post("/things", content=content, headers={"content-type": "application/json"})
        assert response.status_code == 413


async def test_unknown_paths_and_methods_are_problems_too(served: Served) -> None:
    for method, path, status in (("GET", "/nowhere", 404), ("DELETE", "/taken", 405)):
        response = await served.client.request(method, path)
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"


async def test_readiness_tells_the_truth_about_each_dependency(served: Served) -> None:
    assert (await served.client.get("/readyz")).json() == {"status": "ok", "checks": {"database": "ok", "bus": "ok"}}
    served.down = {"bus"}
    degraded = await served.client.get("/readyz")
    assert (degraded.status_code, degraded.json()["checks"]["bus"]) == (200, "unavailable")
    served.down = {"database"}
    unavailable = await served.client.get("/readyz")
    assert (unavailable.status_code, unavailable.json()["status"]) == (503, "unavailable")
    assert (await served.client.get("/livez")).status_code == 200


async def test_the_trace_id_of_the_caller_is_kept(served: Served) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    response = await served.client.get("/livez", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert response.headers["x-correlation-id"] == trace


async def test_metrics_know_routes_not_paths(served: Served) -> None:
    await served.client.get("/days/fac-1", headers=AS_DESK)
    text = (await served.client.get("/metrics")).text
    assert 'route="/days/{facility}"' in text
    assert "fac-1" not in text


async def test_a_stream_is_measured_until_it_begins(served: Served) -> None:
    assert (await served.client.get("/stream")).text == "xxx"
    labels = {"service": "test", "method": "GET", "route": "/stream", "status": "200"}
    measured = REGISTRY.get_sample_value("careslot_http_request_seconds_sum", labels)
    assert measured is not None and measured < 0.6, "what it took to follow is not what it took to answer"


async def test_the_contract_names_actions_and_public_reasons(served: Served) -> None:
    paths = (await served.client.get("/openapi.json")).json()["paths"]
    assert paths["/days/{facility}"]["get"]["x-careslot-action"] == "read-day"
    assert paths["/days/{facility}"]["get"]["security"] == [{"bearer": []}]
    assert paths["/livez"]["get"]["x-careslot-public"]


async def test_a_route_for_anybody_asks_its_gate_as_nobody_whatever_token_comes(served: Served) -> None:
    for headers in ({}, AS_DESK, {"authorization": "Bearer stale"}):
        response = await served.client.get("/open", headers=headers)
        assert (response.status_code, response.json()) == (200, {"actor": "anybody"})
        assert response.headers.get_list("cache-control") == ["public, max-age=60"], "it said so itself"
    assert not served.refused
    closed = await served.client.get("/closed", headers=AS_DESK)
    assert (closed.status_code, served.refused[0].action) == (403, "read-facility")
