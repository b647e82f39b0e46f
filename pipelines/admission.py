"""`careslot verify admission`: every rendered document, and every pod it will make, asked for as Argo CD will ask.

What cannot be asked here (Kyverno's verdict about signatures) is held against its schema, and no more is said of it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipelines.findings import Finding
from pipelines.gitops import schemas
from pipelines.gitops.facts import ROOT
from pipelines.gitops.judging import Fault, Rendered, clusters, findings
from pipelines.gitops.rendering import Estate, Manifest, render_estate
from policies.admission.deciding import Refusal, pods_of, verdicts
from policies.admission.matching import Request
from policies.admission.reading import HERE, AdmissionRule, load_rules
from policies.report.evidence import Admission

FOLDER = HERE.relative_to(ROOT).as_posix()
# A document, or a pod it will make, in its cluster: what each rule that is asked about it refuses.
Judged = tuple[Rendered, Manifest, Mapping[str, list[Refusal]]]


def check() -> list[Finding]:
    """Return what the rules refuse of what is rendered, and what is wrong with the rules themselves."""
    rules = load_rules()
    unasked = [rule.name for rule in rules if not rule.bound]
    print(f"{len(rules) - len(unasked)} rules asked; {', '.join(unasked)}: held against a schema only", file=sys.stderr)
    estate = render_estate()
    return sorted([*refused(estate, rules), *misshapen(estate, rules)])


def refused(estate: Estate, rules: Sequence[AdmissionRule]) -> list[Finding]:
    """Return every refusal, told once where several clusters refuse the same."""
    return _refused(_judged(estate, rules))


def evidence(estate: Estate, rules: Sequence[AdmissionRule]) -> Admission:
    """Return what a policy report says of admission: how often each rule was asked, and what it let in and refused."""
    judged = list(_judged(estate, rules))
    declared = {rule.name: len(rule.declared) for rule in rules if not rule.bound}
    counts = {rule.name: Counter[str]() for rule in rules}
    for _, _, verdict in judged:
        for rule, found in verdict.items():
            counts[rule]["fail" if found else "pass"] += 1
    said = {rule: dict(sorted(of.items())) for rule, of in counts.items()}
    said |= {rule: {"declared only": number} for rule, number in declared.items()}
    return Admission(said, tuple(str(finding) for finding in _refused(judged)))


def misshapen(estate: Estate, rules: Iterable[AdmissionRule]) -> list[Finding]:
    """Return what the rules' own documents are not as their schemas have them."""
    files = [
        Manifest(f"{FOLDER}/{rule.name}.yaml", None, dict(document))
        for rule in rules
        for document in (*(one for pair in rule.bound for one in pair), *rule.declared)
    ]
    places = [Rendered(environment, region, tuple(files)) for environment, region in estate]
    return findings((place, fault) for place in places for fault in schemas.faults(place))


def _judged(estate: Estate, rules: Sequence[AdmissionRule]) -> Iterator[Judged]:
    for cluster in clusters(estate):
        there = [manifest.document for manifest in cluster.manifests]
        for manifest in cluster.manifests:
            if "apiVersion" not in manifest.document:
                continue
            for document in (manifest.document, *pods_of(manifest.document)):
                yield cluster, manifest, verdicts(rules, Request(document), there)


def _refused(judged: Iterable[Judged]) -> list[Finding]:
    return findings(
        (cluster, _told(manifest, refusal))
        for cluster, manifest, verdict in judged
        for found in verdict.values()
        for refusal in found
    )


def _told(manifest: Manifest, refusal: Refusal) -> Fault:
    told = f"refused by {refusal.policy}: {refusal.message}"
    if refusal.error:
        told = f"{refusal.policy}, {refusal.where}, fails itself: {refusal.message}"
    return Fault(manifest, "", told, f"{FOLDER}/{refusal.rule}.yaml")
