"""How a rule reads a resource: by path, by reference, and never past a value that is not known yet.

Before the first deployment much is unknown. A rule that took an unknown for "not there" would raise false alarms, one
that took it for "fine" would be silent; so reading one raises ``CannotTell``, which ends as a verdict of its own.
Numbers may be 35 or 35.0 (the engine's protocol has only doubles), lists may be any sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.recording.graph import MARK, REFERENCE_TYPE, UNKNOWN, Graph, Resource, texts


class CannotTell(Exception):
    """A value that decides is not known yet; ``path`` says which."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True, slots=True)
class Node:
    """A value within a resource's inputs and the path to it; absent values are None."""

    raw: Any
    path: str = ""

    def at(self, path: str) -> Node:
        """Return what stands at a dotted path below (``rule.defaultRetention.days``); of an unknown, an unknown."""
        node = self
        for key in path.split("."):
            node = node._step(key)
        return node

    def _step(self, key: str) -> Node:
        path = f"{self.path}.{key}" if self.path else key
        if self.unknown:
            return Node(UNKNOWN, path)
        return Node(self.raw.get(key) if isinstance(self.raw, Mapping) else None, path)

    @property
    def unknown(self) -> bool:
        """Whether the value itself is not known yet (what is below it may be)."""
        return isinstance(self.raw, str) and UNKNOWN in self.raw

    @property
    def value(self) -> Any:
        """The value; raise CannotTell if it, or anything in it, is not known."""
        for path, text in texts(self.raw, self.path):
            if UNKNOWN in text:
                raise CannotTell(path)
        return self.raw

    def __getitem__(self, path: str) -> Any:
        """Return the value at a path below."""
        return self.at(path).value

    def each(self, path: str) -> list[Node]:
        """Return the elements of a list below (or its one element, where a provider takes it bare); none if absent."""
        node = self.at(path)
        if node.unknown:
            raise CannotTell(node.path)
        if node.raw is None:
            return []
        if isinstance(node.raw, Sequence) and not isinstance(node.raw, str):
            return [Node(element, f"{node.path}[{index}]") for index, element in enumerate(node.raw)]
        return [node]

    def words(self, path: str) -> tuple[str, ...]:
        """Return the elements of a list of texts below."""
        return tuple(str(node.value) for node in self.each(path))

    def number(self, path: str, default: float = 0.0) -> float:
        """Return the number below, which a provider may take as text."""
        value = self[path]
        return default if value is None else float(value)

    def on(self, path: str) -> bool:
        """Say whether a switch below is on (true, or "true" as some properties have it)."""
        return str(self[path]).lower() == "true"


class View(Node):
    """A resource as rules see it: its inputs, its tags, and what refers to what."""

    __slots__ = ("_estate", "graph", "resource")

    def __init__(self, resource: Resource, graph: Graph, estate: Estate) -> None:
        super().__init__(resource.inputs)
        object.__setattr__(self, "resource", resource)
        object.__setattr__(self, "graph", graph)
        object.__setattr__(self, "_estate", estate)

    resource: Resource
    graph: Graph
    _estate: Estate

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other: stack and URN."""
        return self.graph.stack, self.resource.urn

    @property
    def type(self) -> str:
        """The type's token."""
        return self.resource.type

    @property
    def name(self) -> str:
        """The logical name."""
        return self.resource.name

    @property
    def data_class(self) -> str:
        """The class of data it holds at most. What has no tags of its own is of the class of its component's kin."""
        if self.at("tags").unknown:
            raise CannotTell("tags")
        tags = self.resource.tags
        if "data-class" in tags:
            return str(Node(tags, "tags")["data-class"])
        return self._estate.class_within(self)

    @property
    def phi(self) -> bool:
        """Whether it may hold or carry PHI: tagged so, or not tagged and made beside what is."""
        return self.data_class == "phi"

    @property
    def environment(self) -> str:
        """The environment it belongs to."""
        return self.graph.environment

    @property
    def production(self) -> bool:
        """Whether real people's data is here."""
        return self.graph.environment == "prod"

    def named(self, path: str, *types: str) -> list[View]:
        """Return the resources that a property mentions, known or not, of these types (of any by default).

        The path's first word is the property: the engine tells dependencies for whole properties.
        """
        return self._estate.named(self, path, types)

    def given(self, path: str) -> bool:
        """Say whether a property is set. A value not known yet is, if the graph says which resource it comes from.

        That holds for the value itself: what stands within something unknown cannot be told.
        """
        node: Node = self
        for key in path.split("."):
            if node.unknown:
                raise CannotTell(node.path)
            node = node.at(key)
        if node.unknown:
            if self.named(path):
                return True
            raise CannotTell(node.path)
        return node.raw not in (None, "", [], {})

    def about(self, type_: str) -> list[View]:
        """Return the resources of a type whose inputs mention this one (a bucket's policy, a role's attachments)."""
        return self._estate.about(self, type_)

    def beside(self, *types: str) -> list[View]:
        """Return the resources of types in the same stack."""
        return [self._estate.view(other, self.graph) for other in self.graph.of_type(*types)]

    def elsewhere(self, *types: str) -> list[View]:
        """Return the resources of types in the whole environment, this stack included."""
        return [
            self._estate.view(other, graph)
            for graph in self._estate.graphs
            if graph.environment == self.graph.environment
            for other in graph.of_type(*types)
        ]

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions of the environment, as far as its stacks are judged together."""
        found = {g.region for g in self._estate.graphs if g.environment == self.environment and g.layer == "region"}
        return tuple(sorted(found))

    def twins(self) -> list[View]:
        """Return this resource in the other regions' stacks of the same layer: same type, same logical name."""
        return [
            self._estate.view(other, graph)
            for graph in self._estate.graphs
            if (graph.environment, graph.layer) == (self.graph.environment, self.graph.layer)
            if graph.stack != self.graph.stack
            for other in graph.of_type(self.type)
            if other.name == self.name
        ]


