"""Every rendered document against the schema of its kind, strictly: a field that no schema knows is a typo.

Core kinds by `kubernetes-validate` in the version the environment runs; custom kinds by the JSON Schemas in
`../shared/schemas/crds` (or CARESLOT_SHARED). Without these custom kinds are not judged, which is told.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from kubernetes_validate.utils import all_versions, major_minor, schema_contents

from environments.model import load_environment
from pipelines.gitops.facts import ROOT
from pipelines.gitops.judging import Fault, Rendered
from pipelines.gitops.rendering import Manifest
from policies.admission.matching import group_and_version

# What an error says is cut where it repeats the whole document.
LONGEST = 240
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")


def shared_schemas() -> Path | None:
    """Return the folder of the custom kinds' schemas, None if it is not there."""
    folder = Path(os.environ.get("CARESLOT_SHARED") or ROOT.parent / "shared") / "schemas" / "crds"
    return folder if folder.is_dir() else None


def faults(cluster: Rendered) -> Iterator[Fault]:
    """Yield what is not as its kind's schema has it, and kinds that nobody knows."""
    version = load_environment(cluster.environment).cluster.version
    custom = shared_schemas()
    for manifest in cluster.manifests:
        yield from _against(manifest, version, custom)


def _against(manifest: Manifest, version: str, custom: Path | None) -> Iterator[Fault]:
    document = manifest.document
    missing = [key for key in ("apiVersion", "kind", "metadata") if key not in document]
    if missing:
        yield Fault(manifest, "", f"a manifest has {', '.join(missing)} too")
        return
    group, api = group_and_version(document)
    validator = _core(version, document["kind"].lower(), group, api)
    if validator is None:
        if custom is None:
            return
        validator = _custom(custom / group / f"{document['kind'].lower()}_{api}.json")
    if validator is None:
        yield Fault(manifest, "kind", f"no schema is known of {document['apiVersion']} {document['kind']}")
        return
    for error in validator.iter_errors(document):
        yield Fault(manifest, _path(error.instance_path), _short(error.message))
    yield from _quantities(manifest, document, "")


def _quantities(manifest: Manifest, value: Any, path: str) -> Iterator[Fault]:
    """Yield amounts of resources that are none: to a schema they are any text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            here = f"{path}.{key}" if path else key
            if key in {"requests", "limits"} and path.endswith("resources") and isinstance(inner, dict):
                for resource, amount in inner.items():
                    if not QUANTITY.fullmatch(str(amount)):
                        yield Fault(manifest, f"{here}.{resource}", f"{amount!r} is no quantity (250m, 1, 512Mi)")
            else:
                yield from _quantities(manifest, inner, here)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _quantities(manifest, inner, f"{path}[{number}]")


@cache
def _core(version: str, kind: str, group: str, api: str) -> jsonschema_rs.Validator | None:
    """Return the validator of a core kind, None if it is not one of these."""
    if "." in group and not group.endswith(".k8s.io"):
        return None
    known = [one for one in all_versions() if _number(one) <= _number(version)]
    folder = f"kubernetes-json-schema/v{known[-1]}-local-strict"
    short = group.partition(".")[0]
    try:
        schema = schema_contents(f"{folder}/{kind}-{short + '-' if short else ''}{api}.json", version)
    except FileNotFoundError:
        return None
    return jsonschema_rs.Draft202012Validator(schema, registry=_definitions(folder, version))


@cache
def _definitions(folder: str, version: str) -> jsonschema_rs.Registry:
    """Return what the core schemas refer to, read once."""
    return jsonschema_rs.Registry([("_definitions.json", schema_contents(f"{folder}/_definitions.json", version))])


@cache
def _custom(file: Path) -> jsonschema_rs.Validator | None:
    return jsonschema_rs.validator_for(json.loads(file.read_text("utf-8"))) if file.is_file() else None


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in major_minor(version).split("."))


def _path(parts: Any) -> str:
    told = ""
    for part in parts:
        told += f"[{part}]" if isinstance(part, int) else f".{part}" if told else str(part)
    return told


def _short(message: str) -> str:
    return message if len(message) <= LONGEST else f"{message[: LONGEST // 2]} ... {message[-LONGEST // 2 :]}"
