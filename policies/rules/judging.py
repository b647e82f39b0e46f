"""What a rule is, and how resources are judged by rules: every rule, every resource it is about, one finding each.

A rule knows no framework and no runner: controls name rules, the pack, the command and the tests run them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal

from infra.recording.graph import STACK_TYPE, Graph, Place, Resource
from policies.rules.reading import CannotTell, Estate, View

# What a rule about a whole stack is about, and where it says the fault is: where stacks are put together.
STACK = STACK_TYPE
ASSEMBLY = Place("infra/assembly.py", 1)

# Yields what is wrong, in words for a person; nothing if all is well.
Judge = Callable[[View], Iterator[str]]
Condition = Callable[[View], bool]
# What a rule needs to see: the resource alone, its stack, or all stacks of the environment.
Scope = Literal["resource", "stack", "environment"]


class Verdict(StrEnum):
    """What a rule says of a resource; UNKNOWN is "cannot tell before it is deployed" and is never counted as fine."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold: ``title`` says it, ``remedy`` how to mend it; ``when`` narrows whom it is about."""

    id: str
    title: str
    types: tuple[str, ...]
    remedy: str
    scope: Scope
    judge: Judge
    when: Condition


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What one rule says of one resource; ``message`` is empty unless it fails or cannot be told."""

    stack: str
    rule: str
    urn: str
    type: str
    name: str
    verdict: Verdict
    message: str
    file: str
    line: int

    @property
    def place(self) -> str:
        """File and line, as editors take them."""
        return f"{self.file}:{self.line}" if self.file else ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can say it."""
        return asdict(self)


class Book:
    """The rules of one area, in the order they are written; a rule is the function it decorates."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def rule(
        self,
        id_: str,
        title: str,
        *types: str,
        remedy: str,
        scope: Scope = "resource",
        when: Condition = lambda _: True,
    ) -> Callable[[Judge], Judge]:
        """Make the function below a rule about resources of the types (``STACK`` for one about a whole stack)."""

        def add(judge: Judge) -> Judge:
            self.rules.append(Rule(id_, title, types, remedy, scope, judge, when))
            return judge

        return add


def phi(view: View) -> bool:
    """Condition: about what may hold or carry PHI."""
    return view.phi


def production(view: View) -> bool:
    """Condition: about the environment that holds real people's data."""
    return view.production


def paired(view: View) -> bool:
    """Condition: about environments that run in two regions."""
    return view.graph.layer == "region" and len(view.regions) > 1


def judged(rules: Iterable[Rule], graphs: Sequence[Graph]) -> list[Finding]:
    """Judge stacks of one environment together, in the order of stacks, rules and URNs."""
    estate = Estate(graphs)
    by_type: dict[str, list[Rule]] = {}
    for rule in rules:
        for type_ in rule.types:
            by_type.setdefault(type_, []).append(rule)
    subjects = [*estate.views(), *(estate.view(_root(graph), graph) for graph in graphs)]
    return sorted(verdict(rule, view) for view in subjects for rule in by_type.get(view.type, ()))


def verdict(rule: Rule, view: View) -> Finding:
    """Return what one rule says of one resource."""
    problems: list[str] = []
    try:
        if not rule.when(view):
            return _finding(rule, view, Verdict.NOT_APPLICABLE, "")
        for problem in rule.judge(view):
            problems.append(problem)  # noqa: PERF402 - what was found before an unknown counts
    except CannotTell as unknown:
        if not problems:
            return _finding(rule, view, Verdict.UNKNOWN, f"{unknown.path} is not known before it is deployed")
    if problems:
        return _finding(rule, view, Verdict.FAIL, "; ".join(problems))
    return _finding(rule, view, Verdict.PASS, "")


def _finding(rule: Rule, view: View, said: Verdict, message: str) -> Finding:
    resource = view.resource
    return Finding(
        stack=view.graph.stack,
        rule=rule.id,
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        verdict=said,
        message=message,
        file=resource.place.file,
        line=resource.place.line,
    )


def _root(graph: Graph) -> Resource:
    """Return a stack as a resource of its own, for what can only be said of the whole."""
    return Resource(
        urn=f"urn:pulumi:{graph.stack}::careslot::{STACK}::careslot-{graph.stack}",
        type=STACK,
        name=graph.stack,
        mark="",
        parent="",
        custom=False,
        remote=False,
        read=False,
        provider="",
        inputs={},
        outputs=graph.outputs,
        depends_on=(),
        property_depends_on={},
        secrets=(),
        options={},
        place=ASSEMBLY,
    )