class Estate:
    """Graphs that are judged together (one stack, or all of an environment) and what in them refers to what."""

    def __init__(self, graphs: Iterable[Graph]) -> None:
        self.graphs = tuple(graphs)
        self._views: dict[tuple[str, str], View] = {}

    def view(self, resource: Resource, graph: Graph) -> View:
        """Return a resource as rules see it."""
        key = (graph.stack, resource.urn)
        if key not in self._views:
            self._views[key] = View(resource, graph, self)
        return self._views[key]

    def views(self) -> Iterator[View]:
        """Yield everything that was declared: no components of ours, nothing that is only read."""
        for graph in self.graphs:
            for resource in graph.resources:
                if not resource.component and not resource.read:
                    yield self.view(resource, graph)

    @cached_property
    def _by_mark(self) -> Mapping[str, View]:
        return {resource.mark: self.view(resource, g) for g in self.graphs for resource in g.resources if resource.mark}

    @cached_property
    def _mentions(self) -> Mapping[tuple[str, str], list[View]]:
        """Who mentions a resource, by stack and URN of what is mentioned."""
        found: dict[tuple[str, str], list[View]] = {}
        for view in self.views():
            urns = {(view.graph.stack, urn) for of in view.resource.property_depends_on.values() for urn in of}
            for mark in view.resource.marks:
                if mark in self._by_mark:
                    other = self._by_mark[mark]
                    urns.add((other.graph.stack, other.resource.urn))
            for key in urns:
                found.setdefault(key, []).append(view)
        return found

    def about(self, view: View, type_: str) -> list[View]:
        """Return the resources of a type whose inputs mention a resource."""
        others = self._mentions.get((view.graph.stack, view.resource.urn), [])
        return [other for other in others if other.type == type_]

    def named(self, view: View, path: str, types: Sequence[str]) -> list[View]:
        """Return the resources that a property mentions: by what is written in it, else by what it depends on."""
        marks = {mark for _, text in texts(view.at(path).raw) for mark in MARK.findall(text)}
        found = [self._by_mark[mark] for mark in sorted(marks) if mark in self._by_mark]
        by_urn = view.graph.by_urn
        urns = view.resource.property_depends_on.get(path.partition(".")[0], ())
        found += [
            self.view(by_urn[urn], view.graph)
            for urn in urns
            if urn in by_urn and not (found and by_urn[urn].type == REFERENCE_TYPE)
        ]
        unique = {one.key: one for one in found}
        return [one for one in unique.values() if not types or one.type in types]

    def class_within(self, view: View) -> str:
        """Return the most sensitive class among the tagged resources of the same component; phi if there are none."""
        classes = self._classes.get((view.graph.stack, view.resource.parent), frozenset())
        return next((name for name in ("phi", "internal", "public") if name in classes), "phi")

    @cached_property
    def _classes(self) -> Mapping[tuple[str, str], frozenset[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for view in self.views():
            found.setdefault((view.graph.stack, view.resource.parent), set()).add(view.resource.data_class)
        return {key: frozenset(classes) for key, classes in found.items()}


def across(values: Iterable[Node], check: Callable[[Node], Iterator[str]]) -> Iterator[str]:
    """Yield what is wrong with any of the values; raise CannotTell at the end if one could not be told.

    So a value not known yet does not hide what is wrong with the next one.
    """
    waiting: CannotTell | None = None
    for value in values:
        try:
            yield from check(value)
        except CannotTell as unknown:
            waiting = unknown
    if waiting is not None:
        raise waiting
