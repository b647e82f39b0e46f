"""`careslot policy diff`: what changed between two reports, or between the reports that two commits would give.

A commit's report is made by its own code, rules and explanations, in a working tree that is then taken away.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.policy_evidence import gathered
from policies.report.changes import changes
from policies.report.evidence import content
from services.kernel.errors import Invalid

ROOT = Path(__file__).resolve().parents[1]
# What a commit's own working tree borrows from this one, if it is here: Checkov, and its answers to the same questions.
BORROWED = (Path(".venv-checkov"), Path(".cache", "checkov"))


def diff(
    before: Annotated[str, typer.Argument(help="A report.json, or a commit.", metavar="A")],
    after: Annotated[
        str | None,
        typer.Argument(help="A later report.json, or a commit; what is here now if not given.", metavar="[B]"),
    ] = None,
    checkov: Annotated[
        bool, typer.Option("--checkov/--no-checkov", help="Ask Checkov too, for those that are not a report.json.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Tell what changed from one report to another: requirements, findings, waivers, differences from Checkov."""
    old = report_of(before, checkov=checkov)
    new = _here(checkov=checkov) if after is None else report_of(after, checkov=checkov)
    found = changes(old, new)
    if as_json:
        typer.echo(json.dumps(found, indent=1, sort_keys=True))
        return
    for sign, direction in (("-", "worse"), ("+", "better"), ("~", "other")):
        for line in found[direction]:
            typer.echo(f"{sign} {line}")
    typer.echo(f"{len(found['worse'])} worse, {len(found['better'])} better, {len(found['other'])} other")


def report_of(name: str, *, checkov: bool, root: Path = ROOT) -> dict[str, Any]:
    """Return the content of a report by its file, or of the report that a commit of ``root`` makes by its own code."""
    file = Path(name)
    if file.is_file() or file.suffix == ".json":
        return _read(file)
    with _tree(name, root) as folder, tempfile.TemporaryDirectory(prefix="careslot-report-") as out:
        print(f"reporting on {name}", file=sys.stderr, flush=True)
        words = ["policy", "report", "--out", out, *([] if checkov else ["--no-checkov"])]
        ran = subprocess.run(
            [sys.executable, "-c", "from pipelines.main import main; main()", *words],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ran.returncode:
            said = ran.stderr.strip().splitlines()
            raise Invalid(f"{name} gives no report: {said[-1] if said else 'it said nothing'}")
        return _read(Path(out, "report.json"))


@contextmanager
def _tree(revision: str, root: Path) -> Iterator[Path]:
    """Yield a working tree of a commit; raise Invalid if git knows none by that name."""
    with tempfile.TemporaryDirectory(prefix="careslot-diff-") as parent:
        folder = Path(parent, "tree")
        named = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if named.returncode:
            raise Invalid(f"{revision!r} is neither a report.json nor a commit")
        made = _git(root, "worktree", "add", "--quiet", "--detach", str(folder), named.stdout.strip())
        if made.returncode:
            raise Invalid(f"{revision} cannot be laid out: {made.stderr.strip()}")
        try:
            for path in BORROWED:
                if (root / path).exists():
                    (folder / path).parent.mkdir(parents=True, exist_ok=True)
                    (folder / path).symlink_to(root / path)
            yield folder
        finally:
            _git(root, "worktree", "remove", "--force", str(folder))


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)


def _here(*, checkov: bool) -> dict[str, Any]:
    sources, _ = gathered(None, checkov=checkov, today=datetime.now(UTC).date())
    return content(sources)


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text("utf-8"))["content"])
    except OSError as fault:
        raise Invalid(f"{file}: {fault.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise Invalid(f"{file}: not a report.json of `careslot policy report`") from None
