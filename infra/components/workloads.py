"""Who pods are in AWS: one role a service, taken by its service account alone.

Pods on EC2 get it from EKS Pod Identity; pods on Fargate cannot (there is no node for its agent to run on) and show the
token of their service account instead (IRSA). A pod without either can do nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.roles import role, trust
from infra.permissions import Arns, Statement, process_statements
from services.contracts.catalogue import Service
from services.contracts.topology import DIRECT_QUEUES, SUBSCRIPTIONS
from services.kernel.errors import Invalid

POD_IDENTITY = trust("pods.eks.amazonaws.com", also=["sts:TagSession"])


@dataclass(frozen=True, slots=True)
class Controller:
    """A controller of the platform that calls AWS: its service account and what it may do."""

    namespace: str
    account: str
    allows: Callable[[Scope, Arns], Sequence[Statement]]


def _read_secrets(scope: Scope, arns: Arns) -> Sequence[Statement]:
    """Copy services' secrets into their namespaces: those of this environment, through Secrets Manager only."""
    actions = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    via = {"StringEquals": {"kms:ViaService": f"secretsmanager.{scope.region}.amazonaws.com"}}
    ours = scope.arn("secretsmanager", f"secret:{scope.named('*')}")
    return (
        {"Sid": "ReadSecrets", "Effect": "Allow", "Action": actions, "Resource": [ours]},
        {
            "Sid": "OpenSecrets",
            "Effect": "Allow",
            "Action": ["kms:Decrypt"],
            "Resource": [arns.phi_key],
            "Condition": via,
        },
    )


def _measure_queues(_scope: Scope, arns: Arns) -> Sequence[Statement]:
    """Scale services by the length of their queues."""
    queues = [s.queue for s in SUBSCRIPTIONS if s.runs == "process"] + [q.queue for q in DIRECT_QUEUES]
    actions = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
    return (
        {"Sid": "MeasureQueues", "Effect": "Allow", "Action": actions, "Resource": [arns.queue(q) for q in queues]},
    )


def _join_targets(scope: Scope, _arns: Arns) -> Sequence[Statement]:
    """Put pods into the way in's target groups (TargetGroupBinding) and take them out; all else is the estate's."""
    seen = [
        "ec2:DescribeAvailabilityZones", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
        "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
    ]  # fmt: skip
    ours = scope.arn("elasticloadbalancing", f"targetgroup/{scope.named('*')}")
    return (
        # These take no resource (Service Authorization Reference): whoever may ask may ask of all.
        {"Sid": "SeeTargets", "Effect": "Allow", "Action": seen, "Resource": ["*"]},
        {
            "Sid": "JoinTargets",
            "Effect": "Allow",
            "Action": ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"],
            "Resource": [ours],
        },
    )


def _scale_nodes(scope: Scope, _arns: Arns) -> Sequence[Statement]:
    """Have as many nodes as pods need: of the Auto Scaling groups that EKS made for our cluster, and no others."""
    cluster = scope.named("cluster")
    seen = [
        "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities",
        "autoscaling:DescribeTags", "ec2:DescribeImages", "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplateVersions",
    ]  # fmt: skip
    return (
        {"Sid": "SeeNodes", "Effect": "Allow", "Action": seen, "Resource": ["*"]},
        {
            "Sid": "SeeNodeGroups",
            "Effect": "Allow",
            "Action": ["eks:DescribeNodegroup"],
            "Resource": [scope.arn("eks", f"nodegroup/{cluster}/*")],
        },
        {
            "Sid": "ScaleNodes",
            "Effect": "Allow",
            "Action": ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            "Resource": [scope.arn("autoscaling", "autoScalingGroup:*")],
            "Condition": {"StringEquals": {"aws:ResourceTag/eks:cluster-name": cluster}},
        },
    )


CONTROLLERS = (
    Controller("external-secrets", "external-secrets", _read_secrets),
    Controller("keda", "keda-operator", _measure_queues),
)
# What EKS Auto Mode does by itself, and a cluster with node groups needs pods for.
NODE_CONTROLLERS = (
    Controller("kube-system", "aws-load-balancer-controller", _join_targets),
    Controller("kube-system", "cluster-autoscaler", _scale_nodes),
)


