"""EKS: the component's inputs, its child under the engine, and what is declared beside it."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rules.judging import Book, phi
from policies.rules.reading import Node, View, across

BOOK = Book()
RULES = BOOK.rules
# A remote component: a recording has its inputs only, the engine its child as well. Both are judged.
COMPONENT = "eks:index:Cluster"
CLUSTER = "aws:eks/cluster:Cluster"
ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
LOGS = {"api", "audit", "authenticator", "controllerManager", "scheduler"}
OLDEST = (1, 35)


def _access(cluster: View, name: str) -> Node:
    return cluster.at(name if cluster.type == COMPONENT else f"vpcConfig.{name}")


@BOOK.rule(
    "cluster-endpoint-private", "The cluster's API has no public address", COMPONENT, CLUSTER,
    remedy="Set endpoint_private_access to true and endpoint_public_access to false; pipelines run inside the VPC.",
)  # fmt: skip
def _endpoint(cluster: View) -> Iterator[str]:
    if _access(cluster, "endpointPublicAccess").value is not False:
        yield "its API is on the internet"
    if _access(cluster, "endpointPrivateAccess").value is not True:
        yield "its API cannot be reached from inside"


@BOOK.rule(
    "cluster-secrets-encrypted", "Secrets of the cluster are encrypted by a key of ours", COMPONENT, CLUSTER,
    scope="stack",
    remedy="Set encryption_config_key_arn to the key for PHI.",
)  # fmt: skip
def _secrets(cluster: View) -> Iterator[str]:
    path = "encryptionConfigKeyArn" if cluster.type == COMPONENT else "encryptionConfig.provider.keyArn"
    if not cluster.given(path):
        yield "secrets of pods are not encrypted by a key of ours"


@BOOK.rule(
    "cluster-logs", "The cluster logs who asked what of it", COMPONENT, CLUSTER,
    remedy="Set enabled_cluster_log_types to all five.",
)  # fmt: skip
def _logs(cluster: View) -> Iterator[str]:
    missing = LOGS - set(cluster.words("enabledClusterLogTypes"))
    if missing:
        yield f"does not log {', '.join(sorted(missing))}"


@BOOK.rule(
    "cluster-version-supported", "The cluster's version is supported and gets security fixes", COMPONENT, CLUSTER,
    "aws:eks/nodeGroup:NodeGroup",
    remedy="Move to 1.35 or newer: 1.34 leaves standard support on 2 December 2026.",
)  # fmt: skip
def _version(cluster: View) -> Iterator[str]:
    if cluster["version"] is None:
        if cluster.type != "aws:eks/nodeGroup:NodeGroup":
            yield "no version is named: AWS's default may be any"
    elif tuple(int(part) for part in str(cluster["version"]).split(".")) < OLDEST:
        yield f"version {cluster['version']} is older than {OLDEST[0]}.{OLDEST[1]}"


@BOOK.rule(
    "cluster-access-by-entries", "Who may do what in the cluster is written where it is reviewed", COMPONENT,
    remedy="Set authentication_mode to API: access entries, and no ConfigMap that whoever is in the cluster edits.",
)  # fmt: skip
def _entries(cluster: View) -> Iterator[str]:
    if cluster["authenticationMode"] != "API":
        yield "rights come from a ConfigMap inside it as well"


@BOOK.rule(
    "cluster-admin-in-emergencies", "Only the role for emergencies may do everything in the cluster", ASSOCIATION,
    remedy="Give other roles AmazonEKSViewPolicy, or a policy of a namespace.",
)  # fmt: skip
def _admin(association: View) -> Iterator[str]:
    wide = association["accessScope.type"] == "cluster"
    powerful = any(word in str(association["policyArn"]) for word in ("ClusterAdmin", "AdminPolicy", "EditPolicy"))
    if wide and powerful and "break-glass" not in str(association["principalArn"]):
        yield f"{association['principalArn']} may do everything everywhere, every day"


@BOOK.rule(
    "fargate-profile-narrow", "Fargate profiles name their namespaces and run in private subnets",
    "aws:eks/fargateProfile:FargateProfile", scope="stack",
    remedy="Name one namespace a selector, no pattern, and the private subnets.",
)  # fmt: skip
def _fargate(profile: View) -> Iterator[str]:
    def check(selector: Node) -> Iterator[str]:
        namespace = str(selector["namespace"] or "")
        if not namespace or "*" in namespace or namespace in {"default", "kube-system"}:
            yield f"takes pods of {namespace or 'any namespace'}"

    yield from across(profile.each("selectors"), check)
    if not profile.given("subnetIds"):
        yield "names no subnets"
    for subnet in profile.named("subnetIds", "aws:ec2/subnet:Subnet"):
        if subnet.on("mapPublicIpOnLaunch"):
            yield f"runs in {subnet.name}, which is public"


@BOOK.rule(
    "fargate-roles-by-irsa", "Pods on Fargate get their role by IRSA: Pod Identity does not work there",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation", scope="stack",
    remedy="Give the service's role a trust of the cluster's OIDC provider instead (infra/components/workloads.py).",
)  # fmt: skip
def _irsa(association: View) -> Iterator[str]:
    for profile in association.beside("aws:eks/fargateProfile:FargateProfile"):
        if association["namespace"] in [selector["namespace"] for selector in profile.each("selectors")]:
            yield f"pods of {association['namespace']} run on Fargate and would have no role, or their node's"


@BOOK.rule(
    "node-metadata-guarded", "Pods cannot ask a node's metadata for the node's rights",
    "aws:ec2/launchTemplate:LaunchTemplate",
    remedy="Set metadata_options with http_tokens required and http_put_response_hop_limit 1.",
)  # fmt: skip
def _metadata(template: View) -> Iterator[str]:
    if template["metadataOptions.httpTokens"] != "required":
        yield "its metadata answers without a token"
    if template.number("metadataOptions.httpPutResponseHopLimit", 2) > 1:
        yield "its metadata answers pods"


@BOOK.rule(
    "node-disks-encrypted", "Nodes' disks are encrypted by a key of ours", "aws:ec2/launchTemplate:LaunchTemplate",
    scope="stack", when=phi,
    remedy="Set encrypted and kms_key_id on every block device mapping.",
)  # fmt: skip
def _disks(template: View) -> Iterator[str]:
    def check(mapping: Node) -> Iterator[str]:
        if not mapping.on("ebs.encrypted") or mapping.at("ebs.kmsKeyId").raw is None:
            yield f"{mapping['deviceName']} is not encrypted by a key of ours"

    mappings = template.each("blockDeviceMappings")
    yield from across(mappings, check)
    if not mappings:
        yield "its disks are as the image has them"


@BOOK.rule(
    "nodes-from-a-template", "Nodes are made from a template that guards metadata and disks",
    "aws:eks/nodeGroup:NodeGroup", scope="stack",
    remedy="Give the node group a launch_template.",
)  # fmt: skip
def _template(group: View) -> Iterator[str]:
    if not group.given("launchTemplate"):
        yield "its nodes have open metadata and AWS's own key"
