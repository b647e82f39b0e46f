"""`careslot policy report`, `gate` and `diff` as commands; `.ci/run` runs the first two over every stack.

Here: what they say to those who ask wrongly, and what changed between two reports.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipelines.policy_report import register
from services.kernel.errors import Invalid


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    register(made)
    return made


def written(folder: Path, name: str, **more: Any) -> str:
    content: dict[str, Any] = {
        "requirements": [], "failures": [], "waived": [], "faults": [], "disagreements": {"unexplained": []},
    }  # fmt: skip
    (folder / name).write_text(json.dumps({"header": {}, "content": content | more}))
    return str(folder / name)


def test_what_changed_is_told_line_by_line_and_for_machines(app: typer.Typer, tmp_path: Path) -> None:
    failure = {"stack": "dev-us-east-1", "name": "files", "rule": "bucket-encrypted"}
    before, after = written(tmp_path, "a.json"), written(tmp_path, "b.json", failures=[failure])
    told = CliRunner().invoke(app, ["diff", before, after])
    assert told.exit_code == 0
    assert told.output.splitlines() == [
        "- dev-us-east-1 files [bucket-encrypted]: fails now", "1 worse, 0 better, 0 other",
    ]  # fmt: skip
    machine = CliRunner().invoke(app, ["diff", after, before, "--json"])
    assert json.loads(machine.output)["better"] == ["dev-us-east-1 files [bucket-encrypted]: fails no more"]


@pytest.mark.parametrize("text", [None, "", "{}", "[]"])
def test_a_file_that_is_no_report_is_told(app: typer.Typer, tmp_path: Path, text: str | None) -> None:
    good = written(tmp_path, "a.json")
    if text is not None:
        (tmp_path / "b.json").write_text(text)
    done = CliRunner().invoke(app, ["diff", good, str(tmp_path / "b.json")])
    assert isinstance(done.exception, Invalid)
    assert "b.json" in str(done.exception.detail)


def test_an_unknown_severity_is_wrong_use(app: typer.Typer) -> None:
    done = CliRunner().invoke(app, ["gate", "--fail-on", "dreadful"])
    assert done.exit_code == 2
    assert "critical" in done.output


def test_test_results_that_cannot_be_read_are_told_before_anything_long_begins(
    app: typer.Typer, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["gate", "--tests", str(tmp_path / "none.xml")])
    assert isinstance(done.exception, Invalid)
    assert "recording" not in done.output
