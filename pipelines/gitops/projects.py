"""What AppProjects allow, held against what their Applications deploy: everything of it, and nothing more.

Of a chart that is somebody else's nothing is seen here, so the kinds of a project with one are not held to "no more".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from typing import Any

from pipelines.gitops.judging import Fault, Rendered, kind, name, namespace
from pipelines.gitops.rendering import Manifest
from policies.admission.matching import group_and_version

Used = set[tuple[str, int]]
LISTS = ("sourceRepos", "destinations", "clusterResourceWhitelist", "namespaceResourceWhitelist")


def faults(clusters: Iterable[Rendered]) -> Iterator[tuple[Rendered, Fault]]:
    """Yield what is deployed and not allowed, in any cluster, and what is allowed and deployed in none."""
    used: dict[str, Used] = defaultdict(set)
    unseen: set[str] = set()
    last: dict[str, tuple[Rendered, Manifest]] = {}
    for cluster in clusters:
        projects = {name(one): one for one in cluster.of("AppProject")}
        last |= {project: (cluster, manifest) for project, manifest in projects.items()}
        for application in cluster.of("Application"):
            wanted = application.document["spec"]["project"]
            if wanted not in projects:
                yield cluster, Fault(application, "spec.project", f"there is no AppProject {wanted}")
                continue
            if _foreign(application):
                unseen.add(wanted)
            for fault in _allowed(cluster, application, projects[wanted], used[wanted]):
                yield cluster, fault
    for project, (cluster, manifest) in last.items():
        for fault in _idle(manifest, used[project], seen=project not in unseen):
            yield cluster, fault


def _allowed(cluster: Rendered, application: Manifest, project: Manifest, used: Used) -> Iterator[Fault]:
    spec, allowed = application.document["spec"], project.document["spec"]
    for number, source in enumerate(spec.get("sources") or [spec["source"]]):
        if not _among(allowed["sourceRepos"], source["repoURL"], "sourceRepos", used):
            where = f"spec.sources[{number}]" if "sources" in spec else "spec.source"
            told = f"the project {name(project)} has not {source['repoURL']} among its sourceRepos"
            yield Fault(application, f"{where}.repoURL", told)
    homes = {spec["destination"].get("namespace", ""): application}
    deployed = [one for one in cluster.manifests if _of(application, one)]
    homes |= {namespace(one): one for one in deployed if namespace(one)}
    for home, manifest in homes.items():
        here = {**spec["destination"], "namespace": home}
        if not any(_is_destination(entry, here, number, used) for number, entry in enumerate(allowed["destinations"])):
            path = "spec.destination" if manifest is application else "metadata.namespace"
            yield Fault(manifest, path, f"the project {name(project)} has no destination {home}")
    for manifest in deployed:
        group, _ = group_and_version(manifest.document)
        wanted = "namespaceResourceWhitelist" if namespace(manifest) else "clusterResourceWhitelist"
        entries = allowed.get(wanted) or ()
        fitting = [
            n for n, e in enumerate(entries) if fnmatch(group, e["group"]) and fnmatch(kind(manifest), e["kind"])
        ]
        used |= {(wanted, number) for number in fitting}
        if not fitting:
            told = f"the project {name(project)} may not make {kind(manifest)} of {group or 'the core group'}"
            yield Fault(manifest, "kind", told, f"its {wanted} is in {project.source}")


def _idle(project: Manifest, used: Used, *, seen: bool) -> Iterator[Fault]:
    for wanted in LISTS if seen else LISTS[:2]:
        for number, entry in enumerate(project.document["spec"].get(wanted) or ()):
            if (wanted, number) not in used:
                told = f"{_told(entry)} is allowed and nothing deployed anywhere needs it"
                yield Fault(project, f"spec.{wanted}[{number}]", told, "take it out")


def _of(application: Manifest, manifest: Manifest) -> bool:
    """Say whether an Application brings a manifest: it is of its service, or below the folder it names."""
    if kind(manifest) in {"Application", "ApplicationSet"}:
        return False
    if application.service is not None:
        return manifest.service == application.service
    spec = application.document["spec"]
    folders = [source["path"] for source in spec.get("sources") or [spec["source"]] if "path" in source]
    return manifest.service is None and any(manifest.source.startswith(f"{folder}/") for folder in folders)


def _foreign(application: Manifest) -> bool:
    spec = application.document["spec"]
    return any("chart" in source for source in spec.get("sources") or [spec["source"]])


def _among(patterns: Iterable[str], one: str, where: str, used: Used) -> bool:
    fitting = [number for number, pattern in enumerate(patterns) if fnmatch(one, pattern)]
    used |= {(where, number) for number in fitting}
    return bool(fitting)


def _is_destination(entry: Mapping[str, Any], wanted: Mapping[str, Any], number: int, used: Used) -> bool:
    same = "server" if "server" in wanted and "server" in entry else "name"
    fits = fnmatch(str(wanted.get(same)), str(entry.get(same))) and fnmatch(wanted["namespace"], entry["namespace"])
    if fits:
        used.add(("destinations", number))
    return fits


def _told(entry: Any) -> str:
    return entry if isinstance(entry, str) else " ".join(str(value) for value in entry.values() if value)
