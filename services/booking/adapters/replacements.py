"""Availability's search as booking itself asks it for disrupted visits: three searches, best first."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from services.booking.adapters.availability import TIMEOUT_SECONDS
from services.booking.domain.disruption import Candidate
from services.booking.ports import Wanted
from services.contracts.slot_offer import SlotOffer
from services.kernel.credentials import ServiceToken
from services.kernel.errors import Unavailable
from services.kernel.resilience import DEADLINE_HEADER, Dependency, check_turned_away, remaining
from services.kernel.telemetry import correlation_id, traceparent

SCOPE = "careslot/slots.read"
ASKED_FOR = 60


class _Item(BaseModel):
    model_config = ConfigDict(extra="allow")

    slot: SlotOffer
    offer: str
    distance_km: float | None = None


class _Found(BaseModel):
    slots: list[_Item]


class AvailabilityReplacements:
    """Implements ``ports.Replacements``; facilities within ``within_km`` of the visit's are nearby."""

    def __init__(
        self, http: httpx.AsyncClient, url: str, token: ServiceToken, dependency: Dependency, within_km: float
    ) -> None:
        self._http = http
        self._url = f"{url.rstrip('/')}/slots"
        self._token = token
        self._dependency = dependency
        self._within_km = within_km

    async def like(self, wanted: Wanted) -> Sequence[Candidate]:
        """See ``ports.Replacements``."""
        asked = {
            "specialty": wanted.specialty,
            "visit_type": wanted.visit_type,
            "from": wanted.since.isoformat(),
            "to": wanted.until.isoformat(),
            "limit": str(ASKED_FOR),
        }
        narrowed = (
            {"clinician": wanted.clinician_id},
            {"facility": wanted.facility_id},
            {"near": wanted.facility_id, "within_km": str(self._within_km)},
        )

        async def all_three() -> list[list[Candidate]]:
            return await asyncio.gather(*(self._search({**asked, **more}) for more in narrowed))

        return [one for found in await self._dependency.call(all_three) for one in found]

    async def _search(self, asked: dict[str, str]) -> list[Candidate]:
        headers = {
            "authorization": f"Bearer {await self._token()}",
            "traceparent": traceparent(correlation_id()),
            DEADLINE_HEADER: str(int(remaining(TIMEOUT_SECONDS) * 1000)),
        }
        response = await self._http.get(self._url, params=asked, headers=headers, timeout=TIMEOUT_SECONDS)
        check_turned_away("availability", response.headers)
        if response.status_code >= 500:
            # Not one of our errors, so that the breaker counts it.
            response.raise_for_status()
        if response.status_code == 422:
            # A clinician, facility or visit type that availability does not know has no slots.
            return []
        if response.status_code != 200:
            raise Unavailable("availability would not search.")
        try:
            items = _Found.model_validate_json(response.content).slots
        except ValidationError:
            raise Unavailable("availability's answer is not understood.") from None
        return [Candidate(item.slot, _plain(item), item.distance_km) for item in items]


def _plain(item: _Item) -> dict[str, Any]:
    return item.model_dump(mode="json")


class NoReplacements:
    """Implements ``ports.Replacements`` where no address of availability is configured."""

    async def like(self, wanted: Wanted) -> Sequence[Candidate]:
        """Raise Unavailable."""
        raise Unavailable("availability's address is not configured.")
