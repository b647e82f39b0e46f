"""Whether those who call a service as it is released can call it as it is now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.compatibility.schemas import Judge, Schema, Side
from pipelines.findings import Finding

FOLDER = Path("services/contracts/openapi")
METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "trace")
TODO = "keep what is there and add beside it, or a new path for the new meaning"
REQUEST = Judge()
# A caller must be ready for a value it does not know; a field that it reads must stay.
RESPONSE = Judge(growing=True, gone=True)


def documents(folder: Path) -> dict[str, Schema]:
    """Read the documents by service."""
    return {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(folder.glob("*.json"))}


def compare(released: Mapping[str, Schema], now: Mapping[str, Schema]) -> list[Finding]:
    """Return what callers of the released services would miss."""
    found: list[Finding] = []
    for service, old in sorted(released.items()):
        path = str(FOLDER / f"{service}.json")
        if service not in now:
            found.append(Finding(path, "", "the service's document is gone", TODO))
            continue
        found += [Finding(path, where, what, TODO) for where, what in _differences(old, now[service])]
    return list(dict.fromkeys(found))


def _differences(old: Schema, new: Schema) -> Iterator[tuple[str, str]]:
    there = _operations(new)
    for name, (operation, shared) in _operations(old).items():
        if name not in there:
            yield name, "is gone"
            continue
        other, other_shared = there[name]
        before, after = _parameters(operation, shared, old), _parameters(other, other_shared, new)
        yield from ((f"{name} {where}", what) for where, what in _asked(before, after, old, new))
        yield from ((f"{name} request{where}", what) for where, what in _bodies(operation, other, old, new))
        yield from ((f"{name} {where}", what) for where, what in _answers(operation, other, old, new))


def _operations(document: Schema) -> dict[str, tuple[Schema, list[Any]]]:
    return {
        f"{method.upper()} {path}": (item[method], item.get("parameters", []))
        for path, item in document.get("paths", {}).items()
        for method in METHODS
        if method in item
    }


def _parameters(operation: Schema, shared: list[Any], document: Schema) -> dict[str, Schema]:
    every = [Side(one, document).plain().schema for one in (*shared, *operation.get("parameters", []))]
    return {f"{one['in']} {one['name']}": one for one in every}


def _asked(
    before: Mapping[str, Schema], after: Mapping[str, Schema], old: Schema, new: Schema
) -> Iterator[tuple[str, str]]:
    for name, parameter in sorted(after.items()):
        if parameter.get("required") and not before.get(name, {}).get("required"):
            yield name, "is required, and was not"
    for name, parameter in sorted(before.items()):
        if name not in after:
            yield name, "is gone"
            continue
        taken, sent = Side(after[name].get("schema", {}), new), Side(parameter.get("schema", {}), old)
        yield from ((f"{name}{_dot(where)}", what) for where, what in REQUEST.faults(taken, sent))


def _bodies(operation: Schema, other: Schema, old: Schema, new: Schema) -> Iterator[tuple[str, str]]:
    before = Side(operation.get("requestBody", {}), old).plain().schema
    after = Side(other.get("requestBody", {}), new).plain().schema
    if after.get("required") and not before.get("required"):
        yield "", "a body is required, and was not"
    taken, sent = after.get("content", {}), before.get("content", {})
    for kind in sorted(sent):
        if kind not in taken:
            yield "", f"is not taken as {kind} any more"
            continue
        sides = Side(taken[kind].get("schema", {}), new), Side(sent[kind].get("schema", {}), old)
        yield from ((_dot(where), what) for where, what in REQUEST.faults(*sides))


def _answers(operation: Schema, other: Schema, old: Schema, new: Schema) -> Iterator[tuple[str, str]]:
    after = other.get("responses", {})
    for status, answer in sorted(operation.get("responses", {}).items()):
        if not status.startswith("2"):
            continue
        if status not in after:
            yield f"answer {status}", "is gone"
            continue
        taken = Side(answer, old).plain().schema.get("content", {})
        sent = Side(after[status], new).plain().schema.get("content", {})
        for kind in sorted(taken):
            if kind not in sent:
                yield f"answer {status}", f"is not {kind} any more"
                continue
            sides = Side(taken[kind].get("schema", {}), old), Side(sent[kind].get("schema", {}), new)
            yield from ((f"answer {status}{_dot(where)}", what) for where, what in RESPONSE.faults(*sides))


def _dot(where: str) -> str:
    return f".{where}" if where and not where.startswith("[") else where
