"""`careslot verify gitops`: everything that would be deployed, held against schemas, itself and its origin."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines.findings import Finding
from pipelines.gitops import contract, projects, reachability, references, schemas
from pipelines.gitops.facts import ROOT
from pipelines.gitops.facts import clusters as known_clusters
from pipelines.gitops.judging import Fault, Rendered, clusters, findings
from pipelines.gitops.rendering import Estate, render_estate, unbuilt

JUDGES: tuple[Callable[[Rendered], Iterator[Fault]], ...] = (
    schemas.faults,
    references.faults,
    reachability.faults,
    contract.settings,
    contract.objectives,
)


def check(root: Path = ROOT) -> list[Finding]:
    """Render every environment, region and service of a repository and return all that is wrong."""
    estate = render_estate(root)
    _tell(estate, root)
    return sorted([*judged(estate), *contract.facts(known_clusters(), root)])


def judged(estate: Estate) -> list[Finding]:
    """Return what is wrong with what was rendered, told once where it is wrong in several clusters."""
    every = clusters(estate)
    faults = [(cluster, fault) for cluster in every for judge in JUDGES for fault in judge(cluster)]
    return findings([*faults, *projects.faults(every)])


def _tell(estate: Estate, root: Path) -> None:
    """Say what is judged, and plainly what is not."""
    count = sum(map(len, estate.values()))
    lines = [f"{count} documents in {len(estate)} clusters"]
    if schemas.shared_schemas() is None:
        lines.append(
            "../shared/schemas/crds is not there (CARESLOT_SHARED): custom kinds are not held against a schema"
        )
    if waiting := unbuilt(root):
        lines.append(f"{len(waiting)} releases name no image yet: rendered with a sample digest")
    for line in lines:
        print(line, file=sys.stderr)
