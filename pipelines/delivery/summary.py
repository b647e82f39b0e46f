"""`careslot summary`: what a pull request would change in AWS and what our rules say of it, as its comment tells it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from environments.model import names
from pipelines.estate_diff import Change, changes, recorded_at
from pipelines.preview import chosen, record
from policies.assessment import Assessment, assess, gravest_first, told
from policies.controls.model import Catalogue, load_catalogue

# As many resources are listed of a stack; the rest is counted.
LISTED = 40
SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("summary")(summary)


def summary(
    base: Annotated[str, typer.Option("--base", help="The commit that is compared with.", metavar="REV")],
    out: Annotated[Path, typer.Option("--out", help="Where the Markdown goes.", metavar="FILE")],
) -> None:
    """Write what changes in every stack since a commit, and which rules fail; the gate itself is `policy gate`."""
    typer.echo("recording every stack", err=True)
    recordings = record(chosen(()))
    typer.echo(f"recording them as of {base}", err=True)
    after = [json.loads(json.dumps(recording.as_dict())) for recording in recordings]
    found = changes(recorded_at(base, names()), after)
    text = markdown(found, assess(recordings, datetime.now(UTC).date()), load_catalogue())
    out.write_text(text, "utf-8")
    typer.echo(f"{out}: {len(found)} changes")


def markdown(found: Sequence[Change], judged: Assessment, catalogue: Catalogue) -> str:
    """Return the comment: counts first, then each stack's changes folded away, then what fails."""
    counts = Counter(change.how for change in found)
    lines = ["### What this changes in AWS", "", ", ".join(f"{counts[how]} {how}" for how in SIGNS) + "."]
    stacks: dict[str, list[Change]] = {}
    for change in found:
        stacks.setdefault(change.stack, []).append(change)
    for stack, of in stacks.items():
        lines += ["", f"<details><summary>{stack}: {len(of)}</summary>", "", "```diff"]
        lines += [f"{SIGNS[change.how]} {change.type} {change.name}{_paths(change)}" for change in of[:LISTED]]
        lines += [f"... and {len(of) - LISTED} more"] * (len(of) > LISTED)
        lines += ["```", "", "</details>"]
    failures = list(gravest_first(judged.applied.standing, catalogue))
    lines += ["", "### What our rules say", ""]
    lines.append(f"{len(failures)} failures, {len(judged.applied.waived)} waived, {len(judged.faults)} faults.")
    for finding in failures[:LISTED]:
        severity = told(finding, catalogue)["severity"]
        lines.append(f"- **{severity}** `{finding.place}` {finding.name}: {finding.message} [{finding.rule}]")
    lines += [f"- {fault}" for fault in judged.faults]
    return "\n".join(lines) + "\n"


def _paths(change: Change) -> str:
    """Return the paths that differ; values stay out, which may be what a public comment must not hold."""
    paths = [one.path for one in change.properties]
    return f": {', '.join(paths)}" if paths else ""
