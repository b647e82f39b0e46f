"""Who pods are: Pod Identity on EC2, IRSA on Fargate, a role a service, and nobody may do everything."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pulumi_aws as aws
import pytest

from environments.model import Environment
from infra.components.base import Scope
from infra.components.workloads import CONTROLLERS, NODE_CONTROLLERS, Workloads, WorkloadsArgs
from infra.permissions import process_statements
from infra.recording.graph import Recording, Resource
from services.contracts.catalogue import load_catalogue
from services.kernel.errors import Invalid
from tests.fixtures.estate import planted, stack
from tests.infra.test_permissions import ARNS

pytestmark = pytest.mark.xdist_group("estate")
SERVICES = load_catalogue()
INSIDE = {name for name, service in SERVICES.items() if service.runs_on == "eks"}
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/ABC"


@cache
def workloads(*fargate: str, auto_mode: bool = True) -> Recording:
    """Record the roles of everything in the cluster."""

    def declare(environment: Environment) -> None:
        provider = aws.Provider("aws", region="us-east-1")
        args = WorkloadsArgs(
            cluster_name="careslot-dev-cluster",
            control_plane=provider,
            issuer=ISSUER,
            oidc_provider_arn=f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}",
            services=SERVICES,
            fargate=fargate,
            auto_mode=auto_mode,
            arns=ARNS,
            pods_group_id="sg-pods",
            entrance_group_id="sg-entrance",
        )
        Workloads("workloads", Scope(environment, "us-east-1", (provider,)), args)

    return planted(declare)


def trust(role: Resource) -> dict[str, Any]:
    """Return the one statement by which a role is taken."""
    (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    return dict(statement)


def test_every_service_in_the_cluster_has_a_role_and_one_way_to_it() -> None:
    recording = workloads("audit")
    assert not recording.faults
    graph = recording.resolved
    roles = {
        role.tags["service"]: role for role in graph.of_type("aws:iam/role:Role") if role.tags["service"] in INSIDE
    }
    assert set(roles) == INSIDE
    associated = {
        a.tags["service"]: a.inputs
        for a in graph.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
        if a.tags["service"] != "platform"
    }
    assert set(associated) == INSIDE - {"audit"}
    for name, association in associated.items():
        assert (association["namespace"], association["serviceAccount"]) == (name, name)
        assert roles[name].mark in association["roleArn"]
        assert trust(roles[name])["Principal"] == {"Service": "pods.eks.amazonaws.com"}


def test_pods_on_fargate_show_the_token_of_their_service_account() -> None:
    graph = workloads("audit").resolved
    (role,) = [role for role in graph.of_type("aws:iam/role:Role") if role.tags["service"] == "audit"]
    statement = trust(role)
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"]["StringEquals"] == {
        f"{ISSUER}:aud": "sts.amazonaws.com",
        f"{ISSUER}:sub": "system:serviceaccount:audit:audit",
    }


def test_roles_allow_what_services_declare_and_nothing_is_a_star() -> None:
    graph = workloads("audit").resolved
    policies = {
        policy.name.removeprefix("workloads-"): json.loads(policy.inputs["policy"])["Statement"]
        for policy in graph.of_type("aws:iam/rolePolicy:RolePolicy")
    }
    assert set(policies) == INSIDE | {controller.account for controller in CONTROLLERS}
    for name in INSIDE:
        declared = {statement["Sid"] for statement in process_statements(SERVICES[name], ARNS)}
        assert {statement["Sid"] for statement in policies[name]} == declared
    for statements in policies.values():
        for statement in statements:
            assert "*" not in statement["Resource"]
            assert not [action for action in statement["Action"] if "*" in action]


def test_controllers_read_secrets_of_this_environment_and_measure_queues_of_services() -> None:
    graph = workloads("audit").resolved
    policies = {
        p.name: json.loads(p.inputs["policy"])["Statement"] for p in graph.of_type("aws:iam/rolePolicy:RolePolicy")
    }
    read, opened = policies["workloads-external-secrets"]
    assert read["Resource"] == ["arn:aws:secretsmanager:us-east-1:111122223333:secret:careslot-dev-*"]
    assert opened["Condition"]["StringEquals"]["kms:ViaService"] == "secretsmanager.us-east-1.amazonaws.com"
    (measured,) = policies["workloads-keda-operator"]
    assert ARNS.queue("audit-entries") in measured["Resource"]
    assert ARNS.queue("notifications-offers") not in measured["Resource"], "a function scales by itself"


def test_a_cluster_with_node_groups_has_the_controllers_that_auto_mode_needs_not() -> None:
    recording = workloads("audit", auto_mode=False)
    assert not recording.faults
    associated = {
        (a.inputs["namespace"], a.inputs["serviceAccount"])
        for a in recording.resolved.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    }
    wanted = {(c.namespace, c.account) for c in NODE_CONTROLLERS}
    assert wanted == {("kube-system", "aws-load-balancer-controller"), ("kube-system", "cluster-autoscaler")}
    assert wanted <= associated
    for name, ours in (("aws-load-balancer-controller", "JoinTargets"), ("cluster-autoscaler", "ScaleNodes")):
        for sid, statement in statements_of(recording, name).items():
            # Asking takes no resource; changing is for what is ours.
            looks = all(action.partition(":")[2].startswith("Describe") for action in statement["Action"])
            assert looks == (sid != ours)
            assert looks or statement["Resource"] != ["*"]
    joins = statements_of(recording, "aws-load-balancer-controller")["JoinTargets"]
    assert joins["Resource"] == ["arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/careslot-dev-*"]
    scales = statements_of(recording, "cluster-autoscaler")["ScaleNodes"]
    assert scales["Condition"] == {"StringEquals": {"aws:ResourceTag/eks:cluster-name": "careslot-dev-cluster"}}


def test_staging_has_node_groups_and_their_controllers_and_dev_has_neither() -> None:
    def accounts(name: str) -> set[str]:
        associations = stack(name).of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
        return {a.inputs["serviceAccount"] for a in associations}

    there = {controller.account for controller in NODE_CONTROLLERS}
    assert there <= accounts("staging-us-east-1")
    assert not there & accounts("dev-us-east-1")


def statements_of(recording: Recording, account: str) -> dict[str, Any]:
    """Return what a controller may do, by statement."""
    (policy,) = [
        p for p in recording.resolved.of_type("aws:iam/rolePolicy:RolePolicy") if p.name == f"workloads-{account}"
    ]
    return {statement["Sid"]: statement for statement in json.loads(policy.inputs["policy"])["Statement"]}


def test_pods_are_let_in_on_their_own_port_by_the_way_in_alone() -> None:
    rules = workloads("audit").resolved.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert {(r.tags["service"], r.inputs["fromPort"]) for r in rules} == {(n, SERVICES[n].port) for n in INSIDE}
    assert {(r.inputs["securityGroupId"], r.inputs["referencedSecurityGroupId"]) for r in rules} == {
        ("sg-pods", "sg-entrance")
    }


def test_only_services_of_the_cluster_run_on_its_fargate() -> None:
    with pytest.raises(Invalid, match=r"environments/dev\.yaml:cluster\.fargate: portal: services in the cluster are"):
        workloads("portal")
