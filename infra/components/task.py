"""A task of a service on ECS Fargate, however it is run: image, settings, secrets, two roles, logs, security group."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws

from environments.model import Edge as EdgeSettings
from infra.components.base import Component, Scope
from infra.components.roles import role, trust
from infra.permissions import Arns, Statement, process_statements, secret_statements
from services.contracts.catalogue import Service
from services.kernel.errors import Invalid

HTTPS, POSTGRESQL = 443, 5432
# Secrets Manager user guide, "Create a secret": no name ends in a hyphen and six characters.
_LIKE_A_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")


@dataclass(frozen=True, slots=True)
class TaskArgs:
    """What a task of a service is made of, however it is run.

    ``repository_url`` and ``repository_arn`` are where its image is; ``environment`` holds its settings that are no
    secret; ``secret_arn`` by name those that are (ARNs without the six characters Secrets Manager adds).
    """

    service: Service
    settings: EdgeSettings
    repository_url: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    environment: Mapping[str, pulumi.Input[str]]
    arns: Arns
    logs_key_arn: pulumi.Input[str]
    logs_days: int
    cluster_arn: pulumi.Input[str]
    cluster_name: str
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    cidr: IPv4Network


class Task(Component):
    """What every way of running a service on Fargate needs: image, two roles, log group, security group.

    The execution role is ECS's, which pulls the image and reads the secrets; the task role is the service's.
    """

    data_class = "phi"
    execution_role_arn: pulumi.Output[str]
    role_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: TaskArgs, *, parent: pulumi.Resource) -> None:
        super().__init__(name, scope, data_class=args.service.data_class, service=args.service.name, parent=parent)
        self.args = args
        self.image = image_of(scope, args.service, args.settings, args.repository_url)
        self.environment: Mapping[str, pulumi.Input[str]] = {
            "CARESLOT_HOST": "0.0.0.0",  # noqa: S104 - the task's own network interface, behind its security group
            "CARESLOT_PORT": str(args.service.port),
            **args.environment,
        }
        if misread := [secret for secret in args.service.secrets if _LIKE_A_SUFFIX.search(secret)]:
            raise Invalid(
                f"{args.service.name}: {misread[0]}: by ARN Secrets Manager takes its ending for its own suffix"
            )
        # A whole ARN would name one version: ECS takes the current one by its name.
        self.secrets = {
            f"CARESLOT_{secret.upper().replace('-', '_')}": scope.arn(
                "secretsmanager", f"secret:{scope.named(f'{args.service.name}-{secret}')}"
            )
            for secret in args.service.secrets
        }
        self.logs = aws.cloudwatch.LogGroup(
            name,
            name=f"/careslot/{scope.environment.name}/{args.service.name}",
            retention_in_days=args.logs_days,
            kms_key_id=args.logs_key_arn,
            tags={"data-class": "internal"},
            opts=self.child(),
        )
        trusted = trust(
            "ecs-tasks.amazonaws.com",
            StringEquals={"aws:SourceAccount": scope.environment.account},
            ArnLike={"aws:SourceArn": scope.arn("ecs", "*")},
        )
        self.execution_role_arn = role(
            self,
            f"{name}-execution",
            trusted,
            statements=self._execution(),
            description=f"ECS: starts tasks of {args.service.name}",
            physical=scope.named(f"{args.service.name}-execution"),
        ).arn
        self.role_arn = role(
            self,
            name,
            trusted,
            # ECS reads the secrets and hands them over; the task itself cannot.
            statements=process_statements(args.service, args.arns, with_secrets=False),
            description=f"Tasks of {args.service.name}",
            physical=scope.named(args.service.name),
        ).arn
        self.security_group_id = self._group().id
        self.registered()

    def _execution(self) -> list[Statement]:
        pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        logs = pulumi.Output.concat(self.logs.arn, ":*")
        write = ["logs:CreateLogStream", "logs:PutLogEvents"]
        return [
            _allow("PullOwnImage", pull, self.args.repository_arn),
            _allow("WriteOwnLogs", write, logs),
            *secret_statements(self.args.service, self.args.arns),
        ]

    def _group(self) -> aws.ec2.SecurityGroup:
        service = self.args.service
        group = aws.ec2.SecurityGroup(
            self.name, description=f"Tasks of {service.name}", vpc_id=self.args.vpc_id, opts=self.child()
        )
        # AWS's endpoints and the way in are in the VPC; Cognito's keys are not (it has no endpoint of that kind).
        outward = {"tls": (HTTPS, "0.0.0.0/0")}
        if service.database:
            outward["database"] = (POSTGRESQL, str(self.args.cidr))
        for what, (port, cidr) in outward.items():
            aws.vpc.SecurityGroupEgressRule(
                f"{self.name}-{what}",
                security_group_id=group.id,
                description=f"{service.name}: {what}",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                cidr_ipv4=cidr,
                opts=self.child(),
            )
        return group


def _allow(sid: str, actions: list[str], resource: pulumi.Input[str]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": [resource]}


def image_of(scope: Scope, service: Service, settings: EdgeSettings, url: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the address of the image that runs; raise Invalid if the environment does not say which."""
    release = settings.releases.get(service.name)
    if release is None:
        where = f"environments/{scope.environment.name}.yaml:edge.releases.{service.name}"
        raise Invalid(f"{where}: missing: a version (1.2.3), or the digest of the image to run (sha256:...)")
    return pulumi.Output.concat(url, "@" if release.startswith("sha256:") else ":", release)
