"""A service with one place and routes that last until they are let go on, to rush at."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse

from services.contracts.callers import CALLERS
from services.kernel.access import AccessPolicies, Resource
from services.kernel.actor import Actor
from services.kernel.admission import LEAST_WAITING
from services.kernel.audit import AuditEntry
from services.kernel.clock import FixedClock
from services.kernel.concurrency import AdaptiveLimit
from services.kernel.deadlines import remaining
from services.kernel.doorkeeper import Doorkeeper
from services.kernel.errors import Unauthenticated
from services.kernel.http import Edge, GateDep, create_app, guard, public

ACCESS = Path(__file__).parents[3] / "policies" / "access"
FACILITY = "fac-1"


def actor(name: str) -> Actor:
    """Return who presents the token ``name``."""
    role = "front-desk" if name.startswith("desk") else "external-app"
    return Actor(name, frozenset({role}), facilities=frozenset({FACILITY}), scopes=frozenset({"careslot/slots.read"}))


class Tokens:
    """Takes every token until it is withdrawn."""

    def __init__(self) -> None:
        self.withdrawn: set[str] = set()

    async def verify(self, token: str) -> Actor:
        if token in self.withdrawn:
            raise Unauthenticated("No.", slug="token-expired")
        return actor(token)


router = APIRouter()


@router.get("/day", **guard("read-day"))
async def day(gate: GateDep) -> None:
    gate.require(Resource("Facility", FACILITY, {"facility": FACILITY}))


@router.get("/app", **guard("search-slots"))
async def app_searches(gate: GateDep) -> None:
    gate.require(Resource("Slots", "slots"))


@router.get("/slow", **public("a test"))
async def slow(request: Request) -> None:
    await request.app.state.gone_on.wait()


@router.get("/stream", **public("a test"))
async def stream(request: Request) -> StreamingResponse:
    async def events() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        await request.app.state.gone_on.wait()
        yield f"data: {remaining(3600.0)}\n\n".encode()

    return StreamingResponse(events(), media_type="text/event-stream")


def service_with_one_place() -> FastAPI:
    """One place, eight streams, and routes that last until ``gone_on`` is set."""

    @asynccontextmanager
    async def nothing(_app: FastAPI) -> AsyncIterator[None]:
        yield

    async def refused(_entry: AuditEntry) -> None:
        return None

    made = create_app(service="t", title="T", description="T", version="1", routers=[router], lifespan=nothing)
    door = Doorkeeper("t", CALLERS, AdaptiveLimit(1, 1, 1), streams=2, burst=LEAST_WAITING)
    clock = FixedClock(datetime(2027, 1, 1, tzinfo=UTC))
    made.state.edge = Edge("t", AccessPolicies.from_folder(ACCESS), Tokens(), clock, refused, door=door)
    made.state.gone_on = asyncio.Event()
    return made


def door_of(app: FastAPI) -> Doorkeeper:
    """Return the doorkeeper of ``app``."""
    found: Doorkeeper = app.state.edge.door
    return found


async def ask(app: FastAPI, path: str, token: str = "", **headers: str) -> httpx.Response:
    """GET ``path`` as whoever has ``token``."""
    sent = {**({"authorization": f"Bearer {token}"} if token else {}), **headers}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t", headers=sent) as client:
        return await client.get(path, timeout=20)


@asynccontextmanager
async def full(app: FastAPI, waiting: int = 0, token: str = "") -> AsyncIterator[list[asyncio.Task[httpx.Response]]]:
    """Take the only place, let ``waiting`` more wait for it; on leaving let them all go on."""
    tasks = [asyncio.create_task(ask(app, "/slow", token)) for _ in range(1 + waiting)]
    async with asyncio.timeout(20):
        while door_of(app).admission.in_hand < 1 or door_of(app).admission.waiting < waiting:
            await asyncio.sleep(0.001)
    try:
        yield tasks
    finally:
        app.state.gone_on.set()
        await asyncio.gather(*tasks)
