"""What steps of the story ask of slots and visits alike: when they are, whether they overlap, who has which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from services.local.demo.client import Person

FREE_TO_CANCEL = {"pending": "release", "booked": "cancel", "checked-in": "cancel"}


def when(item: dict[str, Any]) -> str:
    """Say when a slot is, on the clocks of its place."""
    return f"{datetime.fromisoformat(item['starts_local']):%a %d %b %H:%M}"


def visits(person: Person) -> list[dict[str, Any]]:
    """Return the appointments a patient has: the story must not want her at two places at once."""
    query: dict[str, Any] = {"patient_id": person.user.person, "from": datetime.now(UTC).isoformat(), "limit": 200}
    found = person.get("/booking/appointments", **query)["appointments"]
    return [visit for visit in found if visit["status"] in FREE_TO_CANCEL]


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    spans = [[datetime.fromisoformat(item[name]) for name in ("starts_at", "ends_at")] for item in (one, other)]
    return spans[0][0] < spans[1][1] and spans[1][0] < spans[0][1]


def single(slots: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Leave out offers that several may take at once."""
    return (slot for slot in slots if all(resource["depth"] == 1 for resource in slot["slot"]["resources"]))
