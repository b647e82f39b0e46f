"""Which series an expression reads: every metric in a rule or panel must be one that somebody tells or records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipelines.slos import dashboards
from pipelines.slos.files import rules_of
from pipelines.slos.rules import Record
from services.contracts.catalogue import Service

_SELECTOR = re.compile(r"\b((?:careslot_|service:)[a-zA-Z0-9_:]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
# What Prometheus makes of a histogram or counter when it is scraped.
_SUFFIXES = ("_bucket", "_count", "_sum")


@dataclass(frozen=True, slots=True)
class Selector:
    """A series by name and by what its labels are asked for: label -> (operator, value)."""

    name: str
    labels: Mapping[str, tuple[str, str]]

    @property
    def recorded(self) -> bool:
        """Whether a rule makes it, by the form of its name (level:metric:operations)."""
        return ":" in self.name

    @property
    def family(self) -> str:
        """Name of the metric that a service exposes it under."""
        for suffix in _SUFFIXES:
            if self.name.endswith(suffix):
                return self.name.removesuffix(suffix)
        return self.name


def selectors(expression: str) -> list[Selector]:
    """Return what an expression of ours reads; functions and labels alone are not taken for series."""
    return [
        Selector(name, {label: (operator, value) for label, operator, value in _MATCHER.findall(matchers)})
        for name, matchers in _SELECTOR.findall(expression)
    ]


def expressions(services: Mapping[str, Service]) -> Iterator[tuple[str, str]]:
    """Yield where each expression of rules and dashboards stands, and the expression."""
    for name, service in services.items():
        for group, rules in rules_of(service).items():
            for rule in rules:
                yield f"{group}: {rule.name}", rule.expr
        yield from _panels(f"dashboard of {name}", dashboards.service_dashboard(service))
    yield from _panels("overview", dashboards.overview(services))


def recorded(services: Mapping[str, Service]) -> set[str]:
    """Return the names of the series that rules record."""
    rules = [rule for service in services.values() for group in rules_of(service).values() for rule in group]
    return {rule.name for rule in rules if isinstance(rule, Record)}


def _panels(where: str, dashboard: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    panels = dashboard["panels"]
    assert isinstance(panels, list)
    for panel in panels:
        for target in panel["targets"]:
            yield f"{where}: {panel['title']}", target["expr"]
