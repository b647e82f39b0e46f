"""API Gateway's way into the VPC: interfaces of its own in private subnets, which may call the entrance only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope

HTTPS = 443


@dataclass(frozen=True, slots=True)
class VpcLinkArgs:
    """``entrance_group_id`` is the security group of the load balancer that the link leads to."""

    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    entrance_group_id: pulumi.Input[str]


class VpcLink(Component):
    """A link of the second kind, which reaches an application load balancer and serves REST APIs too."""

    data_class = "phi"
    link_id: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: VpcLinkArgs, *, parent: pulumi.Resource | None = None) -> None:
        super().__init__(name, scope, parent=parent)
        group = aws.ec2.SecurityGroup(
            name, description="API Gateway: calls the entrance, is never called", vpc_id=args.vpc_id, opts=self.child()
        )
        aws.vpc.SecurityGroupEgressRule(
            name,
            security_group_id=group.id,
            description="TLS to the entrance",
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            referenced_security_group_id=args.entrance_group_id,
            opts=self.child(),
        )
        self.link_id = aws.apigatewayv2.VpcLink(
            name, name=scope.named(name), subnet_ids=args.subnet_ids, security_group_ids=[group.id], opts=self.child()
        ).id
        self.registered()
