"""`careslot verify admission`: every rendered document, and every pod it will make, asked for as Argo CD will ask.

What cannot be asked here (Kyverno's verdict about signatures) is held against its schema, and no more is said of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

from pipelines.findings import Finding
from pipelines.gitops import schemas
from pipelines.gitops.facts import ROOT
from pipelines.gitops.judging import Fault, Rendered, clusters, findings
from pipelines.gitops.rendering import Estate, Manifest, render_estate
from policies.admission.deciding import pods_of, refusals
from policies.admission.matching import Request
from policies.admission.reading import HERE, AdmissionRule, load_rules

FOLDER = HERE.relative_to(ROOT).as_posix()


def check() -> list[Finding]:
    """Return what the rules refuse of what is rendered, and what is wrong with the rules themselves."""
    rules = load_rules()
    unasked = [rule.name for rule in rules if not rule.bound]
    print(f"{len(rules) - len(unasked)} rules asked; {', '.join(unasked)}: held against a schema only", file=sys.stderr)
    estate = render_estate()
    return sorted([*refused(estate, rules), *misshapen(estate, rules)])


def refused(estate: Estate, rules: Sequence[AdmissionRule]) -> list[Finding]:
    """Return every refusal, told once where several clusters refuse the same."""
    return findings((cluster, fault) for cluster in clusters(estate) for fault in _refused(cluster, rules))


def misshapen(estate: Estate, rules: Iterable[AdmissionRule]) -> list[Finding]:
    """Return what the rules' own documents are not as their schemas have them."""
    files = [
        Manifest(f"{FOLDER}/{rule.name}.yaml", None, dict(document))
        for rule in rules
        for document in (*(one for pair in rule.bound for one in pair), *rule.declared)
    ]
    places = [Rendered(environment, region, tuple(files)) for environment, region in estate]
    return findings((place, fault) for place in places for fault in schemas.faults(place))


def _refused(cluster: Rendered, rules: Sequence[AdmissionRule]) -> Iterator[Fault]:
    there = [manifest.document for manifest in cluster.manifests]
    for manifest in cluster.manifests:
        if "apiVersion" not in manifest.document:
            continue
        for document in (manifest.document, *pods_of(manifest.document)):
            for refusal in refusals(rules, Request(document), there):
                told = f"refused by {refusal.policy}: {refusal.message}"
                if refusal.error:
                    told = f"{refusal.policy}, {refusal.where}, fails itself: {refusal.message}"
                yield Fault(manifest, "", told, f"{FOLDER}/{refusal.rule}.yaml")
