"""A service's projections rebuilt from what their owners answer over HTTP, while everything runs.

Nothing here reads another service's database: owners are asked as any caller would ask them, through the gateway, with
a token whose one scope is reading what services tell each other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from services.audit.cli.rebuild import REBUILD as AUDIT
from services.availability.cli.rebuild import REBUILD as AVAILABILITY
from services.booking.cli.rebuild import REBUILD as BOOKING
from services.kernel import rebuilding
from services.kernel.database import Connection, Database
from services.kernel.errors import Unavailable
from services.kernel.ids import new_id
from services.kernel.outbox import Envelope
from services.kernel.rebuilding import Differences, Rebuild
from services.notifications.cli.rebuild import REBUILD as NOTIFICATIONS
from services.waitlist.cli.rebuild import REBUILD as WAITLIST

REBUILDS = {rebuild.service: rebuild for rebuild in (AUDIT, AVAILABILITY, BOOKING, NOTIFICATIONS, WAITLIST)}
PAGE = 500
CHANGES = "changes"
Told = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Owners:
    """The services that own records, behind one address; ``http`` carries the token."""

    http: httpx.AsyncClient

    async def pages(self, owner: str, kind: str) -> AsyncIterator[Sequence[Envelope]]:
        """Yield everything ``owner`` tells of ``kind``, a page at a time; raise Unavailable when it does not answer."""
        path = f"/{owner}/changes" if kind == CHANGES else f"/{owner}/records"
        named = {} if kind == CHANGES else {"kind": kind}
        after = ""
        while True:
            page = await self._ask(owner, path, {**named, "limit": PAGE, **({"after": after} if after else {})})
            found = page["changes" if kind == CHANGES else "records"]
            yield [
                Envelope(new_id(), one["type"], f"careslot.{owner}", datetime.now(UTC), "", one["data"])
                for one in found
            ]
            after = (page["cursor"] if page["more"] else "") if kind == CHANGES else page["next"]
            if not after:
                return

    async def _ask(self, owner: str, path: str, query: dict[str, str | int]) -> Any:
        try:
            answer = await self.http.get(path, params=query)
        except httpx.HTTPError as fault:
            raise Unavailable(f"{owner} does not answer ({type(fault).__name__}); nothing was changed.") from None
        if answer.status_code != httpx.codes.OK:
            raise Unavailable(f"{owner} answered {answer.status_code} to {path}; nothing was changed.")
        return answer.json()


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was found, and what still differs after the rebuild (None when it was only looked)."""

    read: int
    found: Differences
    left: Differences | None

    @property
    def equal(self) -> bool:
        """Whether the projections are what their owners say now."""
        return not any((self.found if self.left is None else self.left).values())


async def run(database: Database, rebuild: Rebuild, owners: Owners, told: Told, *, check: bool) -> Rebuilt:
    """Compare the projections of ``rebuild`` with what ``owners`` say and, unless ``check``, make them equal."""
    async with database.connection() as connection:
        try:
            read = await _fill(connection, rebuild, owners, told)
            found = await rebuilding.differences(connection, rebuild)
            if check or not any(found.values()):
                return Rebuilt(read, found, None if check else found)
            async with connection.transaction():
                await rebuilding.replace(connection, rebuild)
        finally:
            await rebuilding.end(connection)
    if rebuild.afterwards is not None:
        async with database.transaction() as connection:
            await rebuild.afterwards(connection, found)
    # Asked again from the start: what was put in place is compared with what the owners say, not with itself.
    again = await run(database, rebuild, owners, lambda source, count: None, check=True)
    return Rebuilt(read, found, again.found)


async def _fill(connection: Connection, rebuild: Rebuild, owners: Owners, told: Told) -> int:
    await rebuilding.begin(connection, rebuild)
    read = 0
    for owner, kind in rebuild.sources:
        told(f"{owner} {kind}", 0)
        async for page in owners.pages(owner, kind):
            async with connection.transaction():
                for envelope in page:
                    await rebuild.take(connection, envelope)
            read += len(page)
            told(f"{owner} {kind}", len(page))
    return read
