"""What happens around every request, before and after its route: the part of the edge that knows no route.

A pure ASGI layer, because a streamed answer must pass through it unbuffered.
"""

import time
from collections.abc import Mapping

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kernel.access import Gate
from services.kernel.errors import CareslotError, Unauthenticated
from services.kernel.resilience import DEADLINE_HEADER, deadline
from services.kernel.telemetry import REQUESTS, correlated, correlation_from, correlation_id, logger

MAX_BODY_BYTES = 256 * 1024
REQUEST_SECONDS = 10.0
PROBLEM_JSON = "application/problem+json"


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
    """Correlation, deadline, size limit, access log, metrics, and the check that the gate was asked."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        with correlated(correlation_from(headers.get("traceparent"))), deadline(_seconds(headers.get(DEADLINE_HEADER))):
            await self._serve(scope, receive, send, headers)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str]) -> None:
        started = time.perf_counter()
        status = 0
        scope.setdefault("state", {})

        async def guarded_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                gate: Gate | None = scope["state"].get("gate")
                if gate is not None and not gate.decided and message["status"] < 400:
                    raise UndecidedError(gate.action)
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-correlation-id", correlation_id().encode()),
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                ]
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
            seconds = time.perf_counter() - started
            route = _route(scope)
            REQUESTS.labels(self._service, scope["method"], route, str(status)).observe(seconds)
            if route not in {"/livez", "/readyz", "/metrics"}:
                logger().info(
                    "request", request_method=scope["method"], route=route, status=status,
                    duration_ms=round(seconds * 1000, 1),
                )  # fmt: skip


def _route(scope: Scope) -> str:
    # The template, never the path: paths hold ids.
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _seconds(header: str | None) -> float:
    return min(int(header) / 1000, REQUEST_SECONDS) if header and header.isdecimal() else REQUEST_SECONDS


def _length(headers: Mapping[str, str]) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


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
