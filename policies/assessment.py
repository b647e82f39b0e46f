"""What our own rules say of recorded stacks on a day, waivers applied: what the command, gates and reports read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from infra.recording.graph import Graph, Recording
from policies.controls.model import SEVERITIES, Catalogue, load_catalogue
from policies.eligibility import load_eligibility
from policies.orphans import orphans
from policies.rules.every import RULES
from policies.rules.judging import Finding, Rule, Verdict, judged
from policies.waivers import Applied, Waiver, apply, load_waivers

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Assessment:
    """What was found.

    ``findings`` are of the stacks with outputs known, ``before`` of the same stacks as a first preview sees them: there
    a rule may not be able to tell, which is counted and never taken for fine. ``faults`` are what is wrong with the
    policies themselves: waivers, loose ends of the catalogue, a register that is overdue.
    """

    findings: tuple[Finding, ...]
    before: tuple[Finding, ...]
    applied: Applied
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing stands and nothing is wrong with the policies themselves."""
        return not self.applied.standing and not self.faults

    def undecided(self) -> Counter[str]:
        """Return by rule how many resources cannot be told before they are deployed."""
        return Counter(finding.rule for finding in self.before if finding.verdict is Verdict.UNKNOWN)

    def as_dict(self, catalogue: Catalogue) -> dict[str, Any]:
        """Return it as JSON can say it; failures with what asks for them and how they are mended."""
        return {
            "counts": dict(sorted(Counter(finding.verdict.value for finding in self.findings).items())),
            "failures": [told(finding, catalogue) for finding in self.applied.standing],
            "waived": [
                {**told(finding, catalogue), "waiver": waiver.model_dump(mode="json")}
                for finding, waiver in self.applied.waived
            ],
            "cannot_tell_before_deployment": dict(sorted(self.undecided().items())),
            "faults": list(self.faults),
        }


def assess(
    recordings: Iterable[Recording],
    today: date,
    *,
    whole: bool = True,
    rules: Sequence[Rule] = tuple(RULES.values()),
    waivers: Sequence[Waiver] | None = None,
) -> Assessment:
    """Judge stacks, environment by environment; ``whole`` says that every stack there is is among them."""
    recordings = tuple(recordings)
    findings = _judged(rules, [recording.resolved for recording in recordings])
    before = _judged(rules, [recording.unresolved for recording in recordings])
    given = load_waivers() if waivers is None else waivers
    applied = apply(given, findings, today, whole=whole, rules=RULES)
    faults = [*applied.faults, *orphans(load_catalogue(), RULES, ROOT)]
    if load_eligibility().overdue(today):
        faults.append(f"eligibility.yaml: AWS's list was to be read again by {load_eligibility().review}")
    return Assessment(findings, before, applied, tuple(faults))


def _judged(rules: Iterable[Rule], graphs: Sequence[Graph]) -> tuple[Finding, ...]:
    environments = dict.fromkeys(graph.environment for graph in graphs)
    rules = tuple(rules)
    return tuple(
        finding
        for environment in environments
        for finding in judged(rules, [graph for graph in graphs if graph.environment == environment])
    )


def told(finding: Finding, catalogue: Catalogue) -> dict[str, Any]:
    """Return a finding with its rule's words, its severity, and who asks for what it breaks."""
    rule = RULES[finding.rule]
    return {
        **finding.as_dict(),
        "title": rule.title,
        "remedy": rule.remedy,
        "severity": catalogue.severity_of(rule.id),
        "controls": [control.id for control in catalogue.of_rule.get(rule.id, ())],
        "citations": [f"{framework} {one}" for framework, one in catalogue.citations_of(rule.id)],
    }


def gravest_first(findings: Iterable[Finding], catalogue: Catalogue) -> list[Finding]:
    """Return findings with the gravest first, each severity in the findings' own order."""
    return sorted(findings, key=lambda finding: (-SEVERITIES.index(catalogue.severity_of(finding.rule)), finding))
