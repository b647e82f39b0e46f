"""Freed slots and offers in PostgreSQL. Unique indexes settle who is asked: one live offer a slot and a request."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.contracts.slot_offer import SlotOffer
from services.kernel.database import Connection
from services.kernel.gauges import Overdue
from services.waitlist.adapters.rows import offer_of
from services.waitlist.domain.offers import Offer
from services.waitlist.ports import FreedSlot

# How late the rounds are: the oldest offer that has run out and is not ended, through the index by which it is found.
OVERDUE = Overdue(
    "offers",
    "SELECT extract(epoch FROM clock_timestamp() - min(expires_at)) FROM offer WHERE state IN ('securing', 'open')",
)


class PostgresOffers:
    """Implements ``ports.Offers`` in the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def keep_freed(self, freed: FreedSlot, version: int) -> None:
        """See ``ports.Offers``. What was closed stays closed: booking reopens none."""
        await self._connection.execute(
            """
            INSERT INTO freed_slot AS kept (freed_id, version, slot, starts_at, open_until, state)
            VALUES ($1, $2, $3, $4, $5, 'open')
            ON CONFLICT (freed_id) DO UPDATE SET version = excluded.version, slot = excluded.slot,
                open_until = excluded.open_until
            WHERE excluded.version > kept.version
            """,
            freed.freed_id, version, freed.slot.model_dump(mode="json"), freed.slot.starts_at, freed.open_until,
        )  # fmt: skip

    async def close_freed(self, freed_id: UUID, version: int | None, starts_at: datetime) -> None:
        """See ``ports.Offers``."""
        await self._connection.execute(
            """
            INSERT INTO freed_slot AS kept (freed_id, version, starts_at, state)
            VALUES ($1, coalesce($2, 0), $3, 'closed')
            ON CONFLICT (freed_id) DO UPDATE SET state = 'closed', version = greatest(kept.version, excluded.version)
            """,
            freed_id,
            version,
            starts_at,
        )

    async def extend_freed(self, freed_id: UUID, until: datetime) -> None:
        """See ``ports.Offers``."""
        await self._connection.execute(
            "UPDATE freed_slot SET open_until = $2 WHERE freed_id = $1 AND state = 'open'", freed_id, until
        )

    async def freed_to_fill(self, now: datetime) -> FreedSlot | None:
        """See ``ports.Offers``."""
        row = await self._connection.fetchrow(
            """
            SELECT f.* FROM freed_slot AS f
            WHERE f.state = 'open' AND f.open_until > $1
                AND NOT EXISTS (
                    SELECT FROM offer AS o WHERE o.freed_id = f.freed_id AND o.state IN ('securing', 'open')
                )
            ORDER BY f.starts_at LIMIT 1 FOR UPDATE OF f SKIP LOCKED
            """,
            now,
        )
        if row is None:
            return None
        return FreedSlot(row["freed_id"], SlotOffer.model_validate(row["slot"]), row["open_until"])

    async def add_offer(self, offer: Offer) -> bool:
        """See ``ports.Offers``."""
        return bool(
            await self._connection.fetchval(
                """
                INSERT INTO offer (id, freed_id, request_id, patient_id, slot, state, made_at, expires_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING true
                """,
                offer.id, offer.freed_id, offer.request_id, offer.patient_id, offer.slot.model_dump(mode="json"),
                offer.state, offer.made_at, offer.expires_at,
            )
        )  # fmt: skip

    async def offer(self, offer_id: UUID, *, lock: bool = False) -> Offer | None:
        """See ``ports.Offers``."""
        row = await self._connection.fetchrow(
            f"SELECT * FROM offer WHERE id = $1 {'FOR UPDATE' if lock else ''}",  # noqa: S608 -- our own words
            offer_id,
        )
        return offer_of(row) if row is not None else None

    async def live_offer_of(self, *, freed_id: UUID | None = None, request_id: UUID | None = None) -> Offer | None:
        """See ``ports.Offers``."""
        row = await self._connection.fetchrow(
            """
            SELECT * FROM offer WHERE state IN ('securing', 'open') AND (freed_id = $1 OR request_id = $2) FOR UPDATE
            """,
            freed_id,
            request_id,
        )
        return offer_of(row) if row is not None else None

    async def keep_offer(self, offer: Offer) -> None:
        """See ``ports.Offers``."""
        await self._connection.execute(
            "UPDATE offer SET state = $2, accepted_by = $3, appointment_id = $4 WHERE id = $1",
            offer.id, offer.state, offer.accepted_by, offer.appointment_id,
        )  # fmt: skip

    async def securing(self, limit: int) -> Sequence[Offer]:
        """See ``ports.Offers``."""
        rows = await self._connection.fetch("SELECT * FROM offer WHERE state = 'securing' ORDER BY id LIMIT $1", limit)
        return [offer_of(row) for row in rows]

    async def due(self, now: datetime, limit: int) -> Sequence[Offer]:
        """See ``ports.Offers``."""
        rows = await self._connection.fetch(
            """
            SELECT * FROM offer WHERE state IN ('securing', 'open') AND expires_at <= $1
            ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
            """,
            now,
            limit,
        )
        return [offer_of(row) for row in rows]
