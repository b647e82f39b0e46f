"""What Checkov says of the estate, asked in its own environment: told by resource, file and line."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.recording.graph import Graph
from policies.checkov.plan import Plan, planned
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


def opinion(
    graphs: Iterable[Graph] | Iterable[Sequence[Graph]], command: Path = COMMAND, cache: Path | None = CACHE
) -> Opinion:
    """Ask Checkov about stacks and the API documents; raise Unavailable if it is not there, fails or says too little.

    Each environment is a question of its own, as nothing of one refers to another: they are asked side by side. Given
    in parts (environments), it is asked of each as soon as that comes. The answer to a question is kept in ``cache``:
    the same plan, documents and version are not asked about twice.
    """
    if not command.is_file():
        raise Unavailable(f"Checkov is not installed ({_from_root(command)}): make .venv-checkov/.installed")
    asking = Asking(command, cache)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        documents = pool.submit(asking.documents)
        stacks = [
            (plan, pool.submit(asking.plan, plan)) for part in _parts(graphs) if (plan := planned(part)).resources
        ]
        answers = [(plan, answer.result()) for plan, answer in stacks]
        said = documents.result()
    found = [remark for plan, answer in answers for remark in _of_stacks(plan, answer)]
    found += [_of_document(record) for record in said["records"]]
    return Opinion(said["version"], tuple(sorted(set(found))))


def _parts(graphs: Iterable[Graph] | Iterable[Sequence[Graph]]) -> Iterator[Sequence[Graph]]:
    """Yield parts as they are given; single graphs by environment."""
    loose: dict[str, list[Graph]] = {}
    for one in graphs:
        if isinstance(one, Graph):
            loose.setdefault(one.environment, []).append(one)
        else:
            yield one
    yield from loose.values()


@dataclass(frozen=True, slots=True)
class Asking:
    """Checkov's command, and where its answers are kept."""

    command: Path
    cache: Path | None

    def plan(self, plan: Plan) -> dict[str, Any]:
        """Ask about one environment's plan."""
        text = json.dumps(plan.document, sort_keys=True)

        def ask() -> Mapping[str, Any]:
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "plan.json").write_text(text, "utf-8")
                return ask_checkov(
                    self.command, "--file", "plan.json", "--framework", "terraform_plan", "--skip-download",
                    cwd=Path(folder),
                )  # fmt: skip

        return self.answer(ask, text.encode())

    def documents(self) -> dict[str, Any]:
        """Ask about the API documents, as `make lint` does."""
        files = [file.read_bytes() for file in sorted((ROOT / DOCUMENTS).glob("*.json"))]
        return self.answer(
            lambda: ask_checkov(self.command, "--config-file", ".checkov.yaml", cwd=ROOT),
            (ROOT / ".checkov.yaml").read_bytes(), *files,
        )  # fmt: skip

    def answer(self, ask: Callable[[], Mapping[str, Any]], *about: bytes) -> dict[str, Any]:
        """Return the kept answer to the same question, or ask and keep it."""
        pins = self.command.parents[2] / "requirements" / "checkov.txt"
        key = hashlib.sha256(b"\0".join((pins.read_bytes(), *about))).hexdigest()
        kept = self.cache / f"{key}.json" if self.cache else None
        if kept and kept.is_file():
            return dict(json.loads(kept.read_text("utf-8")))
        said = ask()
        answer = {"version": said["summary"]["checkov_version"], "records": [_record(one) for one in _results(said)]}
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            written = kept.with_suffix(f".{os.getpid()}")
            written.write_text(json.dumps(answer), "utf-8")
            written.replace(kept)
        return answer


def _of_stacks(plan: Plan, answer: Mapping[str, Any]) -> Iterator[Remark]:
    records = answer["records"]
    if len(records) < FLOOR * len(plan.resources):
        raise Unavailable(
            f"Checkov said only {len(records)} things of {len(plan.resources)} resources: it cannot read the plan"
        )
    for record in records:
        stack, resource = plan.of[record["resource"]]
        yield Remark(
            stack, record["check"], resource.urn, resource.type, resource.name, record["passed"], record["title"],
            resource.place.file, resource.place.line,
        )  # fmt: skip


def _of_document(record: Mapping[str, Any]) -> Remark:
    return Remark(
        "", record["check"], record["resource"], "openapi", record["file"], record["passed"], record["title"],
        f"{DOCUMENTS}/{record['file']}", record["line"],
    )  # fmt: skip


def ask_checkov(command: Path, *arguments: str, cwd: Path) -> Mapping[str, Any]:
    """Run Checkov in a folder and return what it says; raise Unavailable if it says nothing that can be read."""
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


def _record(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "check": one["check_id"],
        "title": one["check_name"],
        "passed": one["check_result"]["result"] == "PASSED",
        "resource": one["resource"],
        "file": Path(one["file_path"]).name,
        "line": (one.get("file_line_range") or [1])[0] or 1,
    }


def _from_root(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
