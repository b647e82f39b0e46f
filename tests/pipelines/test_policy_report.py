"""`careslot policy report`, `gate` and `diff` as commands; `.ci/run` runs the first two over every stack.

Here: what they say to those who ask wrongly, and what changed between two reports.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipelines.policy_diff import report_of
from pipelines.policy_report import register
from services.kernel.errors import Invalid

# What stands for a commit's own code: it says how it was asked.
TOLD_BY_COMMIT = """
import json, pathlib, sys
def main():
    words = sys.argv[1:]
    out = words.pop(words.index("--out") + 1)
    words.remove("--out")
    pathlib.Path(out, "report.json").write_text(json.dumps({"header": {}, "content": {"asked": words}}))
"""


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


@pytest.mark.parametrize("name", ["no-such-commit", "--quiet", "HEAD^{tree}"])
def test_what_is_neither_a_report_nor_a_commit_is_told(app: typer.Typer, tmp_path: Path, name: str) -> None:
    done = CliRunner().invoke(app, ["diff", written(tmp_path, "a.json"), "--", name])
    assert isinstance(done.exception, Invalid)
    assert "neither a report.json nor a commit" in str(done.exception.detail)


def test_a_commits_own_code_makes_its_report_in_a_tree_that_is_taken_away(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "pipelines").mkdir(parents=True)
    (repository / "pipelines" / "__init__.py").touch()
    (repository / "pipelines" / "main.py").write_text(TOLD_BY_COMMIT)
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=repository, check=True)
    assert report_of("HEAD", checkov=False, root=repository)["asked"] == ["policy", "report", "--no-checkov"]
    trees = subprocess.run(["git", "worktree", "list"], cwd=repository, capture_output=True, text=True, check=True)
    assert len(trees.stdout.splitlines()) == 1


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
