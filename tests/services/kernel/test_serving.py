"""At the connection: refused with one answer that is whole, kept connections go on, and places come back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from services.kernel.admission import LEAST_WAITING
from services.kernel.resilience import TURNED_AWAY_HEADER
from services.kernel.serving import config_of
from tests.services.kernel.rush import door_of, service_with_one_place

DESK = {"authorization": "Bearer desk"}


class Interrupted:
    """Stands before the edge and ends some requests before it is reached."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["query_string"] == b"interrupted":
            raise RuntimeError
        await self.app(scope, receive, send)


@pytest.fixture
def app() -> FastAPI:
    return service_with_one_place()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of ``app`` as it is served, with one connection; the desk was verified there."""
    config = config_of(app, "127.0.0.1", 0)
    config.load()
    config.loaded_app = Interrupted(app)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=DESK, limits=limits) as made:
        assert (await made.get("/day")).status_code == 200
        yield made
    app.state.gone_on.set()
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await serving


def fill(app: FastAPI, *, waiting: int) -> None:
    """Let somebody have the place and others wait for it, all of them the desk's."""
    door = door_of(app)
    credential = hash(DESK["authorization"].encode())
    for _ in range(1 + waiting):
        door.ask(credential, 0, "", 10.0, stream=False)
    assert (door.admission.in_hand, door.admission.waiting) == (1, waiting)


async def test_a_refusal_is_whole_and_the_connection_goes_on(app: FastAPI, client: httpx.AsyncClient) -> None:
    fill(app, waiting=LEAST_WAITING)
    for _ in range(3):
        answer = await client.post("/day", content=b"x" * 100_000)
        assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
        assert answer.json()["type"] == "urn:careslot:problem:too-many-requests"
        assert answer.json()["instance"] == f"urn:trace:{answer.headers['x-correlation-id']}"
        assert answer.headers[TURNED_AWAY_HEADER] == "too-many-requests"
        assert 1 <= int(answer.headers["retry-after"]) <= 3
    head = await client.head("/day")
    assert (head.status_code, head.content) == (429, b"")
    assert (await client.get("/livez")).status_code == 200


async def test_who_is_served_gives_the_place_back(app: FastAPI, client: httpx.AsyncClient) -> None:
    for _ in range(3):
        assert (await client.get("/day")).status_code == 200
    assert door_of(app).admission.in_hand == 0


async def test_a_request_that_ends_before_the_edge_gives_its_place_back(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    for _ in range(3):
        assert (await client.get("/day?interrupted")).status_code == 500
    assert (door_of(app).admission.in_hand, door_of(app).admission.waiting) == (0, 0)
    assert (await client.get("/day")).status_code == 200


async def test_one_that_waits_and_ends_before_the_edge_waits_no_more(app: FastAPI, client: httpx.AsyncClient) -> None:
    fill(app, waiting=1)
    assert (await client.get("/day?interrupted")).status_code == 500
    assert (door_of(app).admission.in_hand, door_of(app).admission.waiting) == (1, 1)


async def test_a_stranger_asks_behind_the_headers_that_tell_the_address(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    answer = await client.get("/day", headers={"authorization": "Bearer desk2"})
    assert answer.status_code == 200
    assert door_of(app).admission.lines["newcomers"].admitted == 2
