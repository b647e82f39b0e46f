"""`careslot verify admission`: nothing that is deployed would be refused, and what would be is told with its file."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.admission import check, evidence, misshapen, refused
from pipelines.gitops.rendering import Manifest, render_estate
from policies.admission.reading import AdmissionRule, load_rules

pytestmark = pytest.mark.xdist_group("gitops")
HERE = ("prod", "us-east-1")


def test_nothing_that_is_deployed_would_be_refused(shared: Callable[[str], Path]) -> None:
    shared("schemas/crds")
    assert [str(finding) for finding in check()] == []


def test_what_would_be_refused_is_told_with_file_rule_and_reason() -> None:
    manifests: list[Manifest] = []
    for manifest in render_estate()[HERE]:
        if manifest.name == "Rollout booking/booking":
            document = copy.deepcopy(manifest.document)
            document["spec"]["template"]["spec"]["containers"][0]["image"] = "docker.io/booking:latest"
            manifest = dataclasses.replace(manifest, document=document)  # noqa: PLW2901
        if manifest.name != "NetworkPolicy audit/default-deny":
            manifests.append(manifest)
    found = refused({HERE: tuple(manifests)}, load_rules())
    told = {(one.path, one.where, one.todo) for one in found}
    rollout = "gitops/charts/service/templates/rollout.yaml"
    assert (rollout, "Rollout booking/booking", "policies/admission/images-pinned.yaml") in told
    assert (rollout, "Rollout booking/booking", "policies/admission/images-from-registry.yaml") in told
    assert (rollout, "Rollout audit/audit", "policies/admission/default-deny-present.yaml") in told
    assert all("[prod us-east-1]" in one.what for one in found)


def test_reports_are_told_how_often_each_rule_was_asked_and_what_it_refused() -> None:
    estate = {HERE: render_estate()[HERE]}
    said = evidence(estate, load_rules())
    assert said.refused == ()
    assert said.counts["images-signed"] == {"declared only": 1}
    asked = {rule: counts for rule, counts in said.counts.items() if counts.keys() == {"pass"}}
    assert asked.keys() == said.counts.keys() - {"images-signed"}
    without = tuple(one for one in estate[HERE] if one.name != "NetworkPolicy audit/default-deny")
    worse = evidence({HERE: without}, load_rules())
    assert worse.counts["default-deny-present"]["fail"] > 0
    assert any("policies/admission/default-deny-present.yaml" in line for line in worse.refused)


def test_a_typo_in_a_rule_of_either_kind_is_told(shared: Callable[[str], Path]) -> None:
    shared("schemas/crds")
    rules = {rule.name: rule for rule in load_rules()}
    ((policy, binding),) = rules["images-pinned"].bound
    (signed,) = rules["images-signed"].declared
    wrong = [
        AdmissionRule("images-pinned", (({**policy, "spec": {**policy["spec"], "failPolicy": "Fail"}}, binding),), ()),
        AdmissionRule("images-signed", (), ({**signed, "spec": {**signed["spec"], "attestor": []}},)),
    ]
    found = misshapen(dict.fromkeys([HERE], ()), wrong)
    assert [(one.path, one.where.rpartition(": ")[2]) for one in found] == [
        ("policies/admission/images-pinned.yaml", "spec"),
        ("policies/admission/images-signed.yaml", "spec"),
    ]
