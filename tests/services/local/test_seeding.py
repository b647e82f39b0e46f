"""A seeded health system is there once, can be searched, and is complete however often seeding was begun."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import asyncpg

from services.local.platform import Platform
from services.local.progress import Progress
from services.local.seeding import Sizes, seed, unsent
from services.local.state import DemoUser, Layout
from tests.fixtures.platform import NewDatabase

pytest_plugins = ("tests.fixtures.platform",)
SIZES = Sizes(facilities=3, clinicians=12, patients=10)


def platform(tmp_path: Path, databases: dict[str, str]) -> Platform:
    """Return what seeding needs of a platform: its databases, its users, its folder."""
    users = (DemoUser(username="frontdesk", password="x", role="front-desk", facilities=("fac-0001",)),)
    state = SimpleNamespace(databases=databases, users=users)
    return cast(Platform, SimpleNamespace(state=state, layout=Layout(tmp_path)))


async def count(url: str, query: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_seeds_once_and_completes_what_was_interrupted(tmp_path: Path, database: NewDatabase) -> None:
    databases = {name: database(name) for name in ("directory", "availability", "booking", "notifications")}
    running = platform(tmp_path, databases)
    await seed(running, SIZES, Progress(machine=True))
    assert await count(databases["directory"], "SELECT count(*) FROM facilities") == 3
    assert await count(databases["directory"], "SELECT count(*) FROM role_assignments") == 1
    assert await count(databases["availability"], "SELECT count(*) FROM working_session") > 100
    events = await unsent(databases)
    assert events > 25
    assert json.loads(running.layout.seeded_file.read_text())["clinicians"] == 12

    running.layout.seeded_file.unlink()  # as if it had been interrupted at the very end
    sessions = await count(databases["availability"], "SELECT count(*) FROM working_session")
    await seed(running, SIZES, Progress(machine=True))
    assert await unsent(databases) == events
    assert await count(databases["availability"], "SELECT count(*) FROM working_session") == sessions


async def test_finds_what_is_there(tmp_path: Path, database: NewDatabase, capsys: Any) -> None:
    databases = {name: database(name) for name in ("directory", "availability", "booking", "notifications")}
    running = platform(tmp_path, databases)
    await seed(running, SIZES, Progress(machine=True))
    capsys.readouterr()
    await seed(running, Sizes(facilities=5, clinicians=20, patients=20), Progress(machine=True))
    [line] = [json.loads(one) for one in capsys.readouterr().out.splitlines() if '"done"' in one]
    assert "3 facilities, 12 clinicians, 10 patients" in line["said"]
