"""Availability's search over HTTP: one hop, with the caller's own credentials, within three seconds or not at all."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from services.booking.ports import OpenSlot
from services.contracts.slot_offer import SlotOffer
from services.kernel.errors import Unavailable
from services.kernel.resilience import DEADLINE_HEADER, Dependency, check_turned_away, remaining
from services.kernel.telemetry import correlation_id, traceparent

TIMEOUT_SECONDS = 3.0
ASKED_FOR = 20
BEFORE, AFTER = timedelta(days=3), timedelta(days=14)


class _Item(BaseModel):
    model_config = ConfigDict(extra="allow")

    slot: SlotOffer
    offer: str


class _Found(BaseModel):
    slots: list[_Item]


class AvailabilitySlots:
    """Implements ``ports.OpenSlots``."""

    def __init__(self, http: httpx.AsyncClient, url: str, dependency: Dependency) -> None:
        self._http = http
        self._url = f"{url.rstrip('/')}/slots"
        self._dependency = dependency

    async def near(self, lost: SlotOffer, now: datetime, authorization: str) -> Sequence[OpenSlot]:
        """See ``ports.OpenSlots``: the same clinician's slots and those of the facility, asked for at once."""
        asked = {
            "specialty": lost.specialty,
            "visit_type": lost.visit_type,
            "from": max(now, lost.starts_at - BEFORE).isoformat(),
            "to": (lost.starts_at + AFTER).isoformat(),
            "limit": str(ASKED_FOR),
            **({"interpreter": lost.interpreted} if lost.interpreted else {}),
        }
        narrowed = ({"clinician": lost.clinician_id}, {"facility": lost.facility_id})

        async def both() -> list[list[OpenSlot]]:
            return await asyncio.gather(*(self._search({**asked, **more}, authorization) for more in narrowed))

        return [slot for found in await self._dependency.call(both) for slot in found]

    async def _search(self, asked: dict[str, str], authorization: str) -> list[OpenSlot]:
        headers = {
            "authorization": authorization,
            "traceparent": traceparent(correlation_id()),
            DEADLINE_HEADER: str(int(remaining(TIMEOUT_SECONDS) * 1000)),
        }
        response = await self._http.get(self._url, params=asked, headers=headers, timeout=TIMEOUT_SECONDS)
        check_turned_away("availability", response.headers)
        if response.status_code >= 500:
            # Not one of our errors, so that the breaker counts it.
            response.raise_for_status()
        if response.status_code != 200:
            raise Unavailable("availability would not search.")
        try:
            items: list[_Item] = _Found.model_validate_json(response.content).slots
        except ValidationError:
            raise Unavailable("availability's answer is not understood.") from None
        return [OpenSlot(item.slot, _plain(item)) for item in items]


def _plain(item: _Item) -> dict[str, Any]:
    return item.model_dump(mode="json")


class NoSlots:
    """Implements ``ports.OpenSlots`` where no address of availability is configured."""

    async def near(self, lost: SlotOffer, now: datetime, authorization: str) -> Sequence[OpenSlot]:
        """Raise Unavailable."""
        raise Unavailable("availability's address is not configured.")
