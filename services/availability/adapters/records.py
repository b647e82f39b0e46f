"""What availability tells of leave and closures to whoever rebuilds a projection of them: those that have not ended."""

from collections.abc import Mapping, Sequence

from services.contracts.events.availability import ClosureRecorded, LeaveRecorded
from services.kernel.database import Connection
from services.kernel.outbox import Publishable
from services.kernel.records import Fetch


async def _leave(connection: Connection, after: str, limit: int) -> Sequence[tuple[str, Publishable]]:
    rows = await connection.fetch(
        """
        SELECT leave_id::text AS leave_id, clinician_id, starts_at, ends_at FROM leave
        WHERE ends_at > now() AND leave_id::text > $1 ORDER BY leave_id::text LIMIT $2
        """,
        after,
        limit,
    )
    return [(row["leave_id"], LeaveRecorded(**dict(row))) for row in rows]


async def _closures(connection: Connection, after: str, limit: int) -> Sequence[tuple[str, Publishable]]:
    rows = await connection.fetch(
        """
        SELECT closure_id::text AS closure_id, facility_id, starts_at, ends_at FROM closure
        WHERE ends_at > now() AND closure_id::text > $1 ORDER BY closure_id::text LIMIT $2
        """,
        after,
        limit,
    )
    return [(row["closure_id"], ClosureRecorded(**dict(row))) for row in rows]


KINDS: Mapping[str, Fetch] = {"leave": _leave, "closure": _closures}
