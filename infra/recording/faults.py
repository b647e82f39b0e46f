"""What is wrong with a recorded stack whatever it is for: properties nobody knows, tags missing, references to nothing.

What must never be deployed is found by `unsafe`; what is right or wrong for HIPAA is judged elsewhere, by policies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.recording.crossing import crossings
from infra.recording.graph import (
    MARK,
    OURS,
    PROVIDERS,
    REFERENCE_TYPE,
    UNKNOWN,
    Fault,
    Graph,
    Recording,
    Resource,
    texts,
)
from infra.recording.unsafe import unsafe
from infra.schema import strays, takes_tags

TAGS = ("Name", "data-class", "environment", "managed-by", "owner", "service")
DATA_CLASSES = {"phi", "internal", "public"}


def faults_of(recording: Recording, published: Mapping[str, Mapping[str, Any]]) -> tuple[Fault, ...]:
    """Return every fault of a stack, in the order of places."""
    graph = recording.resolved
    elsewhere = frozenset(mark for _, text in texts(published) for mark in MARK.findall(text))
    found = {
        Fault(graph.stack, rule, str(resource.place), resource.name, what)
        for resource in graph.resources
        for rule, what in _of_resource(resource, graph, elsewhere)
    }
    found |= set(_hidden(recording))
    found |= {
        Fault(graph.stack, "cross-region", str(resource.place), resource.name, what)
        for resource, what in crossings(graph)
    }
    found |= {
        Fault(graph.stack, rule, str(resource.place), resource.name, what) for resource, rule, what in unsafe(graph)
    }
    found |= {
        Fault(graph.stack, "dangling-reference", "", path, f"the output mentions {mark}, which nothing here has")
        for path, text in texts(graph.outputs)
        for mark in MARK.findall(text)
        if mark not in graph.by_mark and mark not in elsewhere
    }
    return tuple(sorted(found))


def _of_resource(resource: Resource, graph: Graph, elsewhere: frozenset[str]) -> Iterator[tuple[str, str]]:
    if resource.read or resource.type.startswith(PROVIDERS):
        return
    if resource.component:
        if resource.outputs is None:
            yield "component-outputs", "a component that registers no outputs: end its __init__ with registered()"
        return
    for path, what in strays(resource.type, resource.inputs, UNKNOWN):
        yield "unmapped-property", f"{path}: {what}" if path else what
    yield from _tags(resource)
    if resource.custom and not resource.provider:
        yield "default-provider", "made with no provider of ours: stacks allow no other (Pulumi.<stack>.yaml)"
    if resource.type.startswith("aws:") and not _inside(resource, graph):
        yield "outside-component", "made outside a component, so that nothing places and tags it"
    for mark in sorted(resource.marks):
        if mark not in graph.by_mark and mark not in elsewhere:
            yield "dangling-reference", f"mentions {mark}, which neither this stack nor one it reads has"


def _tags(resource: Resource) -> Iterator[tuple[str, str]]:
    if not takes_tags(resource.type) or not resource.type.startswith(("aws:", "eks:")):
        return
    missing = [tag for tag in TAGS if not resource.tags.get(tag)]
    if missing:
        yield "missing-tag", f"has no tag {', '.join(missing)}"
    elif resource.data_class not in DATA_CLASSES:
        yield "missing-tag", f"data-class is {resource.data_class!r}; allowed: {', '.join(sorted(DATA_CLASSES))}"


def _inside(resource: Resource, graph: Graph) -> bool:
    parent = graph.by_urn.get(resource.parent)
    while parent is not None:
        if parent.type.startswith(OURS):
            return True
        parent = graph.by_urn.get(parent.parent)
    return False


def _hidden(recording: Recording) -> Iterator[Fault]:
    """Yield what exists only when outputs are known: made inside an `apply`, no preview of a first deploy shows it."""
    seen = recording.unresolved.by_urn
    for urn, resource in recording.resolved.by_urn.items():
        if urn not in seen and resource.type != REFERENCE_TYPE:
            yield Fault(
                recording.stack, "made-inside-apply", str(resource.place), resource.name,
                "is not there while outputs are unknown: make it outside `apply`",
            )  # fmt: skip
