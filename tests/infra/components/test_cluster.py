"""The cluster: private, encrypted, on record; both ways of having machines; nothing hidden in the remote component."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pulumi_aws as aws
import pytest

from environments.model import Access, Environment
from infra.components.base import Scope
from infra.components.cluster import CONTROL_PLANE_LOGS, Cluster, ClusterArgs
from infra.recording.exposure import exposed
from infra.recording.graph import Graph, Recording
from tests.fixtures.estate import planted, rules

pytestmark = pytest.mark.xdist_group("estate")
WAYS = ("auto-mode", "managed-node-groups")


@cache
def cluster(compute: str, *, public: bool = False) -> Recording:
    """Record a cluster of dev."""

    def declare(environment: Environment) -> None:
        readers = Access(role="readers/on-call", may="view", namespaces=("booking",))
        settings = environment.cluster.model_copy(
            update={"compute": compute, "access": (readers, Access(role="break-glass", may="admin"))}
        )
        args = ClusterArgs(
            settings=settings,
            vpc_id="vpc-1",
            subnet_ids=["subnet-1", "subnet-2"],
            secrets_key_arn="arn:aws:kms:us-east-1:111122223333:key/secrets",
            disks_key_arn="arn:aws:kms:us-east-1:111122223333:key/disks",
            logs_key_arn="arn:aws:kms:us-east-1:111122223333:key/logs",
            logs_days=90,
            fargate_namespaces=["audit"],
            endpoint_public=public,
        )
        provider = aws.Provider("aws", region="us-east-1")
        Cluster("cluster", Scope(environment, "us-east-1", (provider,)), args)

    return planted(declare)


def graph(compute: str) -> Graph:
    """Return its resolved graph."""
    return cluster(compute).resolved


@pytest.mark.parametrize("compute", WAYS)
def test_a_cluster_is_without_fault_private_encrypted_and_on_record(compute: str) -> None:
    recording = cluster(compute)
    assert not recording.faults
    (control_plane,) = recording.resolved.of_type("eks:index:Cluster")
    inputs = control_plane.inputs
    assert inputs["endpointPrivateAccess"] is True
    assert inputs["endpointPublicAccess"] is False
    assert inputs["encryptionConfigKeyArn"].endswith("key/secrets")
    assert sorted(inputs["enabledClusterLogTypes"]) == sorted(CONTROL_PLANE_LOGS)
    assert inputs["authenticationMode"] == "API"
    assert tuple(map(int, inputs["version"].split("."))) >= (1, 35)
    assert not list(exposed(recording.resolved))
    (logs,) = recording.resolved.of_type("aws:cloudwatch/logGroup:LogGroup")
    assert logs.inputs["name"] == f"/aws/eks/{inputs['name']}/cluster"
    assert logs.inputs["kmsKeyId"].endswith("key/logs")
    assert logs.urn in control_plane.depends_on


def test_a_public_endpoint_is_told_as_exposed() -> None:
    ((resource, how),) = exposed(cluster("auto-mode", public=True).resolved)
    assert (resource.type, how) == ("eks:index:Cluster", "its API endpoint is public")


@pytest.mark.parametrize("compute", WAYS)
def test_the_remote_component_makes_the_control_plane_and_nothing_else(compute: str) -> None:
    (control_plane,) = graph(compute).of_type("eks:index:Cluster")
    inputs = control_plane.inputs
    for switched_off in ("createInstanceRole", "createOidcProvider", "bootstrapSelfManagedAddons"):
        assert inputs[switched_off] is False
    for skipped in ("skipDefaultNodeGroup", "skipDefaultSecurityGroups", "useDefaultVpcCni"):
        assert inputs[skipped] is True
    assert inputs["corednsAddonOptions"]["enabled"] is inputs["kubeProxyAddonOptions"]["enabled"] is False


def test_auto_mode_uses_a_node_role_of_ours_and_has_no_node_group() -> None:
    made = graph("auto-mode")
    (control_plane,) = made.of_type("eks:index:Cluster")
    (nodes,) = [role for role in made.of_type("aws:iam/role:Role") if role.name == "cluster-nodes"]
    assert control_plane.inputs["autoMode"]["createNodeRole"] is False
    assert nodes.mark in control_plane.inputs["autoMode"]["computeConfig"]["nodeRoleArn"]
    assert not made.of_type("aws:eks/nodeGroup:NodeGroup")
    addons = {addon.inputs["addonName"] for addon in made.of_type("aws:eks/addon:Addon")}
    assert addons == {"amazon-cloudwatch-observability", "coredns", "metrics-server"}


def test_managed_nodes_are_encrypted_and_keep_their_credentials_from_pods() -> None:
    made = graph("managed-node-groups")
    (group,) = made.of_type("aws:eks/nodeGroup:NodeGroup")
    (template,) = made.of_type("aws:ec2/launchTemplate:LaunchTemplate")
    assert template in made.mentioned(group)
    disks = [mapping["ebs"] for mapping in template.inputs["blockDeviceMappings"]]
    assert all(disk["encrypted"] == "true" and disk["kmsKeyId"].endswith("key/disks") for disk in disks)
    (grant,) = made.of_type("aws:kms/grant:Grant")
    assert grant.inputs["keyId"].endswith("key/disks")
    assert grant.inputs["granteePrincipal"].endswith("autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling")
    assert grant.urn in group.depends_on
    assert template.inputs["metadataOptions"]["httpTokens"] == "required"
    assert template.inputs["metadataOptions"]["httpPutResponseHopLimit"] == 1
    addons = {addon.inputs["addonName"]: addon for addon in made.of_type("aws:eks/addon:Addon")}
    assert {"vpc-cni", "kube-proxy", "eks-pod-identity-agent", "aws-ebs-csi-driver"} <= set(addons)
    assert json.loads(addons["vpc-cni"].inputs["configurationValues"]) == {"enableNetworkPolicy": "true"}
    # An address comes before a node can be ready, everything else after.
    assert group.urn not in addons["vpc-cni"].depends_on
    assert group.urn in addons["coredns"].depends_on


@pytest.mark.parametrize("compute", WAYS)
def test_addons_that_call_aws_have_a_pod_identity_of_their_own(compute: str) -> None:
    made = graph(compute)
    for addon in made.of_type("aws:eks/addon:Addon"):
        for identity in addon.inputs.get("podIdentityAssociations", ()):
            (role,) = [r for r in made.of_type("aws:iam/role:Role") if r.mark in identity["roleArn"]]
            (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
            assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
            assert "sts:TagSession" in statement["Action"]


def test_fargate_runs_pods_in_private_subnets_for_this_cluster_only() -> None:
    made = graph("auto-mode")
    (profile,) = made.of_type("aws:eks/fargateProfile:FargateProfile")
    assert profile.inputs["selectors"] == [{"namespace": "audit"}]
    assert profile.inputs["subnetIds"] == ["subnet-1", "subnet-2"]
    (role,) = [r for r in made.mentioned(profile) if r.type == "aws:iam/role:Role"]
    (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert statement["Condition"]["ArnLike"]["aws:SourceArn"].endswith("fargateprofile/careslot-dev-cluster/*")


def test_who_may_talk_to_it_is_what_the_environment_says() -> None:
    made = graph("auto-mode")
    principals = {e.inputs["principalArn"] for e in made.of_type("aws:eks/accessEntry:AccessEntry")}
    account = "arn:aws:iam::111122223333:role"
    assert principals == {f"{account}/readers/on-call", f"{account}/break-glass"}
    policies = {
        (a.inputs["principalArn"].rpartition("/")[2], a.inputs["policyArn"].rpartition("/")[2]): a.inputs["accessScope"]
        for a in made.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    }
    assert policies == {
        ("on-call", "AmazonEKSViewPolicy"): {"type": "namespace", "namespaces": ["booking"]},
        ("break-glass", "AmazonEKSClusterAdminPolicy"): {"type": "cluster"},
    }


@pytest.mark.parametrize("compute", WAYS)
def test_what_is_in_the_cluster_comes_after_it(compute: str) -> None:
    made = graph(compute)
    (control_plane,) = made.of_type("eks:index:Cluster")
    inside = [r for r in made.resources if "clusterName" in r.inputs]
    assert len(inside) >= 6
    assert all(control_plane.urn in r.depends_on for r in inside)


def test_a_typo_in_an_addon_is_told_with_file_and_line() -> None:
    def declare(environment: Environment) -> None:
        provider = aws.Provider("aws", region="us-east-1")
        scope = Scope(environment, "us-east-1", (provider,))
        args = ClusterArgs(environment.cluster, "vpc-1", ["subnet-1"], "key", "key", "key", 90)
        made = Cluster("cluster", scope, args)
        wrong: Any = [{"role_arm": "arn:aws:iam::111122223333:role/x", "service_account": "x"}]
        aws.eks.Addon("typo", cluster_name="c", addon_name="x", pod_identity_associations=wrong, opts=made.child())

    fault = rules(planted(declare))["unmapped-property"]
    assert fault.place.startswith("tests/infra/components/test_cluster.py:")
    assert fault.what.startswith("podIdentityAssociations[0].role")
