"""Who interprets when, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.availability.domain.interpreters import FreeTime, free_time
from services.availability.domain.sessions import Period
from tests.services.availability.fakes import FakeDatabase


class FakeInterpreterTimes:
    """Fake of ports.InterpreterTimes."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    async def free(self, language: str, window: Period, now: datetime) -> Sequence[FreeTime]:
        tables = self._database.tables
        live = [one for one in tables.appointments.values()
                if one.live and (one.expires_at is None or one.expires_at > now)]  # fmt: skip
        return [
            free_time(one, window, [b.period for b in live if b.interpreter_id == name])
            for name, one in sorted(tables.interpreters.items())
            if one.active and language in one.languages
        ]
