"""Ids that were replaced: whoever still names the old one, in a token, a link or a request, reaches what stands for it.

The table is tiny and read whole every few seconds, so that a request asks memory. What is written in the moment before
that comes in under the old id; each service moves such rows by itself, so that nothing is stranded.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from services.kernel.database import Connection, Database
from services.kernel.telemetry import logger

if TYPE_CHECKING:
    # Functions read aliases too, and carry neither a web framework nor tokens in their zip.
    from services.kernel.actor import Actor
    from services.kernel.http import Edge, Verifier

REFRESH_SECONDS = 2.0
_ALL = "SELECT id, stands_for FROM alias"


def current_id(parameter: str = "$1") -> str:
    """Return SQL for the id that stands for ``parameter`` (a placeholder such as ``$1``) now."""
    return f"coalesce((SELECT stands_for FROM alias WHERE id = {parameter}), {parameter})"  # noqa: S608 -- our words


def every_id(parameter: str = "$1") -> str:
    """Return SQL for an array of every id of the record that ``parameter`` names, replaced ones too."""
    current = current_id(parameter)
    return f"array_append(ARRAY(SELECT id FROM alias WHERE stands_for = {current}), {current})"  # noqa: S608


async def keep_alias(connection: Connection, id_: str, stands_for: str, version: int) -> None:
    """Keep that ``stands_for`` stands for ``id_`` now, unless something newer is known."""
    await connection.execute(
        """
        INSERT INTO alias AS kept (id, stands_for, version) VALUES ($1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET stands_for = excluded.stands_for, version = excluded.version
        WHERE excluded.version > kept.version
        """,
        id_,
        stands_for,
        version,
    )


class Aliases:
    """What stands for which id, as of the last look."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._known = dict(known or {})
        self._standing = frozenset(self._known.values())

    def of(self, id_: str) -> str:
        """Return the id that stands for ``id_`` now: itself, unless it was replaced."""
        return self._known.get(id_, id_)

    def stands_for_others(self, id_: str) -> bool:
        """Tell whether ``id_`` stands for another id."""
        return id_ in self._standing

    async def refresh(self, database: Database, statement: str = _ALL) -> None:
        """Look again; ``statement`` returns pairs of an id and what stands for it."""
        async with database.connection() as connection:
            rows = await connection.fetch(statement)
        self._known = {row[0]: row[1] for row in rows}
        self._standing = frozenset(self._known.values())


class AliasVerifier:
    """http.Verifier that takes a caller whose record was replaced for who they are now."""

    def __init__(self, verifier: "Verifier", aliases: Aliases) -> None:
        self._verifier = verifier
        self._aliases = aliases

    async def verify(self, token: str) -> "Actor":
        """Return who presents ``token``."""
        actor = await self._verifier.verify(token)
        return replace(actor, person=self._aliases.of(actor.person)) if actor.person else actor


@asynccontextmanager
async def following_aliases(edge: "Edge", database: Database, statement: str = _ALL) -> AsyncIterator[Aliases]:
    """Lend aliases that follow the table meanwhile; callers are verified with them."""
    aliases = Aliases()
    await aliases.refresh(database, statement)
    edge.verifier = AliasVerifier(edge.verifier, aliases)

    async def follow() -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await aliases.refresh(database, statement)
            except Exception as error:
                logger().warning("aliases wait", error_type=type(error).__name__)

    task = asyncio.create_task(follow())
    try:
        yield aliases
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
