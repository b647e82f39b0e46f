"""All evidence for the report, gathered once: the estate recorded and judged, Checkov's word, tests, access tables."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from infra.recording.graph import Graph, Recording
from infra.stacks import all_stacks
from pipelines.admission import evidence
from pipelines.gitops.rendering import render_estate
from pipelines.preview import recorded
from policies.admission.reading import load_rules
from policies.assessment import Assessment, assess
from policies.checkov.delivered import delivered
from policies.checkov.disagreements import load_explanations, settle
from policies.checkov.opinion import Opinion, opinion
from policies.controls.model import load_catalogue
from policies.report.evidence import Sources, hashed
from policies.report.named_tests import outcomes
from services.kernel.errors import Unavailable

ROOT = Path(__file__).resolve().parents[1]
ACCESS = ("access_matrix.txt", "endpoint_matrix.txt")


def gathered(tests: Path | None, *, checkov: bool, today: date) -> tuple[Sources, Assessment]:
    """Gather everything, telling on standard error what is going on; ``tests`` is a JUnit file."""
    given = None if tests is None else outcomes(tests)
    catalogue = load_catalogue()
    tables = [_table(name) for name in ACCESS]
    _tell(f"recording {len(all_stacks())} stacks" + (" and asking Checkov about them" if checkov else ""))
    recordings: list[Recording] = []

    def graphs(environments: Iterable[list[Recording]]) -> Iterator[list[Graph]]:
        for environment in environments:
            graph = [recording.resolved for recording in environment]
            _tell(f"recorded {graph[0].environment}")
            recordings.extend(environment)
            yield graph

    # Checkov works beside the recorder: about one environment while the next is being recorded.
    parts = graphs(recorded())
    said = opinion(parts) if checkov else None
    estate = render_estate()
    if said is not None:
        manifests = ((one.source, one.document) for found in estate.values() for one in found)
        said = Opinion(said.version, tuple(sorted({*said.remarks, *delivered(manifests)})))
    for _ in parts:
        pass
    order = [stack.name for stack in all_stacks()]
    recordings.sort(key=lambda recording: order.index(recording.stack))
    _tell("judging them by our rules")
    found = assess(recordings, today)
    settled = settle(said, load_explanations(), found.findings, catalogue) if said else None
    stacks = tuple((one.stack, sum(one.resolved.counts().values())) for one in recordings)
    _tell("asking the admission rules about what is rendered for the clusters")
    admission = evidence(estate, load_rules())
    return Sources(catalogue, found, admission, settled, given, tables[0], tables[1], stacks), found


def header(said: Mapping[str, Any]) -> dict[str, str]:
    """Return what a report says of itself: commit and when that was made, policies, hash of what it says, today."""
    return {**_commit(), "policies": _policies(), "sha256": hashed(said), "made": str(datetime.now(UTC).date())}


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


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
