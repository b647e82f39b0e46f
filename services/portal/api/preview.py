"""Whom a change would touch: read from booking's days with the planner's own token, bounded in days and at once."""

import asyncio
from collections.abc import Iterable
from datetime import date
from typing import Any

from services.portal.api.entrance import Visit

AT_ONCE = 6


async def booked(visit: Visit, facilities: Iterable[str], days: Iterable[date]) -> list[dict[str, Any]]:
    """Return every appointment at ``facilities`` on ``days``."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(facility_id: str, day: date) -> list[dict[str, Any]]:
        async with places:
            found: list[dict[str, Any]] = []
            after = ""
            while True:
                query = {"date": day.isoformat(), **({"after": after} if after else {})}
                listed = await visit.read("booking", f"/facilities/{facility_id}/day", **query)
                found += listed["appointments"]
                after = listed["next"] or ""
                if not after:
                    return found

    chosen = tuple(days)
    asked = [one(facility_id, day) for facility_id in facilities for day in chosen]
    return [appointment for listed in await asyncio.gather(*asked) for appointment in listed]
