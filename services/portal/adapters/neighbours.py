"""The other services over HTTP: one hop, a budget each, and the user's own token, never one of ours."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from services.kernel.errors import (
    CareslotError,
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionRequired,
    StaleVersion,
    Unauthenticated,
    Unavailable,
)
from services.kernel.resilience import DEADLINE_HEADER, Budget, Dependency, check_turned_away, remaining
from services.kernel.telemetry import correlation_id, traceparent
from services.portal.ports import Reply

_FAMILY: dict[int, type[CareslotError]] = {
    400: Invalid, 401: Unauthenticated, 403: Forbidden, 404: NotFound, 409: Conflict, 412: StaleVersion,
    422: Invalid, 428: PreconditionRequired,
}  # fmt: skip
_BUDGET = Budget(timeout=6.0, attempts=1, failures=8, rest=3.0)
_KNOWN = frozenset({"type", "title", "status", "detail", "instance", "errors"})


class HttpNeighbours:
    """Calls each service at its address."""

    def __init__(self, client: httpx.AsyncClient, addresses: Mapping[str, str]) -> None:
        self._client = client
        self._addresses = dict(addresses)
        self._dependencies = {name: Dependency(name, _BUDGET) for name in addresses}

    async def ask(
        self,
        token: str,
        method: str,
        service: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request; raise what the answer stands for, or Unavailable naming the service."""

        async def send() -> Reply:
            left = remaining(_BUDGET.timeout)
            answer = await self._client.request(
                method, self._addresses[service] + path, params=query, json=body, timeout=left,
                headers={**_headers(token), DEADLINE_HEADER: str(int(left * 1000)), **(headers or {})},
            )  # fmt: skip
            check_turned_away(service, answer.headers)
            if answer.status_code >= 500:
                # Whatever it was, it was theirs: counted by the breaker, told as an outage of that part.
                answer.raise_for_status()
            if not answer.is_success:
                raise told(answer)
            return Reply(answer.json() if answer.content else {}, answer.headers.get("etag", ""))

        try:
            return await self._dependencies[service].call(send)
        except Unavailable as error:
            raise type(error)(error.detail, retry_after=error.retry_after, extra={"service": service}) from error

    @asynccontextmanager
    async def follow(
        self, token: str, service: str, path: str, last_event_id: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a stream; raise Unavailable when it cannot be had."""
        headers = {"accept": "text/event-stream", **({"last-event-id": last_event_id} if last_event_id else {})}
        async with self._stream(token, service, path, {}, headers, httpx.Timeout(5.0, read=None)) as chunks:
            yield chunks

    @asynccontextmanager
    async def download(
        self, token: str, service: str, path: str, query: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a long answer; raise what a refusal stands for, or Unavailable when it cannot be had."""
        async with self._stream(token, service, path, query, {}, httpx.Timeout(5.0, read=60.0)) as chunks:
            yield chunks

    @asynccontextmanager
    async def _stream(
        self,
        token: str,
        service: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        patience: httpx.Timeout,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        try:
            async with self._client.stream(
                "GET", self._addresses[service] + path, params=query or None, headers={**_headers(token), **headers},
                timeout=patience,
            ) as answer:  # fmt: skip
                check_turned_away(service, answer.headers)
                if not answer.is_success:
                    await answer.aread()
                    raise told(answer)
                yield answer.aiter_raw()
        except httpx.ConnectError as error:
            raise Unavailable(f"{service} does not answer.", retry_after=3, extra={"service": service}) from error


def told(answer: httpx.Response) -> CareslotError:
    """Return the error of our family that an answer stands for, with everything the problem says."""
    try:
        problem: Any = answer.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    errors = [FieldError(str(e.get("where", "")), str(e.get("what", ""))) for e in problem.get("errors", ())]
    return _FAMILY.get(answer.status_code, Unavailable)(
        str(problem.get("detail", "")),
        slug=str(problem.get("type", "")).rpartition(":")[2] or None,
        errors=errors,
        extra={name: value for name, value in problem.items() if name not in _KNOWN},
    )


def _headers(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "traceparent": traceparent(correlation_id())}
