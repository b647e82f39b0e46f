"""What every check of rendered manifests shares: a cluster with its documents by kind and name, and a fault in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipelines.findings import Finding
from pipelines.gitops.rendering import Estate, Manifest

Document = Mapping[str, Any]
# More clusters than these are counted: what is wrong in one chart is wrong everywhere.
SHOWN = 2


@dataclass(frozen=True)
class Fault:
    """What is wrong at a path of a rendered document, and what to do about it."""

    manifest: Manifest
    path: str
    what: str
    todo: str = ""


@dataclass(frozen=True)
class Rendered:
    """A cluster and all that it gets."""

    environment: str
    region: str
    manifests: tuple[Manifest, ...]

    @cached_property
    def documents(self) -> dict[tuple[str, str, str], Manifest]:
        """Manifests by kind, namespace ("" for none) and name."""
        return {(kind(one), namespace(one), name(one)): one for one in self.manifests}

    @cached_property
    def workloads(self) -> tuple[Manifest, ...]:
        """What makes pods."""
        return tuple(one for one in self.manifests if pod_template(one) is not None)

    def of(self, *kinds: str) -> Iterator[Manifest]:
        """Yield the manifests of kinds."""
        return (one for one in self.manifests if kind(one) in kinds)

    def selected(self, selector: Document, home: str) -> list[Manifest]:
        """Return the workloads of a namespace whose pods a selector's ``matchLabels`` select; an empty one all."""
        return [one for one in self.workloads if namespace(one) == home and selects(selector, pod_labels(one))]


def kind(manifest: Manifest) -> str:
    """Return a manifest's kind."""
    return str(manifest.document.get("kind", ""))


def name(manifest: Manifest) -> str:
    """Return a manifest's name."""
    return str(manifest.document.get("metadata", {}).get("name", ""))


def namespace(manifest: Manifest) -> str:
    """Return a manifest's namespace, "" for none."""
    return str(manifest.document.get("metadata", {}).get("namespace", ""))


def labels(manifest: Manifest) -> Mapping[str, str]:
    """Return a manifest's own labels."""
    return manifest.document.get("metadata", {}).get("labels") or {}


def pod_template(manifest: Manifest) -> tuple[str, Document] | None:
    """Return path and content of the pod template a manifest has, or None."""
    path, spec = "spec.template", manifest.document.get("spec") or {}
    if kind(manifest) == "CronJob":
        path, spec = "spec.jobTemplate.spec.template", spec.get("jobTemplate", {}).get("spec", {})
    template = spec.get("template") if isinstance(spec, Mapping) else None
    if not isinstance(template, Mapping) or "containers" not in (template.get("spec") or {}):
        return None
    return path, template


def pod_labels(manifest: Manifest) -> Mapping[str, str]:
    """Return the labels of the pods a workload makes."""
    found = pod_template(manifest)
    return (found[1].get("metadata") or {}).get("labels") or {} if found else {}


def containers(manifest: Manifest) -> Iterator[tuple[str, Document]]:
    """Yield path and content of a workload's containers, those that run first too."""
    if (found := pod_template(manifest)) is None:
        return
    path, template = found
    for group in ("initContainers", "containers"):
        for number, one in enumerate(template["spec"].get(group) or ()):
            yield f"{path}.spec.{group}[{number}]", one


def ports(manifest: Manifest) -> set[str | int]:
    """Return names and numbers of the ports a workload's containers listen at."""
    found = [port for _, one in containers(manifest) for port in one.get("ports") or ()]
    return {port["containerPort"] for port in found} | {port["name"] for port in found if "name" in port}


def selects(selector: Document | None, given: Mapping[str, str]) -> bool:
    """Say whether a selector selects labels; of expressions only those used here are known."""
    selector = selector or {}
    if any(given.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for one in selector.get("matchExpressions") or ():
        there, wanted = one["key"] in given, given.get(one["key"]) in (one.get("values") or ())
        if {"Exists": there, "DoesNotExist": not there, "In": wanted, "NotIn": not wanted}[one["operator"]] is False:
            return False
    return True


def clusters(estate: Estate) -> list[Rendered]:
    """Return the estate's clusters."""
    return [Rendered(environment, region, found) for (environment, region), found in estate.items()]


def findings(faults: Iterable[tuple[Rendered, Fault]]) -> list[Finding]:
    """Return findings, one for what is wrong in the same way in several clusters, naming these."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for cluster, fault in faults:
        where = f"{fault.manifest.name}: {fault.path}" if fault.path else fault.manifest.name
        key = (fault.manifest.source, where, fault.what, fault.todo)
        places = found.setdefault(key, [])
        if (place := f"{cluster.environment} {cluster.region}") not in places:
            places.append(place)
    return [
        Finding(path, where, f"{what} [{_told(places)}]", todo) for (path, where, what, todo), places in found.items()
    ]


def _told(places: list[str]) -> str:
    more = len(places) - SHOWN
    return ", ".join(places[:SHOWN]) + (f" and {more} more" if more > 0 else "")
