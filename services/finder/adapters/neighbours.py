"""Directory and availability over HTTP: one hop, a budget each, and no token: their public routes ask for none."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

import httpx

from services.finder.domain.care import Facility, OpenTime, VisitType
from services.kernel.errors import FieldError, Invalid
from services.kernel.resilience import DEADLINE_HEADER, Budget, Dependency, check_turned_away, remaining
from services.kernel.telemetry import correlation_id, traceparent

_BUDGET = Budget(timeout=4.0, attempts=2, failures=5, rest=5.0)
PAGE = 200
MOST_PAGES = 50
Parameters = Mapping[str, str | int | float | Sequence[str]]


R = TypeVar("R", Facility, VisitType)


class HttpCare:
    """Implements ports.Care."""

    def __init__(self, client: httpx.AsyncClient, directory_url: str, availability_url: str, days: int) -> None:
        self._client = client
        self._addresses = {"directory": directory_url, "availability": availability_url}
        self._dependencies = {name: Dependency(name, _BUDGET) for name in self._addresses}
        self._days = days

    async def facilities(self) -> Sequence[Facility]:
        """Return every open facility, page after page."""
        found: list[Facility] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            page = await self._get("directory", "/public/facilities", {"limit": PAGE, "cursor": cursor})
            found += [_read(Facility, one) for one in page["facilities"]]
            cursor = page["next"]
            if not cursor:
                break
        return tuple(found)

    async def near(self, zip_code: str, within_km: float, limit: int) -> Sequence[Facility]:
        """Return the nearest facilities; raise Invalid for a ZIP code nobody knows."""
        asked: Parameters = {"near": zip_code, "within_km": within_km, "limit": limit}
        answer = await self._get("directory", "/public/facilities", asked)
        return tuple(_read(Facility, one) for one in answer["facilities"])

    async def visit_types(self) -> Sequence[VisitType]:
        """Return what anybody may book."""
        answer = await self._get("directory", "/public/visit-types", {})
        return tuple(_read(VisitType, one) for one in answer["visit_types"])

    async def open_times(self, facility_id: str, visit_types: Sequence[str]) -> Sequence[OpenTime]:
        """Return the open times of the coming days."""
        asked: Parameters = {"facility": facility_id, "visit_type": visit_types, "days": self._days}
        answer = await self._get("availability", "/public/open-times", asked)
        return tuple(
            OpenTime(
                one["visit_type"], datetime.fromisoformat(one["starts_at"]), datetime.fromisoformat(one["ends_at"]),
                one["places"],
            )
            for one in answer["open_times"]
        )  # fmt: skip

    async def _get(self, service: str, path: str, query: Parameters) -> dict[str, Any]:
        async def send() -> dict[str, Any]:
            left = remaining(_BUDGET.timeout)
            headers = {DEADLINE_HEADER: str(int(left * 1000)), "traceparent": traceparent(correlation_id())}
            answer = await self._client.get(
                self._addresses[service] + path, params=dict(query), headers=headers, timeout=left
            )
            check_turned_away(service, answer.headers)
            if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
                # Only a ZIP code is passed on as people type it.
                raise Invalid("Give another ZIP code.", errors=[FieldError("query/zip", "is not known")])
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
            return found

        return await self._dependencies[service].call(send)


def _read(kind: type[R], told: Mapping[str, Any]) -> R:
    """Return what an answer tells, without what we do not know yet."""
    return kind(**{field.name: told[field.name] for field in fields(kind)})
