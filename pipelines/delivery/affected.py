"""`careslot affected`: which parts a change reaches, so that a pull request is verified by what it can have broken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipelines.delivery.parts import ROOT, Part, affected
from pipelines.verify import CHECKS, Check, run
from services.kernel.errors import Invalid


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("affected")(tell)


def tell(
    base: Annotated[
        str, typer.Option("--base", help="What the change is compared with: where it left this branch.", metavar="REV")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the parts as a workflow's matrix takes them, on one line.")
    ] = False,
    verify: Annotated[
        str, typer.Option("--verify", help="Run this part's tests and checks instead of telling.", metavar="PART")
    ] = "",
) -> None:
    """Tell the parts that changed files reach, by imports, files read and calls; exit 1 if there is none."""
    parts = affected(changed_since(base, ROOT))
    if untested := [part.name for part in parts if not part.tests and not part.checks]:
        raise Invalid(f"{', '.join(untested)}: a change there would pass without a test or a check")
    if verify:
        _verify(verify, parts)
    elif as_json:
        sys.stdout.write(json.dumps({"include": [part.as_dict() for part in parts]}) + "\n")
    else:
        for part in parts:
            typer.echo(_told(part))
        typer.echo(f"{len(parts)} parts")


def checks_of(part: Part) -> dict[str, Check]:
    """Return what verifies a part: its tests as one check, then its checks by their names."""
    tests = {"test": Check(f"the tests of {part.name}", ("make", "test", f"ARGS={' '.join(part.tests)}"))}
    return (tests if part.tests else {}) | {name: CHECKS[name] for name in part.checks}


def _verify(name: str, parts: Sequence[Part]) -> None:
    part = next((part for part in parts if part.name == name), None)
    if part is None:
        raise Invalid(f"{name} is not affected; these are: {', '.join(part.name for part in parts)}")
    done = run(checks_of(part), lambda line: typer.echo(line, err=True))
    for finding in (finding for one in done for finding in one.findings):
        typer.echo(str(finding))
    if any(one.findings for one in done):
        raise typer.Exit(1)


def changed_since(base: str, root: Path) -> tuple[str, ...]:
    """Return the files, deleted ones too, that differ from where this branch left ``base``; untracked ones included."""
    return (*_git(root, "diff", "--name-only", "--no-renames", "-z", "--merge-base", base, "--"),
            *_git(root, "ls-files", "--others", "--exclude-standard", "-z"))  # fmt: skip


def _git(root: Path, *words: str) -> tuple[str, ...]:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        what = done.stderr.strip().splitlines()
        raise Invalid(f"git cannot compare: {what[0] if what else 'it did not say why'}")
    return tuple(name for name in done.stdout.split("\0") if name)


def _told(part: Part) -> str:
    by = ", ".join((*part.tests, *(f"verify {check}" for check in part.checks)))
    more = f" and {len(part.because) - 1} more" if len(part.because) > 1 else ""
    return f"{part.name}: {by} (because of {part.because[0]}{more})"
