"""Every rule as a CrossGuard policy, with its severity, remedy and citations from the catalogue.

A rule about a resource alone is asked before that resource is made, one about a stack at the end. What a rule cannot
tell yet, and what is waived, is told as advice by two policies of their own, so that neither is silent nor stops a
first deployment; while deploying, the rule is asked again with what is then known. Rules about several stacks are
`careslot policy check`'s alone: the engine shows one stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from infra.recording.graph import Graph
from policies.controls.model import Catalogue, load_catalogue
from policies.pack.translating import alone, together
from policies.rules.every import RULES
from policies.rules.judging import STACK, Finding, Rule, Verdict, judged
from policies.waivers import Waiver, load_waivers

NOTES = "cannot-tell-or-waived"


def policies() -> list[Policy]:
    """Return the pack's policies."""
    catalogue = load_catalogue()
    today = datetime.now(UTC).date()
    waivers = [waiver for waiver in load_waivers() if waiver.expires >= today]
    single = [rule for rule in RULES.values() if rule.scope == "resource"]
    whole = [rule for rule in RULES.values() if rule.scope == "stack"]
    return [
        *(_of_resource(rule, catalogue, waivers) for rule in single),
        *(_of_stack(rule, catalogue, waivers) for rule in whole),
        ResourceValidationPolicy(
            f"resource-{NOTES}",
            "What cannot be told of a resource before it is made, and what is waived",
            _resource_notes(single, waivers),
            enforcement_level=EnforcementLevel.ADVISORY,
        ),
        StackValidationPolicy(
            f"stack-{NOTES}",
            "What cannot be told of a stack before it is made, and what is waived",
            _stack_notes(whole, waivers),
            enforcement_level=EnforcementLevel.ADVISORY,
        ),
    ]


def _of_resource(rule: Rule, catalogue: Catalogue, waivers: Sequence[Waiver]) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type not in rule.types:
            args.not_applicable(f"about {', '.join(rule.types)}")
        for finding in _failures([rule], alone(args), waivers):
            report(f"{finding.message}. {rule.remedy}", None)

    return ResourceValidationPolicy(rule.id, rule.title, validate, **_words(rule, catalogue))


def _of_stack(rule: Rule, catalogue: Catalogue, waivers: Sequence[Waiver]) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for finding in _failures([rule], together(args), waivers):
            urn = None if finding.type == STACK else finding.urn
            report(f"{finding.name}: {finding.message}. {rule.remedy}", urn)

    return StackValidationPolicy(rule.id, rule.title, validate, **_words(rule, catalogue))


def _failures(rules: Iterable[Rule], graph: Graph, waivers: Sequence[Waiver]) -> list[Finding]:
    failed = [finding for finding in judged(rules, [graph]) if finding.verdict is Verdict.FAIL]
    return [finding for finding in failed if not any(waiver.covers(finding) for waiver in waivers)]


def _resource_notes(
    rules: Sequence[Rule], waivers: Sequence[Waiver]
) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        about = [rule for rule in rules if args.resource_type in rule.types]
        for finding, note in _notes(about, alone(args), waivers):
            report(f"{finding.rule}: {note}", None)

    return validate


def _stack_notes(
    rules: Sequence[Rule], waivers: Sequence[Waiver]
) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for finding, note in _notes(rules, together(args), waivers):
            report(f"{finding.rule}: {finding.name}: {note}", None if finding.type == STACK else finding.urn)

    return validate


def _notes(rules: Sequence[Rule], graph: Graph, waivers: Sequence[Waiver]) -> Iterable[tuple[Finding, str]]:
    for finding in judged(rules, [graph]):
        if finding.verdict is Verdict.UNKNOWN:
            yield finding, f"cannot tell: {finding.message}"
        for waiver in waivers:
            if waiver.covers(finding):
                yield finding, f"waived until {waiver.expires} by {waiver.approver}: {finding.message}"


def _words(rule: Rule, catalogue: Catalogue) -> dict[str, object]:
    """Return what the engine shows of a policy: one framework has room, all citations are tags."""
    citations = catalogue.citations_of(rule.id)
    hipaa = catalogue.frameworks[0]
    first = next((hipaa.by_id[one] for framework, one in citations if framework == hipaa.id), None)
    return {
        "enforcement_level": EnforcementLevel.MANDATORY,
        "severity": Severity(catalogue.severity_of(rule.id)),
        "framework": first
        and PolicyComplianceFramework(
            name=hipaa.title, version=hipaa.version, reference=first.id, specification=first.title
        ),
        "tags": [
            *(f"{framework}:{one}" for framework, one in citations),
            *(f"control:{control.id}" for control in catalogue.of_rule[rule.id]),
        ],
        "remediation_steps": rule.remedy,
    }
