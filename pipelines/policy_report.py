"""`careslot policy report`, `gate` and `diff`: all evidence for people and machines, a gate, and what changed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.stacks import all_stacks
from pipelines.preview import record
from policies.assessment import Assessment, assess
from policies.checkov.disagreements import Settled, load_explanations, settle
from policies.checkov.opinion import opinion
from policies.controls.model import SEVERITIES, load_catalogue
from policies.report.changes import changes
from policies.report.evidence import Sources, content, hashed
from policies.report.named_tests import outcomes
from policies.report.oscal import oscal
from policies.report.page import page
from policies.report.sarif import sarif
from services.kernel.errors import Invalid, Unavailable

ROOT = Path(__file__).resolve().parents[1]
ACCESS = ("access_matrix.txt", "endpoint_matrix.txt")

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
    verbs.command("diff")(diff)


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
    sources, _ = _sources(tests, checkov=checkov, today=datetime.now(UTC).date())
    said = content(sources)
    header = {**_commit(), "policies": _policies(), "sha256": hashed(said), "made": str(datetime.now(UTC).date())}
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "report.html": page(said, header),
        "report.json": _json({"header": header, "content": said}),
        "report.sarif": _json(sarif(said, sources.catalogue)),
        "assessment-results.json": _json(oscal(said, header)),
    }
    for name, text in files.items():
        (out / name).write_text(text, "utf-8")
    told = {"out": str(out), "files": sorted(files), "sha256": header["sha256"], **said["summary"]}
    if as_json:
        typer.echo(_json(told), nl=False)
        return
    typer.echo(f"{out}: {', '.join(files)}")
    typer.echo(f"{told['standing']} failures, {told['waived']} waived, {len(said['faults'])} faults of the policies")
    typer.echo(f"evidence {header['sha256']}, in {time.monotonic() - began:.0f} s")


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
    sources, found = _sources(tests, checkov=checkov, today=datetime.now(UTC).date())
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


def diff(
    before: Annotated[Path, typer.Argument(help="A report.json.", metavar="A")],
    after: Annotated[Path, typer.Argument(help="A later report.json.", metavar="B")],
    as_json: AsJson = False,
) -> None:
    """Tell what changed from one report to another: requirements, findings, waivers, differences from Checkov."""
    found = changes(_read(before), _read(after))
    if as_json:
        typer.echo(_json(found), nl=False)
        return
    for line in found["worse"]:
        typer.echo(f"- {line}")
    for line in found["better"]:
        typer.echo(f"+ {line}")
    for line in found["other"]:
        typer.echo(f"~ {line}")
    typer.echo(f"{len(found['worse'])} worse, {len(found['better'])} better, {len(found['other'])} other")


def _sources(tests: Path | None, *, checkov: bool, today: date) -> tuple[Sources, Assessment]:
    """Gather everything, telling on standard error what is going on."""
    given = None if tests is None else outcomes(tests)
    catalogue = load_catalogue()
    _tell(f"recording {len(all_stacks())} stacks")
    recordings = record(all_stacks())
    _tell("judging them by our rules")
    found = assess(recordings, today)
    graphs = [recording.resolved for recording in recordings]
    settled: Settled | None = None
    if checkov:
        _tell("asking Checkov")
        settled = settle(opinion(graphs), load_explanations(), found.findings, catalogue)
    tables = [_table(name) for name in ACCESS]
    stacks = tuple((graph.stack, sum(graph.counts().values())) for graph in graphs)
    return Sources(catalogue, found, settled, given, tables[0], tables[1], stacks), found


def _table(name: str) -> str:
    file = ROOT / "tests" / "policies" / name
    try:
        return file.read_text("utf-8").strip("\n")
    except OSError as fault:
        raise Unavailable(f"{file.relative_to(ROOT)}: {fault.strerror}: make it with the tests beside it") from None


def _commit() -> dict[str, str]:
    """Return the commit, when it was made (the evidence's own time), and whether files differ from it."""
    committed = datetime.fromisoformat(_git("show", "--no-patch", "--format=%cI", "HEAD")).astimezone(UTC)
    return {
        "commit": _git("rev-parse", "HEAD"),
        "committed": committed.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "changed": "yes" if _git("status", "--porcelain", "--untracked-files=no") else "",
    }


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"a report names a commit, and git says: {done.stderr.strip() or 'nothing'}")
    return done.stdout.strip()


def _policies() -> str:
    """Return the policies' version: a hash of everything in their folder."""
    found = hashlib.sha256()
    for file in sorted((ROOT / "policies").rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            found.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text("utf-8"))["content"])
    except OSError as fault:
        raise Invalid(f"{file}: {fault.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise Invalid(f"{file}: not a report.json of `careslot policy report`") from None


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
