"""What happens around every request, before and after its route: the part of the edge that knows no route.

A pure ASGI layer, because a streamed answer must pass through it unbuffered.
"""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastapi.responses import JSONResponse
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kernel.access import Gate
from services.kernel.concurrency import Usual
from services.kernel.deadlines import DEADLINE_HEADER, deadline, forget_deadline
from services.kernel.doorkeeper import Place
from services.kernel.errors import CareslotError, Unauthenticated
from services.kernel.resilience import TURNED_AWAY_HEADER
from services.kernel.telemetry import REQUESTS, correlated, correlation_from, correlation_id, logger

MAX_BODY_BYTES = 256 * 1024
REQUEST_SECONDS = 10.0
PROBLEM_JSON = "application/problem+json"
EMERGENCY_HEADER = "X-Careslot-Break-Glass"
EVENT_STREAM = b"text/event-stream"
# The platform asks these most when a process has most to do, and restarts one that does not answer.
NEVER_REFUSED = frozenset({"/livez", "/readyz", "/metrics"})
_TURNED_AWAY = TURNED_AWAY_HEADER.encode()
_DEADLINE, _GLASS = DEADLINE_HEADER.encode(), EMERGENCY_HEADER.lower().encode()
_NO_STORE = (b"cache-control", b"no-store")
_ALWAYS = (_NO_STORE, (b"x-content-type-options", b"nosniff"))
# Where in a request's state the place is that was given at the connection.
PLACE = "careslot-place"
_METHODS = {method: method for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
if TYPE_CHECKING:
    from services.kernel.http import Edge


class TooLarge(CareslotError):
    """The body is larger than any request of ours needs."""

    status = 413
    title = "The body is too large"
    slug = "too-large"


class UndecidedError(RuntimeError):
    """A guarded route was about to answer without having asked its gate."""


def problem_response(error: CareslotError) -> JSONResponse:
    """Render ``error`` as problem+json with the correlation id as its instance."""
    headers = {"retry-after": str(error.retry_after)} if error.retry_after is not None else {}
    if error.status == Unauthenticated.status:
        headers["www-authenticate"] = f'Bearer error="invalid_token", error_description="{error.slug}"'
        if max_age := error.extra.get("max_age"):  # RFC 9470 section 3: a token is fine, its sign-in is too old
            headers["www-authenticate"] = f'Bearer error="insufficient_user_authentication", max_age={max_age}'
    instance = f"urn:trace:{correlation_id()}"
    return JSONResponse(error.problem(instance), error.status, headers=headers, media_type=PROBLEM_JSON)


class EdgeMiddleware:
    """Admission, correlation, deadline, size limit, access log, metrics, and the check that the gate was asked."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service
        self._counted: dict[tuple[str, str, int], tuple[Histogram, Usual]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arrived = time.perf_counter()
        headers = dict(scope["headers"])  # ASGI: names are lower case; of a repeated one the last counts
        seconds = _seconds(headers.get(_DEADLINE))
        scope.setdefault("state", {})
        asked = scope["state"].pop(PLACE, None) or _asked(scope, headers, seconds)
        if isinstance(asked, CareslotError):
            await self._refuse(scope, send, asked, headers)
            return
        with correlated(correlation_from(_trace(headers))), deadline(seconds):
            if asked is not None and (refusal := await asked.wait()) is not None:
                await self._refuse(scope, send, refusal, headers)
                return
            await self._serve(scope, receive, send, headers, arrived, asked)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, bytes], arrived: float,
        place: Place | None,
    ) -> None:  # fmt: skip
        status, begun = 0, 0.0

        async def guarded_send(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                _check_decided(scope["state"].get("gate"), message["status"])
                status = message["status"]
                told = message.get("headers", [])
                if not any(name == b"content-length" for name, _ in told):
                    _streams(place)
                    begun = time.perf_counter()
                # A route that says for how long it may be kept is about nobody; everything else is kept by no one.
                kept = any(name == b"cache-control" for name, _ in told)
                rest = _ALWAYS[1:] if kept else _ALWAYS
                message["headers"] = [*told, (b"x-correlation-id", correlation_id().encode()), *rest]
            await send(message)

        try:
            if _length(headers) > MAX_BODY_BYTES:
                raise TooLarge(f"Send at most {MAX_BODY_BYTES} bytes.")
            await self._app(scope, _bounded(receive), guarded_send)
        except CareslotError as error:
            if status:
                raise
            await problem_response(error)(scope, receive, guarded_send)
        except Exception as error:
            logger().error("request failed", route=_route(scope), exc_info=error)
            if status:
                raise
            failed = CareslotError("Quote the instance when you report this.")
            await problem_response(failed)(scope, receive, guarded_send)
        finally:
            ended = time.perf_counter()
            self._done(scope, status, ended - arrived, (begun or ended) - arrived, place)

    def _done(self, scope: Scope, status: int, seconds: float, answered: float, place: Place | None) -> None:
        """Count and log a request of ``seconds``, whose caller had an answer, or its beginning, after ``answered``."""
        route = _route(scope)
        durations, usual = self._counters(_METHODS.get(scope["method"], "OTHER"), route, status)
        if place is not None:
            # Faults are fast or as slow as a timeout: neither says how busy it is here.
            place.leave(usual if 0 < status < 500 else None)
        # How long somebody follows a stream is up to them.
        durations.observe(answered)
        if route not in NEVER_REFUSED:
            logger().info(
                "request", request_method=scope["method"], route=route, status=status,
                duration_ms=round(seconds * 1000, 1),
            )  # fmt: skip

    def _counters(self, method: str, route: str, status: int) -> tuple[Histogram, Usual]:
        key = (method, route, status)
        found = self._counted.get(key)
        if found is None:
            # Not bounded by itself: routes, their methods and their statuses are.
            found = self._counted[key] = (REQUESTS.labels(self._service, method, route, str(status)), Usual())
        return found

    async def _refuse(self, scope: Scope, send: Send, refusal: CareslotError, headers: Mapping[bytes, bytes]) -> None:
        told, body = turned_away(scope["app"].state.edge, refusal, headers, scope["method"])
        await send({"type": "http.response.start", "status": refusal.status, "headers": told})
        await send({"type": "http.response.body", "body": body})


def turned_away(
    edge: "Edge", refusal: CareslotError, headers: Mapping[bytes, bytes], method: str
) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return headers and body for a request of which nothing was begun.

    What is refused must cost next to nothing, so it is counted and not logged.
    """
    correlation = correlation_from(_trace(headers))
    if edge.refused_page is not None:
        kind, body = edge.refused_page(headers)
    else:
        kind, body = PROBLEM_JSON, json.dumps(refusal.problem(f"urn:trace:{correlation}")).encode()
    REQUESTS.labels(edge.service, _METHODS.get(method, "OTHER"), "refused", str(refusal.status)).observe(0.0)
    told = [
        (b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(refusal.retry_after).encode()), (b"x-correlation-id", correlation.encode()),
        (_TURNED_AWAY, refusal.slug.encode()), *_ALWAYS,
    ]  # fmt: skip
    return told, body


def _asked(scope: Scope, headers: Mapping[bytes, bytes], seconds: float) -> Place | CareslotError | None:
    """Ask for a place; None where there is no doorkeeper, or nobody is refused."""
    edge: Edge | None = getattr(scope["app"].state, "edge", None)
    if edge is None or edge.door is None or scope["path"] in NEVER_REFUSED:
        return None
    client = scope.get("client")
    return edge.door.ask(
        *_presented(scope, edge, headers), client[0] if client else "", seconds, stream=_wants_stream(headers)
    )


def asked_early(scope: Scope, edge: "Edge | None", headers: Mapping[bytes, bytes]) -> Place | CareslotError | None:
    """Ask for a place for somebody who is known already, before anything is begun; None for anybody else.

    Strangers are told apart by their address, which a proxy's headers may have to tell: they ask in the middleware.
    """
    if edge is None or edge.door is None or scope["path"] in NEVER_REFUSED:
        return None
    credential, special = _presented(scope, edge, headers)
    if not edge.door.knows(credential, special):
        return None
    return edge.door.ask(
        credential, special, "", _seconds(headers.get(_DEADLINE)), stream=_wants_stream(headers), early=True
    )


def _presented(scope: Scope, edge: "Edge", headers: Mapping[bytes, bytes]) -> tuple[int, int]:
    """Return the hashes of what a caller presents: the credential, and one together with an emergency access or 0."""
    credential: int = edge.credential(headers)
    scope["state"]["credential"] = credential
    glass = headers.get(_GLASS)
    return credential, glass_hash(credential, glass) if glass else 0


def _wants_stream(headers: Mapping[bytes, bytes]) -> bool:
    return EVENT_STREAM in headers.get(b"accept", b"")


def _streams(place: Place | None) -> None:
    """An answer without a length may go on for minutes: it holds no place, and the time to begin it is over with it."""
    forget_deadline()
    if place is not None:
        place.becomes_stream()


def _check_decided(gate: Gate | None, status: int) -> None:
    if gate is not None and not gate.decided and status < 400:
        raise UndecidedError(gate.action)


def credential_of(headers: Mapping[bytes, bytes]) -> int:
    """Return a keyed hash (SipHash, its key new in each process) of what a caller presents, which is not kept."""
    return hash(headers.get(b"authorization", b""))


def glass_hash(credential: int, glass: bytes) -> int:
    """Return the hash of a credential together with the emergency access presented beside it."""
    return hash((credential, glass))


def _route(scope: Scope) -> str:
    # The template, never the path: paths hold ids.
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _trace(headers: Mapping[bytes, bytes]) -> str | None:
    trace = headers.get(b"traceparent")
    return trace.decode("latin-1") if trace else None


def _seconds(header: bytes | None) -> float:
    return min(int(header[:9]) / 1000, REQUEST_SECONDS) if header and header.isdigit() else REQUEST_SECONDS


def _length(headers: Mapping[bytes, bytes]) -> int:
    length = headers.get(b"content-length", b"0")
    return int(length[:18]) if length.isdigit() else 0


def _bounded(receive: Receive) -> Receive:
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY_BYTES:
            raise TooLarge(f"Send at most {MAX_BODY_BYTES} bytes.")
        return message

    return bounded
