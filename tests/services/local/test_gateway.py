"""The gateway passes requests on as an intermediary must, and says plainly when a service cannot answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from services.local.forwarding import IN_FLIGHT
from services.local.gateway import GatewaySettings, create, serve

STREAMED = web.AppKey("streamed", asyncio.Queue[bytes])


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, max_line_size=65536)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def sign_in(request: web.Request) -> web.Response:
    asked = json.loads(await request.read())
    if asked["AuthParameters"]["PASSWORD"] != "right":
        return web.json_response({"__type": "NotAuthorizedException"}, status=400)
    assert request.headers["X-Amz-Target"].endswith(".InitiateAuth")
    result = {"IdToken": "id", "AccessToken": "access", "ExpiresIn": 900}
    return web.json_response({"AuthenticationResult": result})


def upstream() -> web.Application:
    app = web.Application()
    app[STREAMED] = asyncio.Queue()

    async def echo(request: web.Request) -> web.Response:
        told = {
            "path": request.raw_path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": (await request.read()).decode("latin-1")[:100],
            "length": len(await request.read()),
        }
        return web.json_response(told, headers={"Connection": "X-Hop", "X-Hop": "1", "ETag": '"7"'})

    async def created(_request: web.Request) -> web.Response:
        return web.Response(status=201, headers={"Location": "/appointments/1"})

    async def stream(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        while True:
            await answer.write(await app[STREAMED].get())

    async def large(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(20):
            await answer.write(b"x" * 50_000)
        return answer

    async def breaks(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def sleeps(_request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    app.router.add_route("*", r"/echo{tail:[\s\S]*}", echo)
    app.router.add_post("/appointments", created)
    app.router.add_get("/stream", stream)
    app.router.add_get("/large", large)
    app.router.add_post("/breaks", breaks)
    app.router.add_get("/sleeps", sleeps)

    app.router.add_post("/", sign_in)
    return app


@pytest.fixture
async def service() -> web.Application:
    return upstream()


@pytest.fixture
async def gateway(service: web.Application) -> AsyncIterator[str]:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        async with serving(service) as base:
            settings = GatewaySettings(
                services={"booking": base, "availability": nobody}, cognito=base, client_id="portal", answer_seconds=1
            )
            async with serving(create(settings)) as address:
                yield address


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def test_takes_the_prefix_off_and_keeps_path_and_query_as_sent(
    gateway: str, client: aiohttp.ClientSession
) -> None:
    from yarl import URL

    for path in ("/echo/a%2Fb?q=%20x&q=2", "/echo/a%0Ab"):
        async with client.get(URL(f"{gateway}/booking{path}", encoded=True)) as answer:
            told = await answer.json()
        assert told["path"] == path


async def test_connection_headers_end_here_and_trace_and_via_are_added(
    gateway: str, client: aiohttp.ClientSession
) -> None:
    headers = {"Connection": "keep-alive, X-Mine", "X-Mine": "1", "TE": "trailers", "Authorization": "Bearer t"}
    async with client.get(f"{gateway}/booking/echo", headers=headers) as answer:
        told = (await answer.json())["headers"]
        assert "X-Hop" not in answer.headers
        assert answer.headers["ETag"] == '"7"'
    assert "x-mine" not in told
    assert "te" not in told
    assert told["authorization"] == "Bearer t"
    assert told["via"] == "1.1 careslot-gateway"
    assert len(told["traceparent"].split("-")[1]) == 32


async def test_keeps_a_traceparent_that_came(gateway: str, client: aiohttp.ClientSession) -> None:
    sent = f"00-{'a' * 32}-{'b' * 16}-01"
    async with client.get(f"{gateway}/booking/echo", headers={"traceparent": sent}) as answer:
        assert (await answer.json())["headers"]["traceparent"] == sent


@pytest.mark.parametrize("size", [0, 1, 70_000, 900_000])
async def test_bodies_of_any_size_pass_on(gateway: str, client: aiohttp.ClientSession, size: int) -> None:
    async with client.post(f"{gateway}/booking/echo", data=b"x" * size) as answer:
        assert (await answer.json())["length"] == size


async def test_large_answers_stream_back(gateway: str, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{gateway}/booking/large") as answer:
        assert len(await answer.read()) == 1_000_000


async def test_events_pass_as_they_come(gateway: str, client: aiohttp.ClientSession, service: web.Application) -> None:
    headers = {"Accept": "text/event-stream"}
    async with client.get(f"{gateway}/booking/stream", headers=headers) as answer:
        for text in (b"data: one\n\n", b"data: two\n\n"):
            # Only one event is under way at a time: were anything kept back, this would wait for ever.
            service[STREAMED].put_nowait(text)
            assert await asyncio.wait_for(answer.content.readany(), 5) == text


async def test_locations_get_the_prefix(gateway: str, client: aiohttp.ClientSession) -> None:
    async with client.post(f"{gateway}/booking/appointments") as answer:
        assert answer.status == 201
        assert answer.headers["Location"] == "/booking/appointments/1"


@pytest.mark.parametrize(
    ("path", "method", "status", "slug"),
    [
        ("/availability/slots", "GET", 503, "not-running"),
        ("/booking/breaks", "POST", 502, "broken-off"),
        ("/booking/sleeps", "GET", 504, "no-answer"),
        ("/nowhere/x", "GET", 404, "no-such-service"),
    ],
)
async def test_faults_are_problems_in_plain_words(gateway: str, path: str, method: str, status: int, slug: str) -> None:
    async with aiohttp.ClientSession() as client, client.request(method, gateway + path) as answer:
        assert answer.status == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        told = json.loads(await answer.read())
    assert told["type"] == f"urn:careslot:problem:{slug}"
    assert told["status"] == status
    assert "Traceback" not in told["detail"]


async def test_signs_in_without_an_aws_sdk(gateway: str, client: aiohttp.ClientSession) -> None:
    async with client.post(f"{gateway}/auth/token", json={"username": "patient", "password": "right"}) as answer:
        assert await answer.json() == {
            "id_token": "id", "access_token": "access", "token_type": "Bearer", "expires_in": 900,
        }  # fmt: skip
    async with client.post(f"{gateway}/auth/token", json={"username": "patient", "password": "wrong"}) as answer:
        assert answer.status == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"username": 1, "password": "x"}', b"\xff"])
async def test_refuses_what_is_not_a_sign_in(gateway: str, client: aiohttp.ClientSession, body: bytes) -> None:
    async with client.post(f"{gateway}/auth/token", data=body) as answer:
        assert answer.status == 422


async def test_lists_the_services_for_programs_and_for_people(gateway: str, client: aiohttp.ClientSession) -> None:
    async with client.get(gateway) as answer:
        assert {entry["name"] for entry in (await answer.json())["services"]} == {"booking", "availability"}
    async with client.get(gateway, headers={"Accept": "text/html"}) as answer:
        assert "<table>" in await answer.text()


async def test_two_thousand_at_once_all_get_an_answer(gateway: str, client: aiohttp.ClientSession) -> None:
    async def one(number: int) -> int:
        async with client.post(f"{gateway}/booking/echo", json={"number": number}) as answer:
            await answer.read()
            return answer.status

    statuses = await asyncio.gather(*(one(number) for number in range(2000)))
    assert IN_FLIGHT < 2000, "some had to wait"
    assert set(statuses) == {200}


async def test_it_serves_as_a_program_and_takes_long_lines(service: web.Application) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with serving(service) as base, aiohttp.ClientSession() as session:
        settings = GatewaySettings(port=port, services={"booking": base}, cognito=base, client_id="portal")
        running = asyncio.create_task(serve(settings))
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(aiohttp.ClientConnectorError):
                    async with session.get(f"http://127.0.0.1:{port}/booking/large?q={'x' * 30_000}") as answer:
                        assert answer.status == 200
                        break
                await asyncio.sleep(0.05)
            signal.raise_signal(signal.SIGTERM)
            await running
