"""`careslot bench` as a command: what it asks for is said when it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from services.kernel.errors import Unavailable
from services.local.cli_bench import bench


def test_what_a_part_needs_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(bench)
    done = CliRunner().invoke(app, ["--part", "peers", "--folder", str(tmp_path / "none")])
    assert isinstance(done.exception, Unavailable)
    assert "make bench-peers" in str(done.exception.detail)
    assert not list(tmp_path.iterdir())
