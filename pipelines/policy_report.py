"""`careslot policy report` and `gate`: all evidence for people and machines, and a gate."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines import policy_diff
from pipelines.policy_evidence import gathered, header
from policies.controls.model import SEVERITIES
from policies.report.evidence import Sources, content
from policies.report.oscal import oscal
from policies.report.page import page
from policies.report.sarif import sarif

Tests = Annotated[
    Path | None,
    typer.Option("--tests", help="What `make test ARGS=--junitxml=FILE` wrote; without it tests count as not run."),
]
Checkov = Annotated[bool, typer.Option("--checkov/--no-checkov", help="Ask Checkov for its opinion too.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def register(verbs: typer.Typer) -> None:
    """Add the verbs to `careslot policy`."""
    verbs.command("report")(report)
    verbs.command("gate")(gate)
    verbs.command("diff")(policy_diff.diff)


def report(
    out: Annotated[
        Path, typer.Option("--out", help="Where the report goes; made if it is not there.", metavar="FOLDER")
    ],
    tests: Tests = None,
    checkov: Checkov = True,
    as_json: AsJson = False,
) -> None:
    """Write report.html, report.json, report.sarif and assessment-results.json (OSCAL) for every environment."""
    began = time.monotonic()
    sources, _ = gathered(tests, checkov=checkov, today=datetime.now(UTC).date())
    said = content(sources)
    head = header(said)
    out.mkdir(parents=True, exist_ok=True)
    files = forms(said, head, sources)
    for name, text in files.items():
        (out / name).write_text(text, "utf-8")
    told = {"out": str(out), "files": sorted(files), "sha256": head["sha256"], **said["summary"]}
    if as_json:
        typer.echo(_json(told), nl=False)
        return
    typer.echo(f"{out}: {', '.join(files)}")
    typer.echo(f"{told['standing']} failures, {told['waived']} waived, {len(said['faults'])} faults of the policies")
    typer.echo(f"evidence {head['sha256']}, in {time.monotonic() - began:.0f} s")


def forms(said: dict[str, Any], head: dict[str, str], sources: Sources) -> dict[str, str]:
    """Return the report's files by name: the same evidence and header give the same bytes."""
    return {
        "report.html": page(said, head),
        "report.json": _json({"header": head, "content": said}),
        "report.sarif": _json(sarif(said, sources.catalogue)),
        "assessment-results.json": _json(oscal(said, head)),
    }


def gate(
    fail_on: Annotated[
        str, typer.Option("--fail-on", help="The least severity that fails: low, medium, high or critical.")
    ] = "low",
    tests: Tests = None,
    checkov: Checkov = True,
    as_json: AsJson = False,
) -> None:
    """Exit 1 on a failure of --fail-on or above, an unexplained difference, a fault of the policies, a failed test."""
    if fail_on not in SEVERITIES:
        raise typer.BadParameter(f"{fail_on!r}: one of {', '.join(SEVERITIES)}", param_hint="--fail-on")
    sources, found = gathered(tests, checkov=checkov, today=datetime.now(UTC).date())
    said = content(sources)
    grave = SEVERITIES[SEVERITIES.index(fail_on) :]
    problems = [
        f"{one['file']}:{one['line']}: {one['name']} in {one['stack']}: {one['message']} "
        f"[{one['rule']}, {one['severity']}]"
        for one in said["failures"]
        if one["severity"] in grave
    ]
    problems += said["faults"]
    problems += [
        f"{one['file']}:{one['line']}: {one['name']} in {one['stack']}: {one['title']} [{one['check']}, not explained]"
        for one in said["disagreements"]["unexplained"]
    ]
    named = {node for kind in ("test", "cedar") for node in sources.catalogue.of_evidence(kind)}
    problems += sorted(f"{node}: failed" for node in named if (sources.tests or {}).get(node) == "fail")
    if as_json:
        typer.echo(_json({"passed": not problems, "fail_on": fail_on, "problems": problems}), nl=False)
    else:
        for problem in problems:
            typer.echo(problem)
        typer.echo(f"{len(problems)} problems, {len(found.applied.waived)} waived")
    if problems:
        raise typer.Exit(1)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
