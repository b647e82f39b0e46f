"""Which version counts as released, its files, and its tests over another schema."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipelines.compatibility import released_code
from pipelines.compatibility.released import BASE, checkout, released
from pipelines.compatibility.released_code import changed, texts
from services.kernel.errors import Invalid, Unavailable
from tests.pipelines.releasing_in import commit, git, repository

MIGRATION = "services/probe/migrations/probe-0001.first.sql"
TEST = """
import os
from pathlib import Path
def test_can_start_the_emulated_aws():
    assert Path(os.environ["CARESLOT_EMULATOR_PYTHON"]).exists()
def test_reads_its_column():
    assert "note text" in Path("services/probe/migrations/probe-0001.first.sql").read_text()
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one service, one migration, and the test of its routes."""
    monkeypatch.delenv(BASE, raising=False)
    root = repository(tmp_path)
    write(root, MIGRATION, "CREATE TABLE a (note text);")
    write(root, "tests/services/probe/test_api.py", TEST)
    commit(root)
    return root


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, "utf-8")


def head(root: Path) -> str:
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_last_release_counts_then_where_the_branch_began(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = head(root)
    assert "the commit before this one" in released(root).why
    git(root, "checkout", "-q", "-b", "work")
    write(root, "a.txt", "a")
    commit(root)
    assert (released(root).commit, released(root).why) == (first, "no tag release/* yet: where this branch left main")
    git(root, "tag", "release/1")
    tagged = head(root)
    write(root, "b.txt", "b")
    commit(root)
    assert (released(root).commit, released(root).why) == (tagged, "the last release, release/1")
    assert released(root, "main").commit == first
    monkeypatch.setenv(BASE, "HEAD")
    assert released(root).commit == head(root)
    with pytest.raises(Invalid, match="nowhere is no commit here"):
        released(root, "nowhere")


def test_without_history_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BASE, raising=False)
    with pytest.raises(Unavailable, match="neither a tag release/\\* nor an earlier commit"):
        released(repository(tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "bare").mkdir()
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "bare"))
    with pytest.raises(Unavailable, match="is it a repository"):
        released(tmp_path / "bare")


def test_the_released_code_is_run_on_the_new_schema(root: Path) -> None:
    folder = checkout(head(root), root)
    old = texts(folder)
    assert checkout(head(root), root) == folder
    assert released_code.run(folder, old, ("probe",)) == []
    (found,) = released_code.run(folder, {MIGRATION: "CREATE TABLE a (remark text);"}, ("probe",))
    assert found.path == "services/probe/migrations"
    assert "the released probe does not run on them:" in found.what
    assert "test_reads_its_column" in found.what
    (found,) = released_code.run(folder, old, ("other",))
    assert found.what == "nothing shows that the released other runs on them"


def test_only_services_with_another_schema_are_asked() -> None:
    old = {
        "services/kernel/migrations/a.sql": "1",
        "services/x/migrations/a.sql": "1",
        "services/y/migrations/a.sql": "1",
    }
    assert changed(old, old) == ()
    assert changed(old, {**old, "services/x/migrations/b.sql": "2"}) == ("x",)
    assert changed(old, {**old, "services/new/migrations/b.sql": "2"}) == ()
    assert changed(old, {**old, "services/kernel/migrations/b.sql": "2"}) == ("x", "y")
