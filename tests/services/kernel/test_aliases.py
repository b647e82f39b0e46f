"""Ids that were replaced: the newest word counts, and whoever names the old one is taken for who they are now."""

from __future__ import annotations

import asyncio

from services.kernel.actor import Actor
from services.kernel.aliases import Aliases, current_id, every_id, following_aliases, keep_alias
from services.kernel.clock import SystemClock
from services.kernel.database import Database
from tests.fixtures.edge import edge_of
from tests.fixtures.platform import NewDatabase

ACTORS = {"old": Actor("s", frozenset({"patient"}), person="a"), "desk": Actor("d", frozenset({"front-desk"}))}


async def test_the_newest_word_counts_and_callers_follow_it(database: NewDatabase) -> None:
    opened = Database(database("kernel"), application="test", max_size=2)
    await opened.open()
    async with opened.transaction() as connection:
        await keep_alias(connection, "a", "c", 2)
        await keep_alias(connection, "a", "b", 1)
        await keep_alias(connection, "b", "c", 1)
        assert await connection.fetchval(f"SELECT {current_id()}", "a") == "c"
        assert await connection.fetchval(f"SELECT {current_id()}", "x") == "x"
        assert sorted(await connection.fetchval(f"SELECT {every_id()}", "b")) == ["a", "b", "c"]
        assert await connection.fetchval(f"SELECT {every_id()}", "x") == ["x"]
    edge = edge_of("test", opened, ACTORS, SystemClock())
    async with following_aliases(edge, opened) as aliases:
        assert (await edge.verifier.verify("old")).person == "c"
        assert (await edge.verifier.verify("desk")).person == ""
        async with opened.transaction() as connection:
            await keep_alias(connection, "a", "d", 3)
        async with asyncio.timeout(20):
            while aliases.of("a") != "d":
                await asyncio.sleep(0.05)
        assert aliases.stands_for_others("d")
    await opened.close()


def test_nothing_stands_for_what_was_not_replaced() -> None:
    aliases = Aliases({"a": "b"})
    assert (aliases.of("a"), aliases.of("b"), aliases.of("c")) == ("b", "b", "c")
    assert not aliases.stands_for_others("a")
