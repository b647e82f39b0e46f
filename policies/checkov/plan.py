"""Recorded stacks as one Terraform plan, which is what Checkov reads: values, and what refers to what.

A plan that lacks `terraform_version` or holds a null passes with no results and no error, hence the floor on their
number (`opinion.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.recording.graph import MARK, PROVIDERS, REFERENCE_TYPE, Graph, Resource, texts
from policies.checkov.cluster import CLUSTER_TYPE, cluster
from policies.checkov.properties import Unmapped, terraform

TERRAFORM_VERSION = "1.9.0"
PROVIDER = "registry.terraform.io/hashicorp/aws"
ODD = re.compile(r"\W")
# Nothing of AWS: Checkov has no opinion on a plan of them. Manifests are checked as manifests (gitops).
ELSEWHERE = ("kubernetes:", "random:", PROVIDERS)


@dataclass(frozen=True)
class Plan:
    """A plan and, by the address of each resource in it, the stack and the resource it was made from."""

    resources: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...]
    of: Mapping[str, tuple[str, Resource]]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The plan as `terraform show -json` gives it."""
        values, configuration = [], []
        for type_, name, attributes, references in self.resources:
            head = {"address": f"{type_}.{name}", "mode": "managed", "type": type_, "name": name}
            values.append({**head, "provider_name": PROVIDER, "schema_version": 0, "values": attributes})
            configuration.append({**head, "provider_config_key": "aws", "expressions": references})
        return {
            "format_version": "1.2",
            "terraform_version": TERRAFORM_VERSION,
            "planned_values": {"root_module": {"resources": values}},
            "configuration": {"root_module": {"resources": configuration}},
        }


def planned(graphs: Iterable[Graph]) -> Plan:
    """Return the plan of stacks together; raise Unmapped naming every property Terraform's provider does not have."""
    graphs = tuple(graphs)
    made = [(graph, resource) for graph in graphs for resource in graph.resources if _of_aws(resource)]
    named: Counter[str] = Counter()
    plan: list[tuple[Graph, Resource, str, str, dict[str, Any]]] = []
    faults: dict[str, None] = {}
    for graph, resource in made:
        try:
            type_, attributes = _translated(resource)
        except Unmapped as fault:
            faults[f"{resource.place}: {fault.detail}"] = None
            continue
        name = ODD.sub("_", f"{graph.stack}__{resource.name}")
        named[f"{type_}.{name}"] += 1
        again = named[f"{type_}.{name}"]
        plan.append((graph, resource, type_, name if again == 1 else f"{name}__{again}", attributes))
    if faults:
        raise Unmapped("; ".join(faults))
    by_mark = {resource.mark: f"{type_}.{name}" for _, resource, type_, name, _ in plan if resource.mark}
    by_urn = {(graph.stack, resource.urn): f"{type_}.{name}" for graph, resource, type_, name, _ in plan}
    return Plan(
        tuple(
            (type_, name, attributes, _expressions(graph, resource, attributes, by_mark, by_urn))
            for graph, resource, type_, name, attributes in plan
        ),
        {f"{type_}.{name}": (graph.stack, resource) for graph, resource, type_, name, _ in plan},
    )


def _of_aws(resource: Resource) -> bool:
    if resource.component or resource.read or resource.type == REFERENCE_TYPE:
        return False
    return not resource.type.startswith(ELSEWHERE)


def _translated(resource: Resource) -> tuple[str, dict[str, Any]]:
    if resource.type == CLUSTER_TYPE:
        return cluster(resource.inputs)
    return terraform(resource.type, resource.inputs)


def _expressions(
    graph: Graph,
    resource: Resource,
    attributes: Mapping[str, Any],
    by_mark: Mapping[str, str],
    by_urn: Mapping[tuple[str, str], str],
) -> dict[str, Any]:
    """Return what each attribute refers to: by the marks in its value, and by what the program said it comes from."""
    found = _references(attributes, by_mark)
    for name, urns in resource.property_depends_on.items():
        addresses = [by_urn[graph.stack, urn] for urn in urns if (graph.stack, urn) in by_urn]
        if addresses and name in resource.inputs:
            # A name that was given, not made up by AWS, stands in the value as itself: only this says whose it is.
            attribute = next(iter(_translated_name(resource, name)))
            if attribute not in found and not _blocks(attributes.get(attribute)):
                found[attribute] = _said(addresses)
    return found


def _translated_name(resource: Resource, name: str) -> Iterator[str]:
    if resource.type == CLUSTER_TYPE:
        yield name
    else:
        yield from terraform(resource.type, {name: resource.inputs[name]})[1]
        yield name


def _references(attributes: Mapping[str, Any], by_mark: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        if _blocks(value):
            below = [_references(block, by_mark) for block in value]
            if any(below):
                found[name] = below
        else:
            marks = dict.fromkeys(mark for _, text in texts(value) for mark in MARK.findall(text))
            if addresses := [by_mark[mark] for mark in marks if mark in by_mark]:
                found[name] = _said(addresses)
    return found


def _blocks(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _said(addresses: Iterable[str]) -> dict[str, list[str]]:
    return {"references": [f"{address}.id" for address in dict.fromkeys(addresses)]}
