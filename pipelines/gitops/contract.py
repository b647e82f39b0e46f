"""What layers promise each other about a pod's surroundings: annotations, settings, alerts; held in both directions.

Infra writes facts as annotations of the cluster's Secret, ApplicationSets read them. A chart names environment
variables, a service's settings read them. The catalogue has objectives, the monitoring has rules for them.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic_core import PydanticUndefined

from pipelines.findings import Finding
from pipelines.gitops.facts import ROOT, Cluster
from pipelines.gitops.judging import Fault, Rendered, containers, name
from services.contracts.catalogue import catalogue
from services.kernel.runtime import ProcessSettings

GROUP = "careslot.health/"
PREFIX = "CARESLOT_"
# An annotation is read as `index ... "careslot.health/x"`, by `printf "careslot.health/x.%s"` for one of several, or by
# a part of the platform that names it among its `facts`.
READ = re.compile(r'\bannotations\s+\(?(?:printf\s+)?\\?"careslot\.health/([a-z-]+)(\.%s)?\\?"')
BRIDGE = "infra/components/gitops_bridge.py"
# Told to whoever looks at the Secret, and asked for by no chart.
FOR_PEOPLE = frozenset({("account", False), ("domain", False)})
FOLDERS = ("gitops/applicationsets", "gitops/platform", "gitops/bootstrap")


def facts(clusters: Iterable[Cluster], root: Path = ROOT) -> list[Finding]:
    """Return annotations that are read and nobody writes, with file and line, and those written that nobody reads."""
    written = {key.removeprefix(GROUP) for one in clusters for key in one.annotations if key.startswith(GROUP)}
    offered = {(key.partition(".")[0], "." in key) for key in written}
    read: set[tuple[str, bool]] = set()
    found: list[Finding] = []
    for file in sorted(file for folder in FOLDERS for file in (root / folder).rglob("*.yaml")):
        for where, fact, several in _asked(file.read_text("utf-8")):
            read.add((fact, several))
            if (fact, several) not in offered:
                told = f"reads {GROUP}{fact}{'.<name>' if several else ''}, which infra does not write"
                found.append(Finding(file.relative_to(root).as_posix(), where, told, f"name it in {BRIDGE}"))
    for fact, several in sorted(offered - read - FOR_PEOPLE):
        told = f"writes {GROUP}{fact}{'.<name>' if several else ''}, which no ApplicationSet reads"
        found.append(Finding(BRIDGE, "", told, "take the fact out, or use it"))
    return found


def _asked(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield what a file reads: where, which fact, whether it is one of several."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in READ.finditer(line):
            yield f"line {number}", match[1], match[2] is not None
    for document in yaml.safe_load_all(text):
        for key, fact in ((document or {}).get("facts") or {}).items():
            yield f"facts.{key}", fact, False


def settings(cluster: Rendered) -> Iterator[Fault]:
    """Yield variables a Rollout gives that its service's settings do not know, and those they need and do not get."""
    for rollout in cluster.of("Rollout"):
        if rollout.service is None:
            continue
        fields = _fields(rollout.service)
        for where, container in containers(rollout):
            given = [variable["name"] for variable in container.get("env") or ()]
            for number, variable in enumerate(given):
                known = variable.removeprefix(PREFIX).lower() in fields
                if variable.startswith(PREFIX) and not known:
                    told = f"{variable} is no setting of services/{rollout.service}/settings.py"
                    yield Fault(rollout, f"{where}.env[{number}].name", told)
            for field, needed in fields.items():
                if needed and f"{PREFIX}{field.upper()}" not in given:
                    told = f"{PREFIX}{field.upper()} is missing: services/{rollout.service}/settings.py needs it"
                    yield Fault(rollout, f"{where}.env", told)


def objectives(cluster: Rendered) -> Iterator[Fault]:
    """Yield services in a cluster that no PrometheusRule watches by their objectives."""
    watched = {name(rule).removeprefix("slos-") for rule in cluster.of("PrometheusRule")}
    for rollout in cluster.of("Rollout"):
        if rollout.service in catalogue() and rollout.service not in watched:
            told = f"no PrometheusRule slos-{rollout.service} watches its objectives"
            yield Fault(rollout, "", told, "careslot slos write")


def _fields(service: str) -> dict[str, bool]:
    """Return the names of a service's settings, and whether each must be given.

    By name, as the topology names handlers: whoever verifies services does not import them. A service without settings
    of its own has those of every process.
    """
    try:
        model: Any = pkgutil.resolve_name(f"services.{service}.settings:Settings")
    except ModuleNotFoundError as fault:
        if fault.name != f"services.{service}.settings":
            raise
        model = ProcessSettings
    return {
        field: info.default is PydanticUndefined and info.default_factory is None
        for field, info in model.model_fields.items()
    }
