"""Serves an application over HTTP, and turns away at the connection whoever cannot be served.

Under three times the load two of three requests are refused: what a refusal costs decides what is left for the others.
On its way through a task and eight layers of middleware it cost half of a search from memory. Here it is asked as soon
as the headers are read, and answered with one write. It also makes the queue ours as early as can be: everybody whose
request came in a turn of the event loop asks before anybody of them is served.
"""

import contextlib
import sys
from socket import socket
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from services.kernel.doorkeeper import Place
from services.kernel.errors import CareslotError
from services.kernel.garbage import settle
from services.kernel.middleware import PLACE, asked_early, turned_away

if TYPE_CHECKING:
    from services.kernel.http import Edge

# The last resort, before memory: connections and requests one process takes; beyond them 503 without a word.
MOST_CONNECTIONS = 4096
# As uvicorn ends when an application does not start.
STARTUP_FAILED = 3


class DoorProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, but for asking the doorkeeper of ``served`` before a request is begun."""

    served: FastAPI

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        edge: Edge | None = getattr(self.served.state, "edge", None)
        headers = dict(cycle.scope["headers"])
        asked = asked_early(cast("Scope", cycle.scope), edge, headers)
        if isinstance(asked, CareslotError):
            assert edge is not None, "it has refused"
            told, body = turned_away(edge, asked, headers, cycle.scope["method"])
            self._answer(cycle, asked.status, told, body)
            return
        if asked is not None:
            cycle.scope["state"][PLACE] = asked
            app = _holding(app, asked)
        super()._start_asgi_task(cycle, app)

    def _answer(
        self, cycle: RequestResponseCycle, status: int, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> None:
        """Answer at once and whole; the rest of the request, if there is more, is passed over."""
        lines = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            lines += [name, b": ", value, b"\r\n"]
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        self.transport.write(b"".join([*lines, b"\r\n", b"" if cycle.scope["method"] == "HEAD" else body]))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()


def _holding(app: ASGIApp, place: Place) -> ASGIApp:
    """Return ``app`` so that ``place`` is given back even if the request ends before the edge is reached."""

    async def held(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        finally:
            place.abandon()

    return held


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        settle()


def config_of(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """Return how every process of ours is served.

    asyncio's own loop: uvloop accepts one new connection in each of its turns, which are long in a rush.
    """
    protocol = type("ProtocolOfOne", (DoorProtocol,), {"served": app})
    return uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5,
        limit_concurrency=MOST_CONNECTIONS, loop="asyncio", http=protocol,
    )  # fmt: skip


def serve_at(app: FastAPI, host: str, port: int) -> None:
    """Serve ``app`` at an address until told to stop; blocking."""
    server = _Server(config_of(app, host, port))
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILED)
