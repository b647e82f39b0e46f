"""What booking knows to be taken, asked for several offers at once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from services.booking.adapters import statements
from services.booking.adapters.turns import Turns
from services.booking.domain.claims import Taken, has_free_lanes, lane_keys, patient_keys
from services.contracts.slot_offer import SlotOffer
from services.kernel.database import Database


class PostgresPlaces:
    """Implements ``ports.TakenPlaces``."""

    def __init__(self, database: Database, turns: Turns) -> None:
        self._database = database
        self._turns = turns

    async def free_of(self, offers: Sequence[SlotOffer], now: datetime) -> frozenset[str]:
        """See ``ports.TakenPlaces``."""
        taken = await self._taken(offers, lane_keys)
        return frozenset(
            offer.slot_id for n, offer in enumerate(offers) if has_free_lanes(offer.resources, taken[n], now)
        )

    async def patient_free(self, patient_id: str, offers: Sequence[SlotOffer], now: datetime) -> frozenset[str]:
        """See ``ports.TakenPlaces``."""
        keys = patient_keys(patient_id)
        taken = await self._taken(offers, lambda _: keys)
        return frozenset(
            offer.slot_id for n, offer in enumerate(offers) if all(claim.expired(now) for claim in taken[n])
        )

    async def _taken(
        self, offers: Sequence[SlotOffer], keys_of: Callable[[SlotOffer], Iterable[int]]
    ) -> defaultdict[int, list[Taken]]:
        spots = [(n, key, offer.starts_at, offer.ends_at) for n, offer in enumerate(offers) for key in keys_of(offer)]
        found: defaultdict[int, list[Taken]] = defaultdict(list)
        if spots:
            async with self._turns.turn(), self._database.connection() as connection:
                for row in await connection.fetch(statements.STANDING_IN_THE_WAY, *zip(*spots, strict=True)):
                    found[row["n"]].append(Taken(row["key"], row["holder"], row["expires_at"], row["empty"]))
        return found
