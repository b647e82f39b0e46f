"""Many clients at once, each wanting one slot, each trying again under its key until it has an answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp

UNDECIDED = {502, 503, 504}
PATIENCE_SECONDS = 120.0


@dataclass(slots=True)
class Attempt:
    """One client's wish, and every answer it got to it."""

    slot: Mapping[str, Any]
    patient: str
    key: str = field(default_factory=lambda: str(uuid4()))
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    undecided: Counter[int] = field(default_factory=Counter)

    @property
    def status(self) -> int:
        """The status of the first answer that decided."""
        return self.answers[0][0]

    @property
    def body(self) -> dict[str, Any]:
        """The body of the first answer that decided."""
        return self.answers[0][1]


def attempts(slots: Sequence[Mapping[str, Any]], patients: Sequence[str]) -> list[Attempt]:
    """Return one attempt per slot and patient, mixed so that every slot is wanted from the first moment on."""
    return [Attempt(slot, patient) for patient in patients for slot in slots]


async def rush(gateway: str, token: str, wishes: Sequence[Attempt], *, repeats: int = 1) -> None:
    """Send all at once, over as many connections; each is sent ``repeats`` times under its own key."""
    headers = {"Authorization": f"Bearer {token}"}
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_read=90)
    async with aiohttp.ClientSession(gateway, headers=headers, connector=connector, timeout=timeout) as session:
        await asyncio.gather(*(_insist(session, wish) for wish in wishes for _ in range(repeats)))


async def _insist(session: aiohttp.ClientSession, wish: Attempt) -> None:
    body = {"offer": wish.slot["offer"], "patient_id": wish.patient}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                async with session.post(
                    "/booking/appointments", json=body, headers={"Idempotency-Key": wish.key}
                ) as answer:
                    told = await answer.json(content_type=None)
                    if answer.status not in UNDECIDED:
                        wish.answers.append((answer.status, told))
                        return
                    wish.undecided[answer.status] += 1
            except aiohttp.ClientError:
                wish.undecided[0] += 1
            await asyncio.sleep(0.2)
