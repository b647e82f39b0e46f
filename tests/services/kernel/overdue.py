"""How late a service's database says its clock's work is, in seconds."""

from services.kernel.database import Database
from services.kernel.gauges import Overdue


async def seconds_late(database: Database, overdue: Overdue) -> float | None:
    """Return what the statement tells, as it stands in the database."""
    async with database.connection() as connection:
        late = await connection.fetchval(overdue.statement)
    return None if late is None else float(late)
