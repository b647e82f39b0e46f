"""A recorded stack as plain data: what policies, Checkov's plan, the preview, pictures and tests read.

Nothing here knows Pulumi. Property names are the provider's own (camelCase, as on the wire and in `pulumi preview
--json`); integers are integers; what is not known before deployment is the text ``UNKNOWN``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

UNKNOWN = "<unknown until deployed>"
# What a recorded id, ARN or address holds, so that references are found exactly, inside policies in JSON as well.
MARK = re.compile(r"rec-[0-9a-f]{12}")
# How the type tokens of our own components begin.
OURS = "careslot:"
PROVIDERS = "pulumi:providers:"
STACK_TYPE = "pulumi:pulumi:Stack"
REFERENCE_TYPE = "pulumi:pulumi:StackReference"


@dataclass(frozen=True, slots=True)
class Place:
    """File (relative to the repository's root) and line of the call that made a resource."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Resource:
    """One resource, component or read, as registered.

    ``mark`` is part of every output it has; ``depends_on`` holds the URNs named in options and, by property, in
    ``property_depends_on``; ``secrets`` are paths of inputs that are secret; ``options`` are those that are set
    (protect, ignoreChanges, retainOnDelete, deletedWith, ...). ``outputs`` of a component are what it registered
    (None if it never did), of a resource what the recorder answered.
    """

    urn: str
    type: str
    name: str
    mark: str
    parent: str
    custom: bool
    remote: bool
    read: bool
    provider: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] | None
    depends_on: tuple[str, ...]
    property_depends_on: Mapping[str, tuple[str, ...]]
    secrets: tuple[str, ...]
    options: Mapping[str, Any]
    place: Place

    def __hash__(self) -> int:
        return hash(self.urn)

    @property
    def component(self) -> bool:
        """Whether it only groups others (a remote component stands for what its provider makes)."""
        return not self.custom and not self.remote

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags; empty for what takes none."""
        tags = self.inputs.get("tags")
        return tags if isinstance(tags, dict) else {}

    @property
    def region(self) -> str:
        """The region it is made in; empty for what is global."""
        return str(self.inputs.get("region", ""))

    @property
    def data_class(self) -> str:
        """The class of data it holds at most: phi, internal, public, or empty if it has no tags."""
        return self.tags.get("data-class", "")

    @cached_property
    def marks(self) -> frozenset[str]:
        """Marks of the resources its inputs mention, wherever in them."""
        return frozenset(mark for _, text in texts(self.inputs) for mark in MARK.findall(text))


@dataclass(frozen=True)
class Graph:
    """One run of a stack's program; ``known`` says whether outputs had values or were not yet known."""

    stack: str
    environment: str
    layer: str
    region: str
    known: bool
    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any]

    @cached_property
    def by_urn(self) -> Mapping[str, Resource]:
        """Resources by URN."""
        return {resource.urn: resource for resource in self.resources}

    @cached_property
    def by_mark(self) -> Mapping[str, Resource]:
        """Resources by the mark their outputs hold."""
        return {resource.mark: resource for resource in self.resources}

    def of_type(self, *types: str) -> tuple[Resource, ...]:
        """Return the resources of the types, by their tokens (``aws:sqs/queue:Queue``)."""
        return tuple(resource for resource in self.resources if resource.type in types)

    def mentioned(self, resource: Resource) -> tuple[Resource, ...]:
        """Return the resources of this stack that a resource's inputs mention."""
        return tuple(self.by_mark[mark] for mark in sorted(resource.marks) if mark in self.by_mark)

    def within(self, resource: Resource) -> Iterator[Resource]:
        """Yield what stands below a component, at any depth."""
        for other in self.resources:
            if other.parent == resource.urn:
                yield other
                yield from self.within(other)

    def counts(self) -> Counter[str]:
        """Return how many resources there are of each type, components and reads left out."""
        return Counter(r.type for r in self.resources if not r.component and not r.read)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something wrong with a stack: where, which resource, what, and under which rule it was found."""

    stack: str
    rule: str
    place: str
    resource: str
    what: str

    def __str__(self) -> str:
        return f"{self.place or self.stack}: {self.resource or self.stack}: {self.what} [{self.rule}]"


@dataclass(frozen=True)
class Recording:
    """A stack recorded twice: an ``apply`` hides resources, and rules behave differently on unknowns."""

    resolved: Graph
    unresolved: Graph
    faults: tuple[Fault, ...] = field(default=())

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.resolved.stack

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON can say it."""
        return {
            "stack": self.stack,
            "environment": self.resolved.environment,
            "layer": self.resolved.layer,
            "region": self.resolved.region,
            "resolved": _graph(self.resolved),
            "unresolved": _graph(self.unresolved),
            "faults": [asdict(fault) for fault in self.faults],
        }


def _graph(graph: Graph) -> dict[str, Any]:
    return {"resources": [asdict(resource) for resource in graph.resources], "outputs": dict(graph.outputs)}


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text within a value, with the path to it (``routes[0].natGatewayId``)."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from texts(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, below in enumerate(value):
            yield from texts(below, f"{path}[{index}]")
