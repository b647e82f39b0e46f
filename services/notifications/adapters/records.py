"""What notifications tells of consent to offers to whoever rebuilds a projection of it."""

from collections.abc import Mapping, Sequence

from services.kernel.database import Connection
from services.kernel.outbox import Publishable
from services.kernel.records import Fetch
from services.notifications.adapters.postgres import preferences_of
from services.notifications.usecases.telling import preferences_changed


async def _preferences(connection: Connection, after: str, limit: int) -> Sequence[tuple[str, Publishable]]:
    rows = await connection.fetch(
        "SELECT * FROM preferences WHERE patient_id > $1 ORDER BY patient_id LIMIT $2", after, limit
    )
    return [(row["patient_id"], preferences_changed(preferences_of(row))) for row in rows]


KINDS: Mapping[str, Fetch] = {"preferences": _preferences}
