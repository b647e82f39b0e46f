"""Interpreters and what occupies them. Whichever search for slots runs, these rows say who is free."""

from collections.abc import Sequence
from datetime import datetime

from services.availability.domain.interpreters import FreeTime, Interpreter, free_time
from services.availability.domain.sessions import Period
from services.kernel.database import Connection, Database

LONGEST_APPOINTMENT = "8 hours"
_COLUMNS = (
    "interpreter_id", "version", "name", "languages", "facility_ids", "remote", "timezone", "weekdays", "starts",
    "ends", "days_off", "active",
)  # fmt: skip
_PUT = f"""
    INSERT INTO interpreter AS kept ({", ".join(_COLUMNS)}) VALUES ({", ".join(f"${n + 1}" for n in range(12))})
    ON CONFLICT (interpreter_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])}
    WHERE excluded.version > kept.version RETURNING true
"""  # noqa: S608 -- column names of ours
# What is over, or was never confirmed in time, occupies nobody.
_FREE = f"""
    SELECT i.*, b.starts AS busy_starts, b.ends AS busy_ends FROM interpreter AS i
    CROSS JOIN LATERAL (
        SELECT array_agg(starts_at) AS starts, array_agg(ends_at) AS ends FROM busy
        WHERE live AND interpreter_id <> '' AND busy.interpreter_id = i.interpreter_id AND ends_at > $2
            AND starts_at > $2::timestamptz - interval '{LONGEST_APPOINTMENT}' AND starts_at < $3
            AND (expires_at IS NULL OR expires_at > $4)
    ) AS b
    WHERE i.active AND i.languages @> ARRAY[$1::text] ORDER BY i.interpreter_id
"""  # noqa: S608 -- a constant of ours


class InterpreterRows:
    """Implements ports.Interpreters on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put_interpreter(self, interpreter: Interpreter) -> bool:
        """Keep the interpreter unless a version as new is kept."""
        return bool(
            await self._connection.fetchval(
                _PUT, interpreter.interpreter_id, interpreter.version, interpreter.name, list(interpreter.languages),
                list(interpreter.facility_ids), interpreter.remote, interpreter.timezone, list(interpreter.weekdays),
                interpreter.starts, interpreter.ends, list(interpreter.days_off), interpreter.active,
            )
        )  # fmt: skip


class PostgresInterpreterTimes:
    """Implements ports.InterpreterTimes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def free(self, language: str, window: Period, now: datetime) -> Sequence[FreeTime]:
        """See ports.InterpreterTimes."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_FREE, language, window.starts_at, window.ends_at, now)
        return [
            free_time(
                Interpreter(
                    row["interpreter_id"], row["version"], row["name"], tuple(row["languages"]),
                    tuple(row["facility_ids"]), row["remote"], row["timezone"], tuple(row["weekdays"]), row["starts"],
                    row["ends"], tuple(row["days_off"]), row["active"],
                ),
                window,
                [Period(*both) for both in zip(row["busy_starts"] or (), row["busy_ends"] or (), strict=True)],
            )
            for row in rows
        ]  # fmt: skip
