"""`careslot comment` and `careslot propose`: what a pipeline says on GitHub, said once and then kept up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipelines.delivery.github import Comment, GitHub, Proposal, connect
from pipelines.delivery.parts import ROOT
from services.kernel.errors import Invalid

# GitHub takes no longer body.
LONGEST = 65_536
CUT = "\n\n_Cut here: the whole is in the run's log._\n"
TEXT = typer.Option("--file", help="The text, in Markdown; `-` reads it from standard input.", metavar="FILE")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("comment")(comment)
    app.command("propose")(propose)


def comment(
    pull_request: Annotated[int, typer.Argument(help="The pull request's number.", min=1, metavar="NUMBER")],
    marker: Annotated[str, typer.Option("--marker", help="What the comment is about, as in `preview`: one a marker.")],
    file: Annotated[Path, TEXT],
) -> None:
    """Say something on a pull request: a comment is written once, and from then on edited in place."""
    typer.echo(say(connect(), pull_request, marker, _text(file)))


def propose(
    paths: Annotated[list[str], typer.Argument(help="Files and folders whose changes are proposed.", metavar="PATH")],
    branch: Annotated[str, typer.Option("--branch", help="The branch that is made, or made anew.")],
    title: Annotated[str, typer.Option("--title", help="The pull request's title, and the commit's subject.")],
    file: Annotated[Path, TEXT],
    base: Annotated[str, typer.Option("--base", help="The branch it is proposed to.")] = "main",
    verify: Annotated[
        str, typer.Option("--verify", help="The workflow that verifies it, started by hand: a workflow's token cannot.")
    ] = "verify.yml",
) -> None:
    """Open a pull request with what changed in the working tree, or bring the one of the same branch up to date."""
    files = changed(ROOT, paths)
    if not files:
        typer.echo("nothing changed: nothing to propose")
        return
    made = bring(connect(), (branch, base), (title, _text(file)), files, verify)
    typer.echo(f"{'opened' if made.opened else 'updated'} {made.url}: {', '.join(sorted(files))}")


def say(github: GitHub, pull_request: int, marker: str, text: str) -> str:
    """Write the comment with this marker or edit it; return what was done: written, edited or unchanged."""
    if not re.fullmatch(r"[a-z0-9-]+", marker):
        raise Invalid(f"marker {marker!r}: small letters, digits and hyphens")
    hidden = f"<!-- careslot:{marker} -->"
    room = LONGEST - len(hidden) - 1
    body = f"{hidden}\n{text if len(text) <= room else text[: room - len(CUT)] + CUT}"
    there: Comment | None = next((c for c in github.comments(pull_request) if c.body.startswith(hidden)), None)
    if there is None:
        github.comment(pull_request, body)
        return "written"
    if there.body == body:
        return "unchanged"
    github.edit(there.id, body)
    return "edited"


def bring(
    github: GitHub, branches: tuple[str, str], words: tuple[str, str], files: dict[str, str], verify: str
) -> Proposal:
    """Commit files on a branch (of ``branches``: it and its base), propose it with title and body, have it verified."""
    branch, base = branches
    title, body = words
    if branch == base:
        raise Invalid(f"a change of {base} is proposed on another branch")
    github.commit(branch, base, title, files)
    proposal = github.propose(branch, base, title, body)
    github.start(verify, branch)
    return proposal


def changed(root: Path, paths: Sequence[str]) -> dict[str, str]:
    """Return files below ``paths`` that differ from the last commit, by path, with their text; refuses deletions."""
    listed = subprocess.run(
        ["git", "-C", str(root), "status", "--porcelain", "--untracked-files=all", "-z", "--no-renames", "--", *paths],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        raise Invalid(f"git cannot tell what changed: {listed.stderr.strip()}")
    names = [line[3:] for line in listed.stdout.split("\0") if line]
    if gone := [name for name in names if not (root / name).is_file()]:
        raise Invalid(f"{', '.join(gone)}: gone, and a promotion deletes nothing")
    return {name: (root / name).read_text("utf-8") for name in names}


def _text(file: Path) -> str:
    text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    if not text.strip():
        raise Invalid(f"{file} is empty: there is nothing to say")
    return text