def namespace(service: str) -> str:
    """Return the namespace of a service, which is also the name of its service account."""
    return service


@dataclass(frozen=True, slots=True)
class WorkloadsArgs:
    """``services`` of the catalogue; those named in ``fargate`` run on Fargate. ``auto_mode``: EKS has the machines.

    ``issuer`` (without https://) and ``oidc_provider_arn`` are the cluster's. ``control_plane`` comes first.
    ``pods_group_id`` is the security group that pods are in, ``entrance_group_id`` the way in's, which it lets through.
    """

    cluster_name: str
    control_plane: pulumi.Resource
    issuer: pulumi.Input[str]
    oidc_provider_arn: pulumi.Input[str]
    services: Mapping[str, Service]
    fargate: Collection[str]
    auto_mode: bool
    arns: Arns
    pods_group_id: pulumi.Input[str]
    entrance_group_id: pulumi.Input[str]


class Workloads(Component):
    """Roles of the services that run in the cluster, and of the controllers that serve them."""

    data_class = "internal"
    role_arns: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope, args: WorkloadsArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        inside = {key: service for key, service in args.services.items() if service.runs_on == "eks"}
        if strangers := set(args.fargate) - set(inside):
            raise Invalid(
                f"environments/{scope.environment.name}.yaml:cluster.fargate: {', '.join(sorted(strangers))}: "
                f"services in the cluster are {', '.join(inside)}"
            )
        roles = {key: self._service(service).arn for key, service in inside.items()}
        for service in inside.values():
            self._let_in(service)
        controllers = CONTROLLERS if args.auto_mode else (*CONTROLLERS, *NODE_CONTROLLERS)
        roles |= {controller.account: self._controller(controller).arn for controller in controllers}
        self.role_arns = pulumi.Output.all(**roles)
        self.registered()

    def _service(self, service: Service) -> aws.iam.Role:
        on_fargate = service.name in self.args.fargate
        made = role(
            self,
            f"{self.name}-{service.name}",
            self._web_identity(service.name)
            if on_fargate
            else trust("pods.eks.amazonaws.com", also=["sts:TagSession"]),
            statements=process_statements(service, self.args.arns),
            description=f"Pods of {service.name}",
            tags={"service": service.name},
            physical=self.scope.named(service.name),
        )
        if not on_fargate:
            self._associate(service.name, namespace(service.name), service.name, made, {"service": service.name})
        return made

    def _let_in(self, service: Service) -> None:
        aws.vpc.SecurityGroupIngressRule(
            f"{self.name}-{service.name}",
            security_group_id=self.args.pods_group_id,
            description=f"From the way in to {service.name}",
            ip_protocol="tcp",
            from_port=service.port,
            to_port=service.port,
            referenced_security_group_id=self.args.entrance_group_id,
            tags={"service": service.name},
            opts=self.child(),
        )

    def _controller(self, controller: Controller) -> aws.iam.Role:
        made = role(
            self,
            f"{self.name}-{controller.account}",
            POD_IDENTITY,
            statements=controller.allows(self.scope, self.args.arns),
            description=f"Pods of the controller {controller.account}",
            physical=self.scope.named(controller.account),
        )
        self._associate(controller.account, controller.namespace, controller.account, made, {})
        return made

    def _associate(self, name: str, where: str, account: str, made: aws.iam.Role, tags: Mapping[str, str]) -> None:
        aws.eks.PodIdentityAssociation(
            f"{self.name}-{name}",
            cluster_name=self.args.cluster_name,
            namespace=where,
            service_account=account,
            role_arn=made.arn,
            tags=tags,
            opts=self.child(depends_on=[self.args.control_plane]),
        )

    def _web_identity(self, service: str) -> pulumi.Output[str]:
        subject = f"system:serviceaccount:{namespace(service)}:{service}"

        def trusted(provider: str, issuer: str) -> str:
            statement = {
                "Effect": "Allow",
                "Principal": {"Federated": provider},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": subject}},
            }
            return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

        return pulumi.Output.all(self.args.oidc_provider_arn, self.args.issuer).apply(lambda known: trusted(*known))
