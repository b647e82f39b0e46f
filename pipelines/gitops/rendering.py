"""Everything that `gitops/` puts into a cluster, rendered as Argo CD renders it: the whole estate in seconds.

The bootstrap folder brings projects and ApplicationSets, these bring Applications, and an Application's chart or folder
brings manifests. Charts of others are not fetched: of them the Application is all there is to see. A service that
nobody built yet (a digest of zeros) is rendered with a sample digest.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from pipelines.gitops.applicationsets import ApplicationSet, Params, merged
from pipelines.gitops.facts import CACHE, ROOT, Cluster, clusters, digest_of, keep
from pipelines.gitops.helm import ENGINE, Helm
from services.kernel.errors import Invalid, NotFound

READ = ("gitops", "services/contracts/catalogue", "policies/admission")
# Where the bridge's Application begins (infra/components/gitops_bridge.py: PATH, not imported: it drags in the SDK).
BOOTSTRAP = "gitops/bootstrap"
UNBUILT = f"sha256:{0:064d}"
SAMPLE = f"sha256:{'5a' * 32}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One Kubernetes document, the file in the repository that made it, and the service it is of, if of one."""

    source: str
    service: str | None
    document: dict[str, Any]

    @property
    def name(self) -> str:
        """Kind, namespace and name, as people say it."""
        metadata = self.document.get("metadata", {})
        where = f"{metadata['namespace']}/" if "namespace" in metadata else ""
        return f"{self.document.get('kind')} {where}{metadata.get('name')}"


Estate = Mapping[tuple[str, str], tuple[Manifest, ...]]


def render(environment: str, region: str, root: Path = ROOT) -> tuple[Manifest, ...]:
    """Return what a region's cluster gets; raise NotFound if there is none, Invalid naming the file that is wrong."""
    known = [f"{one.environment} {one.region}" for one in clusters()]
    if f"{environment} {region}" not in known:
        raise NotFound(f"no cluster in {environment} {region}; there are {', '.join(known)}")
    found = render_estate(root) if root == ROOT else render_estate(root, only=(environment, region))
    return found[environment, region]


def render_estate(root: Path = ROOT, *, only: tuple[str, str] | None = None) -> Estate:
    """Return what every cluster gets, or ``only`` one, by environment and region; ``root`` is what Argo CD would see.

    Kept in `.cache/gitops` while nothing it depends on changes.
    """
    known = [one for one in clusters() if only in {None, (one.environment, one.region)}]
    files = [file for folder in READ for file in sorted((root / folder).rglob("*")) if file.is_file()]
    own = [ENGINE, Path(__file__), Path(__file__).with_name("applicationsets.py")]
    facts = json.dumps([asdict(one) for one in known], sort_keys=True)
    inputs = "".join((digest_of(files, root), digest_of(own, ROOT), facts)).encode()
    return _kept(root, tuple(known), hashlib.sha256(inputs).hexdigest()[:32])


@lru_cache(maxsize=4)
def _kept(root: Path, known: tuple[Cluster, ...], digest: str) -> Estate:
    kept = CACHE / f"estate-{digest}.json"
    if kept.is_file():
        found = json.loads(kept.read_text("utf-8"))
        return {(e, r): tuple(Manifest(**one) for one in found) for e, r, found in found}
    with Helm() as helm:
        made = _Rendering(root, helm).all(known)
    keep(kept, json.dumps([[*key, [asdict(one) for one in found]] for key, found in made.items()]))
    return made


def unbuilt(root: Path = ROOT) -> tuple[str, ...]:
    """Return the release files that name no image yet: theirs are the services rendered with a sample digest."""
    files = sorted((root / "gitops" / "releases").glob("*/*.yaml"))
    return tuple(str(f.relative_to(root)) for f in files if yaml.safe_load(f.read_text("utf-8"))["digest"] == UNBUILT)


