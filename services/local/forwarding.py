"""Passes one request on to one service and its answer back, both as they come, and says plainly when it cannot.

What an intermediary must do is in RFC 9110 section 7.6: connection options end here, a Via header is added. At most
`IN_FLIGHT` requests are with a service at once; the others wait here, where waiting is cheap, instead of piling up in
front of its database connections. Live streams do not count: they last for hours.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from services.kernel.telemetry import correlated, correlation_from, logger, traceparent

HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
IN_FLIGHT = 24
QUEUE_SECONDS = 120.0
MOST_WAITING = 4096
CONNECT_SECONDS = 2.0
WHOLE_BODY_BYTES = 64 * 1024
# Below uvicorn's five: a connection the service is about to close must not carry a request that cannot be repeated.
KEEP_ALIVE_SECONDS = 3.0
EVENT_STREAM = "text/event-stream"
UNKNOWN_OUTCOME = "whether it acted is not known: repeat the request with the same Idempotency-Key."
PROBLEM_JSON = "application/problem+json"
BROWSER_HEADERS_NOT_SENT = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


def problem(status: HTTPStatus, slug: str, detail: str, retry_after: int | None = None) -> web.Response:
    """Return a problem+json answer (RFC 9457) of the gateway's own."""
    body = {"type": f"urn:careslot:problem:{slug}", "title": status.phrase, "status": status.value, "detail": detail}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    text = json.dumps(body).encode()
    return web.Response(body=text, status=status.value, headers=headers, content_type=PROBLEM_JSON)


class Forwarder:
    """The way to one service: its address, its places in flight, and the shared connection pool."""

    def __init__(self, service: str, base: str, session: aiohttp.ClientSession) -> None:
        self.service = service
        self.base = base.rstrip("/")
        self._session = session
        self._places = asyncio.Semaphore(IN_FLIGHT)
        self._waiting = 0

    async def __call__(self, request: web.Request, path: str) -> web.StreamResponse:
        """Forward ``request`` as ``path`` (raw, with its query); answer 502, 503 or 504 when there is no answer."""
        started = time.perf_counter()
        correlation = correlation_from(request.headers.get("traceparent"))
        with correlated(correlation):
            answer = await self._bounded(request, path, correlation)
            # The service logs its route; here only that it passed: a path holds ids and a query may hold more.
            logger().info(
                "forwarded", request_method=request.method, route=f"/{self.service}", status=answer.status,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )  # fmt: skip
            return answer

    async def _bounded(self, request: web.Request, path: str, correlation: str) -> web.StreamResponse:
        if EVENT_STREAM in request.headers.get("Accept", ""):
            return await self._told(request, path, correlation)
        if not await self._place():
            told = f"{self.service} has too much to do; try again shortly."
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", told, 5)
        try:
            return await self._told(request, path, correlation)
        finally:
            self._places.release()

    async def _place(self) -> bool:
        """Wait for a place; return whether it was had, which too many or too long a wait prevent."""
        if self._waiting >= MOST_WAITING:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                return await self._places.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1

    async def _told(self, request: web.Request, path: str, correlation: str) -> web.StreamResponse:
        answer: web.StreamResponse | None = None
        try:
            async with self._session.request(
                request.method,
                URL(self.base + path, encoded=True),
                headers=_request_headers(request.headers, correlation),
                data=await _body(request),
                allow_redirects=False,
                skip_auto_headers=BROWSER_HEADERS_NOT_SENT,
            ) as upstream:
                answer = _answer(upstream, self.service)
                return await _pass_back(request, upstream, answer)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            told = f"{self.service} is not running right now; try again shortly."
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "not-running", told, 1)
        except TimeoutError:
            return problem(HTTPStatus.GATEWAY_TIMEOUT, "no-answer", f"{self.service} took too long; {UNKNOWN_OUTCOME}")
        except (aiohttp.ClientError, ConnectionError):
            if answer is not None and answer.prepared:
                # Too late for another status: breaking off tells the client that the answer is not whole.
                raise
            return problem(HTTPStatus.BAD_GATEWAY, "broken-off", f"{self.service} broke off; {UNKNOWN_OUTCOME}", 1)


def new_session(answer_seconds: float) -> aiohttp.ClientSession:
    """Return the pool of connections to all services; ``answer_seconds`` is the longest silence, also of a stream."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, ttl_dns_cache=None)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=answer_seconds)
    return aiohttp.ClientSession(
        connector=connector, timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
    )


async def _body(request: web.Request) -> bytes | aiohttp.StreamReader | None:
    if not request.can_read_body:
        return None
    if request.content_length is not None and request.content_length <= WHOLE_BODY_BYTES:
        return await request.read()
    return request.content


async def _pass_back(
    request: web.Request, upstream: aiohttp.ClientResponse, answer: web.StreamResponse
) -> web.StreamResponse:
    if isinstance(answer, web.Response):
        answer.body = await upstream.read()
        return answer
    await answer.prepare(request)
    try:
        async for chunk in upstream.content.iter_any():
            await answer.write(chunk)
        await answer.write_eof()
    except ConnectionResetError:
        if request.transport is not None and not request.transport.is_closing():
            raise
    return answer


def _answer(upstream: aiohttp.ClientResponse, service: str) -> web.StreamResponse:
    """Begin the answer: short ones are passed on in one piece, everything else as it comes."""
    headers = _end_to_end(upstream.headers)
    headers.popall("Date", None)
    headers.popall("Server", None)
    if (location := headers.get("Location", "")).startswith("/"):
        headers["Location"] = f"/{service}{location}"
    length = upstream.content_length
    if length is not None and length <= WHOLE_BODY_BYTES and upstream.method != "HEAD":
        headers.popall("Content-Length", None)
        return web.Response(status=upstream.status, reason=upstream.reason, headers=headers)
    return web.StreamResponse(status=upstream.status, reason=upstream.reason, headers=headers)


def _request_headers(received: Mapping[str, str], correlation: str) -> CIMultiDict[str]:
    headers = _end_to_end(received)
    headers.popall("Host", None)
    headers.popall("Expect", None)  # answered here, by the server
    if "traceparent" not in headers:
        headers["traceparent"] = traceparent(correlation)
    headers.add("Via", "1.1 careslot-gateway")
    return headers


def _end_to_end(received: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the headers without those that concern one connection only (RFC 9110 section 7.6.1)."""
    headers = CIMultiDict(received)
    named = {name.strip().lower() for value in headers.getall("Connection", ()) for name in value.split(",")}
    for name in HOP_BY_HOP | (named - {""}):
        headers.popall(name, None)
    return headers
