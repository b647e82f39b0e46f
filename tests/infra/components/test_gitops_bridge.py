"""The bridge writes exactly the facts of its contract, pins what it installs, and trusts one repository."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest

from environments.model import load_environment
from infra.components.base import Scope
from infra.components.gitops_bridge import CHART_VERSION, GROUP, GitOpsBridge, GitOpsBridgeArgs, annotation_names
from infra.recording.graph import Recording
from infra.recording.record import record_environment
from infra.stacks import Stack
from services.kernel.errors import Invalid

pytestmark = pytest.mark.xdist_group("estate")
FACTS = {name: f"value of {name}" for name in annotation_names(["booking", "audit"], ["shared"])}


@cache
def bridge(environment: str = "dev", *, without: str = "", more: str = "") -> Recording:
    """Record a bridge, ``without`` one of its facts or with one ``more``."""
    facts = {name: value for name, value in FACTS.items() if name != without} | ({more: "x"} if more else {})
    args = GitOpsBridgeArgs("careslot-health/careslot", "main", ["booking", "audit"], ["shared"], facts)
    stack = Stack(environment, "region", "us-east-1")

    def program(running: Stack, settings: object) -> None:
        if running == stack:
            scope = Scope(load_environment(environment), "us-east-1", (aws.Provider("aws"),))
            inside = kubernetes.Provider("cluster", kubeconfig="{}")
            GitOpsBridge("bridge", replace(scope, providers=(*scope.providers, inside)), args)

    return record_environment(load_environment(environment), [stack], program)[stack.name]


def test_the_clusters_secret_says_what_the_contract_names_and_holds_no_credential() -> None:
    recording = bridge()
    assert not recording.faults
    (secret,) = recording.resolved.of_type("kubernetes:core/v1:Secret")
    metadata = secret.inputs["metadata"]
    assert metadata["annotations"] == {f"{GROUP}/{name}": value for name, value in FACTS.items()}
    assert metadata["labels"]["argocd.argoproj.io/secret-type"] == "cluster"
    assert metadata["labels"][f"{GROUP}/environment"] == "dev"
    assert secret.inputs["stringData"] == {
        "name": "in-cluster",
        "server": "https://kubernetes.default.svc",
        "config": "{}",
    }


def test_names_of_annotations_are_those_kubernetes_takes() -> None:
    assert all(len(name) <= 63 and name.replace("-", "").replace(".", "").isalnum() for name in FACTS)
    assert {"role-arn.booking", "target-group-arn.audit", "database-endpoint.shared", "region"} <= set(FACTS)


@pytest.mark.parametrize(
    ("change", "told"),
    [({"without": "region"}, r"missing \['region'\]"), ({"more": "colour"}, r"unheard of \['colour'\]")],
)
def test_a_fact_too_few_or_too_many_fails_the_program(change: dict[str, str], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        bridge(**change)


def test_argo_cd_is_pinned_and_comes_before_what_it_reads() -> None:
    graph = bridge().resolved
    (release,) = graph.of_type("kubernetes:helm.sh/v3:Release")
    assert release.inputs["version"] == CHART_VERSION
    assert release.inputs["values"]["configs"]["cm"]["admin.enabled"] is False
    (secret,) = graph.of_type("kubernetes:core/v1:Secret")
    assert release.urn in secret.depends_on
    (first,) = graph.of_type("kubernetes:argoproj.io/v1alpha1:Application")
    assert secret.urn in first.depends_on
    assert all(r.provider for r in graph.resources if r.type.startswith("kubernetes:"))


def test_bootstrap_brings_argo_cds_own_kinds_from_one_repository() -> None:
    (project,) = bridge().resolved.of_type("kubernetes:argoproj.io/v1alpha1:AppProject")
    spec = project.inputs["spec"]
    assert spec["sourceRepos"] == ["https://github.com/careslot-health/careslot.git"]
    assert spec["clusterResourceWhitelist"] == []
    assert {allowed["group"] for allowed in spec["namespaceResourceWhitelist"]} == {"argoproj.io"}


@pytest.mark.parametrize(("environment", "prunes"), [("dev", True), ("prod", False)])
def test_production_is_never_pruned_by_itself(environment: str, prunes: bool) -> None:
    (first,) = bridge(environment).resolved.of_type("kubernetes:argoproj.io/v1alpha1:Application")
    assert first.inputs["spec"]["syncPolicy"]["automated"]["prune"] is prunes
