"""The report's content as plain data: every requirement, what shows it and how far, down to file and line.

A requirement never counts as shown by what was not run: then it is shown in part, or not at all. The same estate, rules
and test results give the same content, whose hash stands in the header.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.assessment import Assessment, gravest_first, told
from policies.checkov.disagreements import Settled
from policies.controls.model import Catalogue, Control, Evidence, Framework, Requirement
from policies.eligibility import load_eligibility
from policies.report.named_tests import Outcome
from policies.rules.every import RULES
from policies.rules.judging import Verdict

# Worst first; what a requirement or a control is, from what its evidence says.
ORDER = ("fail", "waived", "cannot-tell", "partly", "pass", "not-run", "not-applicable")
OTHERS = {"aws": "inherited", "organisation": "organisational"}


@dataclass(frozen=True)
class Admission:
    """What admission rules say of everything that is rendered for the clusters.

    ``counts`` are requests by rule and verdict ("pass", "fail"; "declared only" for a rule that nothing here can ask),
    ``refused`` what would be refused, each with its file.
    """

    counts: Mapping[str, Mapping[str, int]]
    refused: tuple[str, ...]


@dataclass(frozen=True)
class Sources:
    """What a report is made of; ``settled`` is None if Checkov was not asked, ``tests`` if no results are given."""

    catalogue: Catalogue
    assessment: Assessment
    admission: Admission
    settled: Settled | None
    tests: Mapping[str, Outcome] | None
    access: str
    endpoints: str
    stacks: tuple[tuple[str, int], ...]


def content(sources: Sources) -> dict[str, Any]:
    """Return everything the report says but its header."""
    catalogue, found = sources.catalogue, sources.assessment
    by_evidence = _evidence(sources)
    controls = {control.id: _control(control, by_evidence) for control in catalogue.controls}
    requirements = [
        _requirement(framework, requirement, catalogue, controls)
        for framework in catalogue.frameworks
        for requirement in framework.requirements
    ]
    settled = sources.settled
    return {
        "stacks": [{"stack": stack, "resources": number} for stack, number in sources.stacks],
        "summary": {
            "frameworks": {
                framework.id: {
                    "title": framework.title,
                    "version": framework.version,
                    "note": framework.note,
                    "statuses": dict(
                        sorted(Counter(r["status"] for r in requirements if r["framework"] == framework.id).items())
                    ),
                }
                for framework in catalogue.frameworks
            },
            "findings": dict(sorted(Counter(finding.verdict.value for finding in found.findings).items())),
            "standing": len(found.applied.standing),
            "waived": len(found.applied.waived),
            "checkov": _said(settled),
            "tests": _ran(sources.tests, catalogue),
        },
        "requirements": requirements,
        "controls": list(controls.values()),
        "matrix": matrix(sources),
        "failures": [told(finding, catalogue) for finding in gravest_first(found.applied.standing, catalogue)],
        "waived": [
            {**told(finding, catalogue), "waiver": waiver.model_dump(mode="json")}
            for finding, waiver in found.applied.waived
        ],
        "cannot_tell_before_deployment": dict(sorted(found.undecided().items())),
        "faults": [*found.faults, *sources.admission.refused, *(settled.faults if settled else ())],
        "disagreements": _disagreements(settled),
        "eligibility": load_eligibility().model_dump(mode="json"),
        "access": {"actions": sources.access, "endpoints": sources.endpoints},
        "findings": [finding.as_dict() for finding in sorted(found.findings)],
    }


def hashed(content: Mapping[str, Any]) -> str:
    """Return the hash of the evidence: SHA-256 of the content as canonical JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def matrix(sources: Sources) -> list[dict[str, Any]]:
    """Return citation by type of resource: which rules judged, how many of each verdict; waived ones told apart."""
    waived = {finding for finding, _ in sources.assessment.applied.waived}
    cells: dict[tuple[str, str], dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    rules: dict[tuple[str, str], set[str]] = defaultdict(set)
    for finding in sources.assessment.findings:
        if finding.verdict is Verdict.NOT_APPLICABLE:
            continue
        verdict = "waived" if finding in waived else finding.verdict.value
        for cited in sources.catalogue.citations_of(finding.rule):
            cells[cited][finding.type][verdict] += 1
            rules[cited].add(finding.rule)
    return [
        {
            "framework": framework,
            "requirement": one,
            "rules": sorted(rules[framework, one]),
            "types": {t: dict(sorted(c.items())) for t, c in sorted(row.items())},
        }
        for framework, one in ((f.id, r.id) for f in sources.catalogue.frameworks for r in f.requirements)
        if (row := cells.get((framework, one)))
    ]


def _evidence(sources: Sources) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what each piece of evidence says, by kind and reference."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    waived = {finding for finding, _ in sources.assessment.applied.waived}
    for finding in sources.assessment.findings:
        counts[finding.rule]["waived" if finding in waived else finding.verdict.value] += 1
    for rule, of in counts.items():
        worst = {"fail": "fail", "waived": "waived", "unknown": "cannot-tell", "pass": "pass"}
        status = next((says for verdict, says in worst.items() if of[verdict]), "not-applicable")
        found["rule", rule] = {"status": status, "counts": dict(sorted(of.items())), "title": RULES[rule].title}
    for rule, said in sources.admission.counts.items():
        known = (verdict for verdict in ("fail", "pass") if said.get(verdict))
        unasked = "not-run" if "declared only" in said else "not-applicable"
        found["admission", rule] = {"status": next(known, unasked), "counts": dict(said)}
    if sources.settled:
        # A check that a control names and that says nothing has nothing to judge: unexplained, that is a fault.
        for check in sources.catalogue.of_evidence("checkov"):
            found["checkov", check] = {"status": "not-applicable"}
        _checks(sources.settled, found)
    for node, ended in (sources.tests or {}).items():
        for kind in ("test", "cedar"):
            found[kind, node] = {"status": "not-run" if ended == "skipped" else ended}
    return found


def _checks(settled: Settled, found: dict[tuple[str, str], dict[str, Any]]) -> None:
    explained = {id(remark) for remark, _ in settled.explained}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    titles: dict[str, str] = {}
    for remark in settled.opinion.remarks:
        counts[remark.check]["pass" if remark.passed else "explained" if id(remark) in explained else "fail"] += 1
        titles[remark.check] = remark.title
    for check, of in counts.items():
        status = "fail" if of["fail"] else "pass" if of["pass"] else "partly"
        found["checkov", check] = {"status": status, "counts": dict(sorted(of.items())), "title": titles[check]}


def _control(control: Control, by_evidence: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    evidence = [_shown(one, by_evidence) for one in control.evidence]
    return {
        **control.model_dump(mode="json", exclude={"evidence"}),
        "evidence": evidence,
        "status": overall(one["status"] for one in evidence),
    }


def _shown(evidence: Evidence, by_evidence: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    said = by_evidence.get((evidence.kind, evidence.reference), {"status": OTHERS.get(evidence.kind, "not-run")})
    return {"kind": evidence.kind, "reference": evidence.reference, **said}


def overall(statuses: Iterable[str]) -> str:
    """Return what evidence amounts to: the worst of it; "partly" if some passed and some was not run."""
    given = set(statuses)
    technical = given - set(OTHERS.values())
    if not technical:
        return "inherited" if "inherited" in given else "organisational" if given else "not-covered"
    if "pass" in technical and "not-run" in technical and not technical & {"fail", "waived", "cannot-tell"}:
        return "partly"
    return next(status for status in ORDER if status in technical)


def _requirement(
    framework: Framework, requirement: Requirement, catalogue: Catalogue, controls: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    citing = catalogue.citing(framework.id, requirement.id)
    said = [one["status"] for control in citing for one in controls[control.id]["evidence"]]
    return {
        "framework": framework.id,
        **requirement.model_dump(mode="json"),
        "status": overall(said),
        "also": sorted(set(said) & set(OTHERS.values())),
        "controls": [control.id for control in citing],
    }


def _said(settled: Settled | None) -> dict[str, Any]:
    if settled is None:
        return {"asked": False}
    return {
        "asked": True,
        "version": settled.opinion.version,
        "results": len(settled.opinion.remarks),
        "failed": len(settled.opinion.failed),
        "explained": len(settled.explained),
        "unexplained": len(settled.unexplained),
    }


def _ran(tests: Mapping[str, Outcome] | None, catalogue: Catalogue) -> dict[str, int]:
    named = {node for kind in ("test", "cedar") for node in catalogue.of_evidence(kind)}
    return dict(sorted(Counter((tests or {}).get(node, "not-run") for node in named).items()))


def _disagreements(settled: Settled | None) -> dict[str, Any]:
    if settled is None:
        return {"explained": [], "unexplained": [], "ours_alone": []}
    grouped: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    titles = {remark.check: remark.title for remark in settled.opinion.failed}
    for remark, reason in settled.explained:
        grouped[reason.check, reason.stance, reason.because].append(f"{remark.stack} {remark.name}")
    return {
        "explained": [
            {"check": check, "title": titles[check], "stance": stance, "because": because, "resources": sorted(who)}
            for (check, stance, because), who in sorted(grouped.items())
        ],
        "unexplained": [remark.as_dict() for remark in sorted(settled.unexplained)],
        "ours_alone": [
            {**finding.as_dict(), "check": remark.check, "check_title": remark.title}
            for finding, remark in settled.ours_alone
        ],
    }
