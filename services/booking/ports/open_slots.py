"""Where open slots are asked for, and what booking itself knows to be taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.contracts.slot_offer import SlotOffer


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """A slot availability offers; ``item`` is availability's JSON, handed on as it came."""

    offer: SlotOffer
    item: Mapping[str, Any]


class OpenSlots(Protocol):
    """Availability's search, one hop away. Raises Unavailable when it cannot be had."""

    async def near(self, lost: SlotOffer, now: datetime, authorization: str) -> Sequence[OpenSlot]:
        """Return open slots like ``lost``: of its clinician, and of its facility and specialty."""
        ...


class TakenPlaces(Protocol):
    """Booking's own word on what is taken, asked before an alternative is shown."""

    async def free_of(self, offers: Sequence[SlotOffer], now: datetime) -> frozenset[str]:
        """Return the slot ids among ``offers`` whose resources still have a lane."""
        ...

    async def patient_free(self, patient_id: str, offers: Sequence[SlotOffer], now: datetime) -> frozenset[str]:
        """Return the slot ids among ``offers`` at which the patient has nothing else."""
        ...
