"""A region's EKS cluster: reachable from inside the VPC alone, its secrets encrypted, everything it does on record.

`pulumi_eks.Cluster` is a remote component: neither policies nor the offline preview see what it makes inside. So it
makes the control plane and nothing else; roles, nodes, Fargate profile, add-ons and access are resources of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks

from environments.model import Cluster as ClusterSettings
from infra.components.base import Component, Scope
from infra.components.roles import role, trust

CONTROL_PLANE_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
CONTROL_PLANE_POLICY = "AmazonEKSClusterPolicy"
AUTO_MODE_POLICIES = (
    "AmazonEKSBlockStoragePolicy", "AmazonEKSComputePolicy", "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)  # fmt: skip
AUTO_NODE_POLICIES = ("AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodeMinimalPolicy")
NODE_POLICIES = ("AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodePolicy", "AmazonSSMManagedInstanceCore")
# Auto Mode brings CoreDNS for its own nodes; pods on Fargate ask that of the add-on.
ADDONS = ("amazon-cloudwatch-observability", "coredns", "metrics-server")
NODE_ADDONS = ("aws-ebs-csi-driver", "eks-pod-identity-agent", "kube-proxy", "vpc-cni")
# The service accounts of add-ons that call AWS, and the policy AWS writes for each.
ADDON_ROLES: Mapping[str, tuple[str, str]] = {
    "amazon-cloudwatch-observability": ("cloudwatch-agent", "CloudWatchAgentServerPolicy"),
    "aws-ebs-csi-driver": ("ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicyV2"),
    "vpc-cni": ("aws-node", "AmazonEKS_CNI_Policy"),
}
ADDON_CONFIGURATION: Mapping[str, Mapping[str, str]] = {"vpc-cni": {"enableNetworkPolicy": "true"}}
ACCESS_POLICIES: Mapping[str, str] = {"admin": "AmazonEKSClusterAdminPolicy", "view": "AmazonEKSViewPolicy"}
DISK_GIB = 80
# Amazon EC2 Auto Scaling user guide, "Required AWS KMS key policy for use with encrypted volumes".
AUTO_SCALING = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
DISK_OPERATIONS = (
    "CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom",
    "ReEncryptTo",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClusterArgs:
    """``secrets_key_arn`` wraps the keys of Kubernetes secrets, ``disks_key_arn`` encrypts nodes' disks.

    The pods of ``fargate_namespaces`` run on Fargate. ``endpoint_public`` puts the API on the internet.
    """

    settings: ClusterSettings
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    secrets_key_arn: pulumi.Input[str]
    disks_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    logs_days: int
    fargate_namespaces: Sequence[str] = ()
    endpoint_public: bool = False


class Cluster(Component):
    """The control plane, what its pods run on, its add-ons, and who may talk to it."""

    data_class = "phi"
    kubeconfig: pulumi.Output[str]
    issuer: pulumi.Output[str]
    oidc_provider_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: ClusterArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        self.auto = args.settings.compute == "auto-mode"
        self.called = scope.named(name)
        nodes = role(
            self,
            f"{name}-nodes",
            trust("ec2.amazonaws.com"),
            managed=AUTO_NODE_POLICIES if self.auto else NODE_POLICIES,
            description="Machines of the cluster: join it and pull images; pods have identities of their own",
        )
        self.control_plane = self._control_plane(nodes)
        self.kubeconfig = self.control_plane.kubeconfig_json
        self.issuer = self.control_plane.oidc_issuer
        self.security_group_id = self.control_plane.cluster_security_group_id
        self.oidc_provider_arn = aws.iam.OpenIdConnectProvider(
            f"{name}-oidc",
            url=pulumi.Output.concat("https://", self.issuer),
            client_id_lists=["sts.amazonaws.com"],
            tags={"data-class": "internal"},
            opts=self.child(),
        ).arn
        ready: list[pulumi.Resource] = []
        if not self.auto:
            ready.append(self._node_group(nodes))
        if args.fargate_namespaces:
            ready.append(self._fargate())
        self._addons(ready)
        self._access()
        self.registered()

    def within(self, *others: pulumi.Resource) -> pulumi.ResourceOptions:
        """Return the options of what is made inside the cluster, which it is named by: after it (and ``others``)."""
        return self.child(depends_on=[self.control_plane, *others])

    def _control_plane(self, nodes: aws.iam.Role) -> eks.Cluster:
        # EKS writes into a group of this name, and makes one without key and retention if there is none.
        logs = aws.cloudwatch.LogGroup(
            f"{self.name}-control-plane",
            name=f"/aws/eks/{self.called}/cluster",
            retention_in_days=self.args.logs_days,
            kms_key_id=self.args.logs_key_arn,
            tags={"data-class": "internal"},
            opts=self.child(),
        )
        own = role(
            self,
            f"{self.name}-control-plane",
            trust("eks.amazonaws.com", also=["sts:TagSession"]),
            managed=(CONTROL_PLANE_POLICY, *(AUTO_MODE_POLICIES if self.auto else ())),
            description="EKS itself: the control plane, and under Auto Mode its machines, disks and load balancers",
        )
        auto = eks.ClusterComputeConfigArgs(node_pools=["general-purpose", "system"], node_role_arn=nodes.arn)
        return eks.Cluster(
            self.name,
            name=self.called,
            version=self.args.settings.version,
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            service_role=own,
            vpc_id=self.args.vpc_id,
            private_subnet_ids=self.args.subnet_ids,
            endpoint_private_access=True,
            endpoint_public_access=self.args.endpoint_public,
            encryption_config_key_arn=self.args.secrets_key_arn,
            enabled_cluster_log_types=list(CONTROL_PLANE_LOGS),
            authentication_mode=eks.AuthenticationMode.API,
            auto_mode=eks.AutoModeOptionsArgs(enabled=True, create_node_role=False, compute_config=auto)
            if self.auto
            else None,
            deletion_protection=self.scope.environment.protected,
            # Everything below is made outside, where policies see it.
            bootstrap_self_managed_addons=False,
            use_default_vpc_cni=True,
            coredns_addon_options=eks.CoreDnsAddonOptionsArgs(enabled=False),
            kube_proxy_addon_options=eks.KubeProxyAddonOptionsArgs(enabled=False),
            create_instance_role=False,
            create_oidc_provider=False,
            skip_default_node_group=True,
            skip_default_security_groups=True,
            opts=self.child(depends_on=[logs], protect=self.scope.environment.protected),
        )

    def _node_group(self, nodes: aws.iam.Role) -> aws.eks.NodeGroup:
        settings = self.args.settings.nodes
        disk = aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            volume_size=DISK_GIB, volume_type="gp3", encrypted="true", kms_key_id=self.args.disks_key_arn
        )
        # The machines are started by EC2 Auto Scaling, whose role no key policy of ours names.
        starts = aws.kms.Grant(
            f"{self.name}-disks",
            name=self.scope.named(f"{self.name}-disks"),
            key_id=self.args.disks_key_arn,
            grantee_principal=self.scope.arn("iam", AUTO_SCALING),
            operations=list(DISK_OPERATIONS),
            opts=self.child(),
        )
        template = aws.ec2.LaunchTemplate(
            f"{self.name}-nodes",
            name=self.scope.named(f"{self.name}-nodes"),
            block_device_mappings=[
                aws.ec2.LaunchTemplateBlockDeviceMappingArgs(device_name="/dev/xvda", ebs=disk),
                # Bottlerocket keeps images and pods' data on a second disk.
                aws.ec2.LaunchTemplateBlockDeviceMappingArgs(device_name="/dev/xvdb", ebs=disk),
            ],
            # One hop: a pod cannot ask for its node's credentials.
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            opts=self.child(),
        )
        return aws.eks.NodeGroup(
            f"{self.name}-nodes",
            cluster_name=self.called,
            node_group_name=self.scope.named(f"{self.name}-nodes"),
            node_role_arn=nodes.arn,
            subnet_ids=self.args.subnet_ids,
            version=self.args.settings.version,
            ami_type=settings.ami_type,
            instance_types=list(settings.instance_types),
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=settings.min, max_size=settings.max, desired_size=settings.min
            ),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            # How many there are is the autoscaler's business from the first day on.
            opts=pulumi.ResourceOptions.merge(
                self.within(starts), pulumi.ResourceOptions(ignore_changes=["scalingConfig.desiredSize"])
            ),
        )

    def _fargate(self) -> aws.eks.FargateProfile:
        profiles = self.scope.arn("eks", f"fargateprofile/{self.called}/*")
        execution = role(
            self,
            f"{self.name}-fargate",
            trust("eks-fargate-pods.amazonaws.com", ArnLike={"aws:SourceArn": profiles}),
            managed=["AmazonEKSFargatePodExecutionRolePolicy"],
            description="Fargate: pull images and write logs for pods that have no node",
        )
        return aws.eks.FargateProfile(
            f"{self.name}-fargate",
            cluster_name=self.called,
            fargate_profile_name=self.scope.named("fargate"),
            pod_execution_role_arn=execution.arn,
            subnet_ids=self.args.subnet_ids,
            selectors=[aws.eks.FargateProfileSelectorArgs(namespace=n) for n in self.args.fargate_namespaces],
            opts=self.within(),
        )

    def _addons(self, ready: Sequence[pulumi.Resource]) -> None:
        """Add-ons in AWS's default version for this Kubernetes; what is changed by hand is put back."""
        for addon in (*ADDONS, *(() if self.auto else NODE_ADDONS)):
            identities = []
            if addon in ADDON_ROLES:
                account, policy = ADDON_ROLES[addon]
                trusted = trust("pods.eks.amazonaws.com", also=["sts:TagSession"])
                made = role(self, f"{self.name}-{account}", trusted, managed=[policy])
                identity = aws.eks.AddonPodIdentityAssociationArgs(role_arn=made.arn, service_account=account)
                identities.append(identity)
            configuration = ADDON_CONFIGURATION.get(addon)
            # Pods need an address before anything else runs; the rest need something to run on.
            first = addon in {"eks-pod-identity-agent", "kube-proxy", "vpc-cni"}
            aws.eks.Addon(
                f"{self.name}-{addon}",
                cluster_name=self.called,
                addon_name=addon,
                configuration_values=json.dumps(configuration) if configuration else None,
                pod_identity_associations=identities or None,
                resolve_conflicts_on_create="OVERWRITE",
                resolve_conflicts_on_update="OVERWRITE",
                opts=self.within(*(() if first else ready)),
            )

    def _access(self) -> None:
        for access in self.args.settings.access:
            called = access.role.rpartition("/")[2]
            principal = self.scope.arn("iam", f"role/{access.role}")
            entry = aws.eks.AccessEntry(
                f"{self.name}-{called}",
                cluster_name=self.called,
                principal_arn=principal,
                type="STANDARD",
                opts=self.within(),
            )
            reach = aws.eks.AccessPolicyAssociationAccessScopeArgs(
                type="namespace" if access.namespaces else "cluster", namespaces=list(access.namespaces) or None
            )
            aws.eks.AccessPolicyAssociation(
                f"{self.name}-{called}",
                cluster_name=self.called,
                principal_arn=principal,
                policy_arn=f"arn:aws:eks::aws:cluster-access-policy/{ACCESS_POLICIES[access.may]}",
                access_scope=reach,
                opts=self.within(entry),
            )
