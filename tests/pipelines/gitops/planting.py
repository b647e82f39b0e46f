"""Mistakes planted in what is rendered, for the tests that see them told."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from pipelines.gitops.judging import Fault, Rendered, findings
from pipelines.gitops.rendering import Estate, Manifest

CHART = "gitops/charts/service/templates"
HERE = ("prod", "us-east-1")
CONTAINER = "spec/template/spec/containers/0"
IN_CONTAINER = "spec.template.spec.containers[0]"
Judge = Callable[[Rendered], Iterator[Fault]]


def planted(estate: Estate, name: str, changes: dict[str, Any]) -> Rendered:
    """Return a cluster with other values at paths of a document; None takes away, no changes the whole document."""
    found: list[Manifest] = []
    for manifest in estate[HERE]:
        if manifest.name == name:
            if not changes:
                continue
            manifest = dataclasses.replace(manifest, document=copy.deepcopy(manifest.document))  # noqa: PLW2901
            _change(manifest.document, changes)
        found.append(manifest)
    assert (len(found) < len(estate[HERE])) is not bool(changes), f"there is no {name}"
    return Rendered(*HERE, tuple(found))


def _change(document: dict[str, Any], changes: dict[str, Any]) -> None:
    for path, value in changes.items():
        at: Any = document
        *way, last = [int(key) if key.isdigit() else key for key in path.split("/")]
        for key in way:
            at = at[key]
        if value is None:
            del at[last]
        else:
            at[last] = value


def told(cluster: Rendered, judge: Judge) -> list[tuple[str, str, str]]:
    """Return file, place and words of what a judge finds in a cluster."""
    return [(one.path, one.where, one.what) for one in findings((cluster, fault) for fault in judge(cluster))]
