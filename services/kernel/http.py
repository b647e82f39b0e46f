"""The edge of a service: every route declares its one action, every error is a problem+json, nothing is served unasked.

A guarded route that answers without having asked its gate is a programming error; it fails closed with a 500 instead
of leaking. Documentation pages are off: they would load scripts from elsewhere.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from services.kernel.access import AccessPolicies, AccessRefused, Gate
from services.kernel.actor import ANYBODY, UNKNOWN, Actor, Emergency
from services.kernel.audit import AuditEntry
from services.kernel.clock import Clock
from services.kernel.doorkeeper import Doorkeeper
from services.kernel.errors import CareslotError, FieldError, Invalid, Unauthenticated
from services.kernel.ids import new_id
from services.kernel.middleware import (
    EMERGENCY_HEADER,
    PROBLEM_JSON,
    EdgeMiddleware,
    credential_of,
    glass_hash,
    problem_response,
)
from services.kernel.telemetry import correlation_id, logger


class Verifier(Protocol):
    """Turns a bearer token into an Actor or raises Unauthenticated."""

    async def verify(self, token: str) -> Actor:
        """Return who presents ``token``."""
        ...


Check = Callable[[], Awaitable[None]]
# (token, the caller's subject, now) -> what it opens; raises Unauthenticated for one that opens nothing to this caller.
ReadEmergency = Callable[[str, str, datetime], Emergency]


@dataclass(slots=True)
class Edge:
    """What the edge of one running service needs; put on ``app.state.edge`` when the service starts.

    ``checks`` are asked by /readyz; those named in ``required`` decide whether traffic should come here, the others
    are told truthfully but do not turn traffic away (bookings go on while the bus is out: the outbox keeps events).
    ``emergency`` reads the header of an emergency access; a service that holds no patient's record has none.
    ``door`` decides who is served in a rush (None: everybody); ``credential`` says by which hash it knows a request's
    caller, ``refused_page`` what a browser is shown instead of a problem: media type and body, from its headers.
    """

    service: str
    policies: AccessPolicies
    verifier: Verifier
    clock: Clock
    refused: Callable[[AuditEntry], Awaitable[None]]
    checks: Mapping[str, Check] = field(default_factory=dict)
    required: frozenset[str] = frozenset({"database"})
    emergency: ReadEmergency | None = None
    door: Doorkeeper | None = None
    credential: Callable[[Mapping[bytes, bytes]], int] = credential_of
    refused_page: Callable[[Mapping[bytes, bytes]], tuple[str, bytes]] | None = None


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI ``responses`` for ``statuses``, each a problem+json."""
    return {status: {"model": Problem, "content": {PROBLEM_JSON: {}}} for status in statuses}


def guard(action: str, *statuses: int) -> dict[str, Any]:
    """Return the arguments that make a route ask for ``action``; ``statuses`` are further problems it answers."""
    return {
        "dependencies": [Depends(_entrance(action))],
        "openapi_extra": {"x-careslot-action": action, "security": [{"bearer": []}]},
        "responses": problems(401, 403, 429, 503, *statuses),
    }


def public(reason: str) -> dict[str, Any]:
    """Return the keyword arguments that open a route to everyone, saying why."""
    return {"openapi_extra": {"x-careslot-public": reason, "security": []}}


def anyone(action: str, *statuses: int) -> dict[str, Any]:
    """Return the arguments of a route that asks nobody who they are: the policies say what ``action`` gives to anybody.

    Unlike a ``public`` route it answers about what people own, so its gate is asked like any other.
    """
    return {
        "dependencies": [Depends(_entrance(action, anybody=True))],
        "openapi_extra": {"x-careslot-action": action, "security": []},
        "responses": problems(403, 429, 503, *statuses),
    }


def _entrance(action: str, *, anybody: bool = False) -> Callable[[Request], Awaitable[None]]:
    async def enter(request: Request) -> None:
        edge: Edge = request.app.state.edge
        actor = ANYBODY if anybody else await _verified(request, edge, action)
        request.state.gate = Gate(
            edge.policies, edge.clock, service=edge.service, action=action, actor=actor, correlation_id=correlation_id()
        )

    return enter


