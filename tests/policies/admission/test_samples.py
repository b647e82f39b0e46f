"""Every admission rule lets one object in and refuses the same with one thing changed, for the reason it gives."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.admission.deciding import Refusal, pods_of, verdicts
from policies.admission.matching import Request
from policies.admission.reading import AdmissionRule, documents, load_rules

HERE = Path(__file__).parent
SAMPLES: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "samples.yaml").read_text("utf-8"))
CLUSTER = documents(HERE / "cluster.yaml")
RULES = {rule.name: rule for rule in load_rules()}
NAMES = {"rollout": "Rollout", "cronjob": "CronJob", "default-deny": "NetworkPolicy", "namespace": "Namespace"}


def sample(name: str) -> dict[str, Any]:
    """Return a fresh copy of one of the cluster's objects."""
    return copy.deepcopy(next(one for one in CLUSTER if one["kind"] == NAMES[name]))


def changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a document with values at paths replaced, or taken away where the value is None."""
    for path, value in changes.items():
        at: Any = document
        *way, last = path.split(".")
        for key in way:
            at = at[int(key) if key.isdigit() else key]
        if value is None:
            del at[last]
        else:
            at[last] = value
    return document


def refusals(rules: Sequence[AdmissionRule], request: Request, cluster: Sequence[Any]) -> list[Refusal]:
    """Return all that rules refuse of a request."""
    return [refusal for found in verdicts(rules, request, cluster).values() for refusal in found]


def asked(document: dict[str, Any], *names: str) -> list[Refusal]:
    """Ask rules (all, if none is named) about the creation of a document."""
    rules = [RULES[name] for name in names] or list(RULES.values())
    return refusals(rules, Request(document), CLUSTER)


def test_every_rule_that_can_be_asked_has_a_sample() -> None:
    assert {name for name, rule in RULES.items() if rule.bound} == set(SAMPLES)


@pytest.mark.parametrize("rule", SAMPLES)
def test_what_keeps_to_a_rule_is_let_in_by_all(rule: str) -> None:
    assert asked(sample(SAMPLES[rule]["fine"])) == []


@pytest.mark.parametrize("rule", SAMPLES)
def test_what_breaks_a_rule_is_refused_by_it_with_its_reason(rule: str) -> None:
    given = SAMPLES[rule]
    (refusal,) = asked(changed(sample(given["fine"]), given["broken"]), rule)
    assert not refusal.error
    assert refusal.message == given["says"]


@pytest.mark.parametrize("rule", [name for name in SAMPLES if SAMPLES[name]["fine"] in {"rollout", "cronjob"}])
def test_the_pod_that_a_workload_makes_is_refused_as_well(rule: str) -> None:
    given = SAMPLES[rule]
    (fine,) = pods_of(sample(given["fine"]))
    assert asked(fine) == []
    (broken,) = pods_of(changed(sample(given["fine"]), given["broken"]))
    assert [refusal.message for refusal in asked(broken, rule)] == [given["says"]]


def test_other_namespaces_are_not_asked() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "proxy", "namespace": "kube-system"}}
    privileged = {"name": "proxy", "image": "proxy:1", "securityContext": {"privileged": True}}
    spec = {"hostNetwork": True, "containers": [privileged]}
    assert asked({**pod, "spec": spec}) == []
    there = {**pod, "metadata": {"name": "proxy", "namespace": "booking"}, "spec": spec}
    assert {refusal.rule for refusal in asked(there)} >= {"images-pinned", "pods-unprivileged", "pods-apart-from-host"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"securityContext.capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}, "every capability is dropped"),
        ({"securityContext.readOnlyRootFilesystem": False}, "the root filesystem is read-only"),
        ({"securityContext.runAsUser": 0}, "containers run as somebody who is not root"),
        ({"securityContext.seccompProfile": {"type": "Unconfined"}}, "system calls are filtered"),
        ({"securityContext.privileged": True}, "no privilege and no way to more"),
        ({"securityContext": None}, "no privilege and no way to more"),
    ],
)
def test_each_privilege_is_refused(change: dict[str, Any], told: str) -> None:
    document = sample("rollout")
    changed(document["spec"]["template"]["spec"]["containers"][0], change)
    assert any(refusal.message.startswith(told) for refusal in asked(document, "pods-unprivileged"))


@pytest.mark.parametrize("share", ["hostNetwork", "hostPID", "hostIPC"])
def test_what_is_shared_with_the_node_is_refused(share: str) -> None:
    document = changed(sample("rollout"), {f"spec.template.spec.{share}": True})
    assert [refusal.where for refusal in asked(document, "pods-apart-from-host")] == ["spec.validations[2]"]


def test_the_digest_of_nothing_built_is_refused() -> None:
    nothing = f"111122223333.dkr.ecr.us-east-1.amazonaws.com/careslot/booking@sha256:{'0' * 64}"
    document = changed(sample("rollout"), {"spec.template.spec.containers.0.image": nothing})
    assert [refusal.rule for refusal in asked(document)] == ["images-pinned"]


def test_an_init_container_is_a_container() -> None:
    document = sample("rollout")
    spec = document["spec"]["template"]["spec"]
    spec["initContainers"] = [{**spec["containers"][0], "name": "first", "image": "busybox"}]
    assert {refusal.rule for refusal in asked(document)} == {"images-pinned", "images-from-registry"}


def test_without_its_parameters_a_rule_refuses_everything() -> None:
    without = [one for one in CLUSTER if one["kind"] != "ConfigMap"]
    (refusal,) = refusals([RULES["images-from-registry"]], Request(sample("rollout")), without)
    assert refusal.message == "no ConfigMap is there as its parameter"


def test_a_default_deny_that_lets_something_through_is_none() -> None:
    weak = changed(sample("default-deny"), {"spec.egress": [{}]})
    cluster = [one for one in CLUSTER if one["kind"] != "NetworkPolicy"] + [weak]
    (refusal,) = refusals([RULES["default-deny-present"]], Request(sample("rollout")), cluster)
    assert refusal.message.startswith("the namespace's NetworkPolicy default-deny lets something through")


def test_a_default_deny_goes_only_with_its_namespace() -> None:
    gone = Request(None, old=sample("default-deny"), operation="DELETE")
    (refusal,) = refusals([RULES["default-deny-kept"]], gone, CLUSTER)
    assert refusal.message == "the NetworkPolicy default-deny goes only with its namespace"
    with_it = dataclasses.replace(gone, user="system:serviceaccount:kube-system:namespace-controller")
    assert refusals([RULES["default-deny-kept"]], with_it, CLUSTER) == []


def test_the_data_class_of_a_namespace_stays() -> None:
    bare = changed(sample("namespace"), {"metadata.labels": {"app.kubernetes.io/part-of": "careslot"}})
    request = Request(bare, old=sample("namespace"), operation="UPDATE")
    told = [refusal.message for refusal in refusals([RULES["namespaces-classified"]], request, CLUSTER)]
    assert told[1] == "the data class of a namespace does not change: it is phi"
