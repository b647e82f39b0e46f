"""The facts every cluster is told, as the estate's programs write them: what ApplicationSets render with.

They are recorded from the programs themselves (ids that only AWS knows stand as samples), so that what is rendered here
goes wrong when infra and gitops disagree. Kept in `.cache/gitops` while nothing they depend on changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "gitops"
SOURCES = ("environments", "infra", "services/contracts")


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """A cluster as Argo CD knows it: its Secret's name, labels and annotations."""

    environment: str
    region: str
    name: str
    server: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@cache
def clusters() -> tuple[Cluster, ...]:
    """Return every cluster of every environment; a first call takes seconds, the estate is recorded for it."""
    files = sorted(file for source in SOURCES for file in (ROOT / source).rglob("*") if file.suffix in {".py", ".yaml"})
    kept = CACHE / f"facts-{digest_of(files, ROOT)}.json"
    if kept.is_file():
        return tuple(Cluster(**one) for one in json.loads(kept.read_text("utf-8")))
    found = tuple(_recorded())
    keep(kept, json.dumps([asdict(one) for one in found]))
    return found


def digest_of(files: Iterable[Path], root: Path) -> str:
    """Return a hash of the files' names (from ``root``) and contents."""
    hashed = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        hashed.update(f"{file.relative_to(root)}\0{len(content)}\0".encode())
        hashed.update(content)
    return hashed.hexdigest()[:32]


def keep(file: Path, text: str) -> None:
    """Write a file of the cache whole or not at all; those of its kind before it go."""
    file.parent.mkdir(parents=True, exist_ok=True)
    kind = file.name.partition("-")[0]
    before = sorted(file.parent.glob(f"{kind}-*.json"), key=lambda old: old.stat().st_mtime)
    for old in before[:-8]:
        old.unlink(missing_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.replace(file)


def _recorded() -> Iterable[Cluster]:
    from environments.model import load_environment, names
    from infra.recording.record import run
    from infra.stacks import stacks_of

    for name in names():
        environment = load_environment(name)
        published: dict[str, Mapping[str, Any]] = {}
        for stack in stacks_of(environment):
            if stack.layer not in {"foundation", "region", "cluster"}:
                continue
            graph = run(stack, environment, {below.name: published[below.name] for below in stack.reads}, known=True)
            published[stack.name] = graph.outputs
            for secret in graph.of_type("kubernetes:core/v1:Secret"):
                metadata, data = secret.inputs["metadata"], secret.inputs["stringData"]
                yield Cluster(
                    name,
                    str(stack.region),
                    data["name"],
                    data["server"],
                    dict(sorted(metadata["labels"].items())),
                    dict(sorted(metadata["annotations"].items())),
                )
