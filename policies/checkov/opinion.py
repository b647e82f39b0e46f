"""What Checkov says of the estate: one run over all stacks in its own environment, told by resource, file and line."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.recording.graph import Graph
from policies.checkov.plan import planned
from services.kernel.errors import Unavailable

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / ".venv-checkov" / "bin" / "checkov"
DOCUMENTS = Path("services", "contracts", "openapi")
CACHE = ROOT / ".cache" / "checkov"
# A plan Checkov cannot read has no results and no error: fewer than this for each resource means just that.
FLOOR = 1.0
LONGEST_SECONDS = 600


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """What one of Checkov's checks says of one resource (or of an API document: then ``stack`` is empty)."""

    stack: str
    check: str
    urn: str
    type: str
    name: str
    passed: bool
    title: str
    file: str
    line: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can say it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Opinion:
    """All remarks, and the version they are of."""

    version: str
    remarks: tuple[Remark, ...]

    @property
    def failed(self) -> tuple[Remark, ...]:
        """What Checkov would not let pass."""
        return tuple(remark for remark in self.remarks if not remark.passed)


def opinion(graphs: Iterable[Graph], command: Path = COMMAND, cache: Path | None = CACHE) -> Opinion:
    """Ask Checkov about stacks and the API documents; raise Unavailable if it is not there, fails or says too little.

    The answer to a plan is kept in ``cache``: the same plan, documents and version are not asked about twice.
    """
    if not command.is_file():
        raise Unavailable(f"Checkov is not installed ({_from_root(command)}): make .venv-checkov/.installed")
    plan = planned(graphs)
    text = json.dumps(plan.document, sort_keys=True)
    kept = cache / f"{_key(text, command)}.json" if cache else None
    if kept and kept.is_file():
        answer = json.loads(kept.read_text("utf-8"))
    else:
        answer = _asked(text, command)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(answer), "utf-8")
    found: list[Remark] = []
    for record in answer["records"]:
        if record["framework"] == "terraform_plan":
            stack, resource = plan.of[record["resource"]]
            place, who = resource.place, (resource.urn, resource.type, resource.name)
            where = (place.file, place.line)
        else:
            stack, who = "", (record["resource"], "openapi", record["file"])
            where = (f"{DOCUMENTS}/{record['file']}", record["line"])
        found.append(Remark(stack, record["check"], *who, record["passed"], record["title"], *where))
    about = sum(remark.type != "openapi" for remark in found)
    if about < FLOOR * len(plan.resources):
        raise Unavailable(
            f"Checkov said only {about} things of {len(plan.resources)} resources: it cannot read the plan"
        )
    return Opinion(answer["version"], tuple(sorted(set(found))))


def _key(plan: str, command: Path) -> str:
    documents = [file.read_bytes() for file in sorted((ROOT / DOCUMENTS).glob("*.json"))]
    pins = command.parents[2] / "requirements" / "checkov.txt"
    parts = [plan.encode(), *documents, (ROOT / ".checkov.yaml").read_bytes(), pins.read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _asked(plan: str, command: Path) -> dict[str, Any]:
    """Run Checkov over the plan, and as `make lint` does over the API documents."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "plan.json")
        file.write_text(plan, "utf-8")
        plans = _run(command, "--file", str(file), "--framework", "terraform_plan", "--skip-download", cwd=Path(folder))
    documents = _run(command, "--config-file", ".checkov.yaml", cwd=ROOT)
    records = [_record(one, "terraform_plan") for one in _results(plans)]
    records += [_record(one, "openapi") for one in _results(documents)]
    return {"version": plans["summary"]["checkov_version"], "records": records}


def _run(command: Path, *arguments: str, cwd: Path) -> Mapping[str, Any]:
    try:
        done = subprocess.run(
            [str(command), *arguments, "--output", "json", "--soft-fail"],
            cwd=cwd, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False,
        )  # fmt: skip
        answer = json.loads(done.stdout)
        answer["results"]
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as fault:
        raise Unavailable(f"Checkov gave no results: {type(fault).__name__}") from None
    return dict(answer)


def _results(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    results = answer["results"]
    return [*results.get("passed_checks", []), *results.get("failed_checks", [])]


def _record(one: Mapping[str, Any], framework: str) -> dict[str, Any]:
    return {
        "framework": framework,
        "check": one["check_id"],
        "title": one["check_name"],
        "passed": one["check_result"]["result"] == "PASSED",
        "resource": one["resource"],
        "file": Path(one["file_path"]).name,
        "line": (one.get("file_line_range") or [1])[0] or 1,
    }


def _from_root(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
