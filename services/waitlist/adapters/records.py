"""What waitlist tells of where somebody waits to whoever rebuilds a projection of it."""

from collections.abc import Mapping, Sequence

from services.contracts.events.waitlist import DemandChanged
from services.kernel.database import Connection
from services.kernel.outbox import Publishable
from services.kernel.records import Fetch


async def _demand(connection: Connection, after: str, limit: int) -> Sequence[tuple[str, Publishable]]:
    facility_id, _, specialty = after.partition("|")
    rows = await connection.fetch(
        """
        SELECT facility_id, specialty, waiting > 0 AS waiting, version FROM demand
        WHERE (facility_id, specialty) > ($1, $2) ORDER BY facility_id, specialty LIMIT $3
        """,
        facility_id,
        specialty,
        limit,
    )
    return [(f"{row['facility_id']}|{row['specialty']}", DemandChanged(**dict(row))) for row in rows]


KINDS: Mapping[str, Fetch] = {"demand": _demand}