async def _verified(request: Request, edge: Edge, action: str) -> Actor:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Send 'Authorization: Bearer <token>'.", slug="token-missing")
        actor = await edge.verifier.verify(token.strip())
        if edge.emergency and (glass := request.headers.get(EMERGENCY_HEADER)):
            actor = replace(actor, emergency=edge.emergency(glass, actor.subject, edge.clock.now()))
    except Unauthenticated as refusal:
        if edge.door is not None:
            edge.door.forget(request.state.credential)
        await edge.refused(_unauthenticated(edge, action, refusal))
        raise
    if edge.door is not None:
        credential: int = request.state.credential
        if actor.emergency is not None:
            credential = glass_hash(credential, request.headers[EMERGENCY_HEADER].encode("latin-1"))
        edge.door.remember(credential, actor)
    return actor


def _unauthenticated(edge: Edge, action: str, refusal: Unauthenticated) -> AuditEntry:
    return AuditEntry(
        id=new_id(), at=edge.clock.now(), service=edge.service, action=action, outcome="unauthenticated",
        subject=UNKNOWN.subject, roles=(), person="", resource_type="", resource_id="", about="",
        reason=refusal.slug, policies=(), correlation_id=correlation_id(),
    )  # fmt: skip


async def current_gate(request: Request) -> Gate:
    """Return the gate that this route's guard opened."""
    gate: Gate = request.state.gate
    return gate


GateDep = Annotated[Gate, Depends(current_gate)]

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    *, service: str, title: str, description: str, version: str, routers: Sequence[APIRouter], lifespan: Lifespan
) -> FastAPI:
    """Assemble a service's application; ``lifespan`` must set ``app.state.edge`` before serving."""
    app = FastAPI(
        title=title, description=description, version=version, lifespan=lifespan, docs_url=None, redoc_url=None,
        openapi_url=None, generate_unique_id_function=lambda route: route.name.replace("_", "-"),
    )  # fmt: skip
    for router in routers:
        app.include_router(router)
    app.include_router(_operations())
    app.add_exception_handler(CareslotError, _render)
    app.add_exception_handler(RequestValidationError, _render_invalid)
    app.add_exception_handler(HTTPException, _render_http)
    app.add_middleware(EdgeMiddleware, service=service)
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["bearer"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        # A route that says nothing of its own is closed.
        document["security"] = [{"bearer": []}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents replacing it
    return app


def _operations() -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/livez", **public("the platform asks whether the process runs"))
    async def liveness() -> dict[str, str]:
        """Say that the process runs and its event loop turns."""
        return {"status": "ok"}

    @router.get(
        "/readyz", **public("the platform asks whether to send traffic"), responses={503: {"description": "Not ready"}}
    )
    async def readiness(request: Request, response: Response) -> dict[str, Any]:
        """Say what this service depends on and whether each answers; 503 when it cannot serve."""
        edge: Edge = request.app.state.edge
        checks: dict[str, str] = {}
        for name, check in edge.checks.items():
            try:
                await check()
                checks[name] = "ok"
            except Exception as error:
                logger().warning("not ready", dependency=name, error_type=type(error).__name__)
                checks[name] = "unavailable"
        down = {name for name, state in checks.items() if state != "ok"}
        response.status_code = 503 if down & edge.required else 200
        status = "unavailable" if down & edge.required else "degraded" if down else "ok"
        return {"status": status, "checks": checks}

    @router.get("/metrics", **public("scraped inside the cluster; holds no PHI"), response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Return Prometheus metrics."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/openapi.json", **public("the contract is not a secret"))
    async def contract(request: Request) -> dict[str, Any]:
        """Return this service's OpenAPI document."""
        document: dict[str, Any] = request.app.openapi()
        return document

    return router


async def _render(request: Request, error: Exception) -> Response:
    assert isinstance(error, CareslotError)
    if isinstance(error, AccessRefused):
        edge: Edge = request.app.state.edge
        await edge.refused(error.entry)
    return problem_response(error)


async def _render_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = [
        FieldError("/".join(str(part) for part in fault["loc"]), str(fault["msg"]).removeprefix("Value error, "))
        for fault in error.errors()
    ]
    problem = Invalid("See 'errors' for what to correct.", errors=wrong)
    response = problem_response(problem)
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        malformed = Invalid("The body is not JSON.", slug="malformed", errors=wrong).problem()
        response = JSONResponse({**malformed, "status": 400}, 400, media_type=PROBLEM_JSON)
    return response


async def _render_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, CareslotError):
        # FastAPI turns whatever reading the body raised into a 400 of its own.
        return problem_response(error.__cause__)
    body = {"type": "about:blank", "title": str(error.detail), "status": error.status_code, "detail": str(error.detail)}
    return JSONResponse(body, error.status_code, headers=dict(error.headers or {}), media_type=PROBLEM_JSON)
