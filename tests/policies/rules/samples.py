"""Reads the samples: for every rule a few resources that comply, and what to change in them to break the rule.

Written in YAML, a file an area, because they are read more than run. ``=name`` is a reference to another resource of
the sample; ``data`` is the data class (phi by default), ``in`` the stack (prod-us-east-1 by default). ``broken`` maps a
path (``resource.property.property``) to the value that breaks it, or a resource to nothing, which takes it away.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra.recording.graph import Graph, Place, Resource
from policies.rules.every import RULES
from policies.rules.judging import Finding, judged

FOLDER = Path(__file__).with_name("areas")
STACK = "prod-us-east-1"
NOT_INPUTS = {"data", "in", "is", "options"}
TAGS = {"environment": "prod", "managed-by": "pulumi", "owner": "platform-engineering", "service": "booking"}


@dataclass(frozen=True)
class Sample:
    """What complies with one rule, and the changes that break it."""

    rule: str
    fine: Mapping[str, Mapping[str, Any]]
    broken: Mapping[str, Any]

    def complying(self) -> list[Graph]:
        """Return the stacks that comply."""
        return graphs(self.fine)

    def violating(self) -> list[Graph]:
        """Return the same stacks, broken."""
        declared: dict[str, Any] = copy.deepcopy(dict(self.fine))
        for path, value in self.broken.items():
            name, _, below = path.partition(".")
            if below:
                _set(declared[name], below.split("."), value)
            elif value is None:
                del declared[name]
            else:
                declared[name] = value
        return graphs(declared)


@cache
def samples() -> dict[str, Sample]:
    """Return every sample by the rule it is of."""
    return {
        rule: Sample(rule, sample.get("fine") or {}, sample["broken"])
        for file in sorted(FOLDER.glob("*.yaml"))
        for rule, sample in yaml.safe_load(file.read_text("utf-8")).items()
    }


def said(rule: str, stacks: list[Graph]) -> list[Finding]:
    """Return what one rule says of stacks."""
    return judged([RULES[rule]], stacks)


def graphs(declared: Mapping[str, Mapping[str, Any]]) -> list[Graph]:
    """Return declared resources as recorded stacks."""
    stacks: dict[str, list[Resource]] = {STACK: []}
    for name, inputs in declared.items():
        stacks.setdefault(str(inputs.get("in", STACK)), []).append(_resource(name, inputs, declared))
    return [_graph(stack, tuple(resources)) for stack, resources in stacks.items()]


def _graph(stack: str, resources: tuple[Resource, ...]) -> Graph:
    environment, _, rest = stack.partition("-")
    layer = rest if rest in {"foundation", "routing"} else "region"
    region = rest if layer == "region" else "us-east-1"
    return Graph(stack, environment, layer, region, known=True, resources=resources, outputs={})


def _resource(name: str, declared: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> Resource:
    kind = str(declared["is"])
    type_ = kind if kind.count(":") > 1 else f"aws:{kind}"
    inputs = {key: _referred(value, others) for key, value in declared.items() if key not in NOT_INPUTS}
    stack = str(declared.get("in", STACK))
    tags = {**TAGS, "data-class": declared.get("data", "phi"), "environment": stack.partition("-")[0]}
    region = stack.partition("-")[2] if "-us-" in stack else "us-east-1"
    inputs.setdefault("region", region)
    inputs.setdefault("tags", tags)
    urns = {
        key: tuple(_urn(other, others) for other in _names(value) if other in others) for key, value in declared.items()
    }
    return Resource(
        urn=_urn(name, others),
        type=type_,
        name=name.partition("/")[0],
        mark=_mark(name),
        parent="",
        custom=True,
        remote=False,
        read=False,
        provider="aws",
        inputs=inputs,
        outputs={},
        depends_on=(),
        property_depends_on={key: of for key, of in urns.items() if of},
        secrets=(),
        options=declared.get("options", {}),
        place=Place("sample.py", 1),
    )


def _mark(name: str) -> str:
    return "rec-" + name.encode().hex().ljust(12, "0")[:12]


def _urn(name: str, others: Mapping[str, Mapping[str, Any]]) -> str:
    stack = others.get(name, {}).get("in", STACK)
    return f"urn:pulumi:{stack}::careslot::{others.get(name, {}).get('is', '')}::{name}"


def _names(value: Any) -> Iterator[str]:
    """Yield the names that a value refers to."""
    if isinstance(value, str) and value.startswith("="):
        yield value[1:]
    elif isinstance(value, Mapping):
        for below in value.values():
            yield from _names(below)
    elif isinstance(value, list):
        for below in value:
            yield from _names(below)


def _referred(value: Any, others: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return a value with references written as ARNs; documents (``json``) become text."""
    if isinstance(value, str) and value.startswith("="):
        region = str(others.get(value[1:], {}).get("in", STACK)).partition("-")[2]
        return f"arn:aws:kms:{region}:333344445555:thing/{_mark(value[1:])}"
    if isinstance(value, Mapping):
        if set(value) == {"json"}:
            return json.dumps(_referred(value["json"], others))
        return {key: _referred(below, others) for key, below in value.items()}
    if isinstance(value, list):
        return [_referred(below, others) for below in value]
    return value


def _set(declared: Any, path: list[str], value: Any) -> None:
    for key in path[:-1]:
        declared = declared[int(key)] if isinstance(declared, list) else declared[key]
    last: Any = int(path[-1]) if isinstance(declared, list) else path[-1]
    if value is None:
        del declared[last]
    else:
        declared[last] = value
