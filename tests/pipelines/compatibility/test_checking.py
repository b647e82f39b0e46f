"""Everything that a canary shares with the released version, compared in one go."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from pipelines.compatibility import checking
from pipelines.compatibility.released import released
from services.kernel.errors import Invalid
from tests.pipelines.releasing_in import commit, repository

EVENTS = """
from pydantic import BaseModel
class Booked(BaseModel):
    id: str
    {more}
EVENTS = {{"booking.booked.v1": Booked}}
"""
MIGRATIONS = "services/booking/migrations"
OPENAPI = "services/contracts/openapi/booking.json"


def lay(root: Path, *, more: str = "", path: str = "/a", migration: str | None = None) -> None:
    files = {
        "services/__init__.py": "", "services/contracts/__init__.py": "",
        "services/contracts/events/__init__.py": EVENTS.format(more=more),
        OPENAPI: json.dumps({"paths": {path: {"get": {"responses": {}}}}}),
        f"{MIGRATIONS}/booking-0001.a.sql": "CREATE TABLE a (id text);",
    }  # fmt: skip
    if migration:
        files[f"{MIGRATIONS}/booking-0002.b.sql"] = migration
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose last commit counts as released."""
    root = repository(tmp_path)
    lay(root)
    commit(root)
    return root


def compare(root: Path, *, run_code: bool = True) -> tuple[set[tuple[str, str]], str]:
    said = StringIO()
    found = checking.compare(released(root, "HEAD"), Console(file=said, width=200), root=root, run_code=run_code)
    return {(one.path, one.where) for one in found}, said.getvalue()


def test_nothing_changed_is_compatible(root: Path) -> None:
    found, said = compare(root)
    assert found == set()
    assert "nothing to run" in said


def test_each_kind_of_break_is_told_with_its_place(root: Path) -> None:
    lay(root, more="room: str", path="/b", migration="ALTER TABLE a DROP COLUMN id;")
    found, _ = compare(root, run_code=False)
    assert found == {
        ("services/contracts/events/booking.py", "booking.booked.v1 room"),
        (OPENAPI, "GET /a"),
        (f"{MIGRATIONS}/booking-0002.b.sql", "line 1"),
    }


def test_the_released_migrations_are_remembered_after_they_gave_way(root: Path) -> None:
    lay(root, migration="CREATE TABLE b (id text);")
    for _ in range(2):
        found, said = compare(root)
        assert found == {(MIGRATIONS, "")}  # no test here was released that would show it
        assert "running the released tests of booking" in said


def test_a_base_that_is_none_is_told() -> None:
    app = typer.Typer()
    checking.register(app)
    with pytest.raises(Invalid, match="nowhere is no commit here"):
        CliRunner().invoke(app, ["--base", "nowhere"], catch_exceptions=False)