class _Rendering:
    """One rendering of the estate."""

    def __init__(self, root: Path, helm: Helm) -> None:
        self.root = root
        self._helm = helm

    def all(self, known: Sequence[Cluster]) -> Estate:
        made: dict[tuple[str, str], list[Manifest]] = defaultdict(list)
        bootstrap = [Manifest(source, None, document) for source, document in self._folder(BOOTSTRAP)]
        applications: list[tuple[Cluster, str | None, dict[str, Any], str]] = []
        for cluster in known:
            made[cluster.environment, cluster.region] += bootstrap
            for manifest in bootstrap:
                if manifest.document.get("kind") != "ApplicationSet":
                    continue
                of = ApplicationSet(manifest.document, manifest.source, self.root, self._fill)
                for params, application in of.applications(cluster, _with_a_sample):
                    service = application["metadata"]["name"] if "digest" in params else None
                    made[cluster.environment, cluster.region].append(Manifest(manifest.source, service, application))
                    applications.append((cluster, service, application, manifest.source))
        for (cluster, service, _, _), found in zip(applications, self._rendered(applications), strict=True):
            made[cluster.environment, cluster.region] += [Manifest(source, service, one) for source, one in found]
        return {key: tuple(value) for key, value in made.items()}

    def _rendered(
        self, applications: Sequence[tuple[Cluster, str | None, dict[str, Any], str]]
    ) -> list[list[tuple[str, dict[str, Any]]]]:
        charts: list[dict[str, Any]] = []
        answers: list[list[tuple[str, dict[str, Any]]] | int] = []
        for _, _, application, source in applications:
            spec = application["spec"]
            where = spec["source"]
            if "chart" in where:
                answers.append([])
            elif (self.root / where["path"] / "Chart.yaml").is_file():
                answers.append(len(charts))
                charts.append(self._chart(where, spec["destination"]["namespace"], source))
            else:
                answers.append(
                    list(self._folder(where["path"], everything=where.get("directory", {}).get("recurse", False)))
                )
        rendered = self._helm.ask({"charts": charts}) if charts else []
        paths = [chart["path"] for chart in charts]
        return [
            _documents(paths[answer], rendered[answer]) if isinstance(answer, int) else answer for answer in answers
        ]

    def _chart(self, source: Mapping[str, Any], namespace: str, told_by: str) -> dict[str, Any]:
        helm = source.get("helm", {})
        values: dict[str, Any] = {}
        for name in helm.get("valueFiles", []):
            # A path from the root is the repository's (Argo CD user guide, "Helm", values files).
            file = self.root / name.lstrip("/") if name.startswith("/") else self.root / source["path"] / name
            if not file.is_file():
                raise Invalid(f"{told_by}: values file {name}: there is none")
            values = merged(values, yaml.safe_load(file.read_text("utf-8")))
        if values.get("digest") == UNBUILT:
            values["digest"] = SAMPLE
        values = merged(values, helm.get("valuesObject", {}))
        path = self.root / source["path"]
        return {
            "chart": str(path),
            "path": source["path"],
            "name": helm.get("releaseName", path.name),
            "namespace": namespace,
            "values": values,
        }

    def _folder(self, path: str, *, everything: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give the documents of a folder: those its kustomization names, or of all its files (of folders in it too)."""
        folder = (self.root / path).resolve()
        kustomization = folder / "kustomization.yaml"
        if kustomization.is_file():
            for resource in yaml.safe_load(kustomization.read_text("utf-8"))["resources"]:
                inner = (folder / resource).resolve()
                if inner.is_dir():
                    yield from self._folder(str(inner.relative_to(self.root.resolve())))
                else:
                    yield from self._file(inner)
        elif folder.is_dir():
            for file in sorted(folder.rglob("*.yaml") if everything else folder.glob("*.yaml")):
                yield from self._file(file)
        else:
            raise Invalid(f"{path}: there is no such folder")

    def _file(self, file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        source = str(file.relative_to(self.root.resolve()))
        yield from _documents("", {source: file.read_text("utf-8")})

    def _fill(self, where: str, texts: Sequence[str], params: Sequence[Params]) -> list[list[str]]:
        return self._helm.ask({"where": where, "texts": list(texts), "params": list(params)})  # type: ignore[no-any-return]


def _documents(path: str, files: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """Return every document with its file; Helm names files from the chart's own name on."""
    found: list[tuple[str, dict[str, Any]]] = []
    for name, text in sorted(files.items()):
        source = f"{path}/{name.partition('/')[2]}" if path else name
        if Path(name).suffix not in {".yaml", ".yml"}:
            continue
        try:
            found += [(source, document) for document in yaml.load_all(text, yaml.CSafeLoader) if document]
        except yaml.YAMLError as fault:
            raise Invalid(f"{source}: what it renders is not YAML: {fault}") from None
    return found


def _with_a_sample(params: Params) -> Params:
    return {**params, "digest": SAMPLE} if params.get("digest") == UNBUILT else params
