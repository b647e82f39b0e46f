"""The shapes rules are written in, and how they become Prometheus's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["page", "ticket", "heartbeat"]
# Seconds between two evaluations, and so between two samples of what is recorded.
INTERVAL = 30
RUNBOOKS = "docs/runbooks"


@dataclass(frozen=True, slots=True)
class Record:
    """A series that Prometheus computes and keeps."""

    name: str
    expr: str
    labels: Mapping[str, str]

    def document(self, _runbooks: str) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        return {"record": self.name, "expr": self.expr, "labels": dict(self.labels)}


@dataclass(frozen=True, slots=True)
class Alert:
    """Something somebody must know; ``page``: now, ``ticket``: on the next working day.

    ``minutes`` it must hold before it is told; burn rates need none, their short window is that. Each name has one
    page in docs/runbooks, whichever service it is about.
    """

    name: str
    expr: str
    service: str
    team: str
    severity: Severity
    summary: str
    description: str
    minutes: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def runbook(self) -> str:
        """Path of its page in this repository."""
        return f"{RUNBOOKS}/{self.name}.md"

    def document(self, runbooks: str) -> dict[str, Any]:
        """Return the rule as Prometheus reads it; ``runbooks`` is where this repository can be read."""
        document: dict[str, Any] = {"alert": self.name, "expr": self.expr}
        if self.minutes:
            document["for"] = f"{self.minutes}m"
        document["labels"] = {
            "service": self.service, "team": self.team, "severity": self.severity, **self.labels,
        }  # fmt: skip
        document["annotations"] = {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": f"{runbooks}/{self.runbook}",
        }
        return document


def groups(named: Mapping[str, Sequence[Record | Alert]], runbooks: str) -> list[dict[str, Any]]:
    """Return rule groups by name, those without rules left out."""
    return [
        {"name": name, "interval": f"{INTERVAL}s", "rules": [rule.document(runbooks) for rule in rules]}
        for name, rules in named.items()
        if rules
    ]
