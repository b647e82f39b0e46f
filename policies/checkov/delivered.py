"""What Checkov says of what is delivered: the rendered manifests, and the Dockerfile of every image.

Checkov does not know a Rollout; its pod template is that of a Deployment, as which it is shown.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from policies.checkov.opinion import CACHE, COMMAND, ROOT, Asking, Remark, ask_checkov
from services.kernel.errors import Unavailable

DOCKERFILE = Path("pipelines", "images", "Dockerfile")
SHOWN_AS = {"Rollout": ("apps/v1", "Deployment")}
# By these kinds Checkov has checks; of others it says nothing, which must not look like a manifest it cannot read.
WORKLOADS = ("Deployment", "Job", "CronJob", "DaemonSet", "StatefulSet")


def delivered(
    manifests: Iterable[tuple[str, Mapping[str, Any]]], command: Path = COMMAND, cache: Path | None = CACHE
) -> tuple[Remark, ...]:
    """Ask Checkov about documents, each with the file that renders it; raise Unavailable if it says too little."""
    given = {json.dumps(_shown(one), sort_keys=True): source for source, one in manifests if _known(one)}
    asking = Asking(command, cache)
    with ThreadPoolExecutor(2) as pool:
        of_manifests = pool.submit(_manifests, asking, given)
        of_image = pool.submit(_dockerfile, asking)
        return tuple(sorted({*of_manifests.result(), *of_image.result()}))


def _manifests(asking: Asking, given: Mapping[str, str]) -> Iterator[Remark]:
    # Documents of JSON are documents of YAML: one file for all is read faster than one each.
    text = "\n---\n".join(sorted(given))

    def ask() -> Mapping[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "all.yaml").write_text(text, "utf-8")
            words = ("--file", "all.yaml", "--framework", "kubernetes", "--skip-download")
            return ask_checkov(asking.command, *words, cwd=Path(folder))

    sources = {_called(json.loads(one)): source for one, source in given.items()}
    pods = sum(json.loads(one)["kind"] in WORKLOADS for one in given)
    records = asking.answer(ask, b"kubernetes", text.encode())["records"]
    if len(records) < pods:
        raise Unavailable(f"Checkov said only {len(records)} things of {pods} workloads: it cannot read the manifests")
    for record in records:
        name = record["resource"]
        if name.startswith("Pod."):
            # What a template makes, named by namespace, workload and labels: the workload's file is meant.
            home, workload = name.split(".")[1:3]
            name = next((one for kind in WORKLOADS if (one := f"{kind}.{home}.{workload}") in sources), name)
        yield _remark("kubernetes", name, sources.get(name, "gitops"), 1, record)


def _dockerfile(asking: Asking) -> Iterator[Remark]:
    file = ROOT / DOCKERFILE
    words = ("--file", file.name, "--framework", "dockerfile", "--skip-download")
    answer = asking.answer(
        lambda: ask_checkov(asking.command, *words, cwd=file.parent), b"dockerfile", file.read_bytes()
    )
    if not answer["records"]:
        raise Unavailable("Checkov said nothing of the Dockerfile: it cannot read it")
    for record in answer["records"]:
        yield _remark("dockerfile", DOCKERFILE.name, DOCKERFILE.as_posix(), record["line"], record)


def _remark(kind: str, name: str, file: str, line: int, record: Mapping[str, Any]) -> Remark:
    return Remark("", record["check"], name, kind, name, record["passed"], record["title"], file, line)


def _known(document: Mapping[str, Any]) -> bool:
    """Say whether Checkov may know a kind: it has no check of any custom kind."""
    group = str(document["apiVersion"]).rpartition("/")[0]
    return document["kind"] in SHOWN_AS or "." not in group or group.endswith(".k8s.io")


def _shown(document: Mapping[str, Any]) -> dict[str, Any]:
    version, kind = SHOWN_AS.get(document["kind"], (document["apiVersion"], document["kind"]))
    return {**document, "apiVersion": version, "kind": kind}


def _called(document: Mapping[str, Any]) -> str:
    """Return a document's name as Checkov says it."""
    metadata = document["metadata"]
    return f"{document['kind']}.{metadata.get('namespace', 'default')}.{metadata['name']}"
