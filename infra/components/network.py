"""The network of a region: private subnets in three zones, AWS reached by endpoints, every flow on record.

No subnet is public. What must reach outside (Argo CD its repository, sign-in its identity providers) goes through one
regional NAT gateway, which AWS spreads over the zones and which, unlike a zonal one, stands in no subnet of ours.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope

# AWS services that pods, tasks and functions call: by interface endpoint, so that PHI stays off the internet.
INTERFACE_ENDPOINTS = (
    "autoscaling", "bedrock-runtime", "ec2", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "eks",
    "eks-auth", "elasticloadbalancing", "events", "kms", "lambda", "logs", "monitoring", "rds", "scheduler",
    "secretsmanager", "sns", "sqs", "ssm", "ssmmessages", "sts", "xray",
)  # fmt: skip
GATEWAY_ENDPOINTS = ("s3", "dynamodb")
HTTPS = 443
# Pods get addresses of the VPC: a /18 a zone leaves 16,000 each, and a /18 for what comes later.
SUBNET_BITS = 2


@dataclass(frozen=True, slots=True)
class NetworkArgs:
    """``cidr`` is the region's /16, ``zones`` three zone ids; ``logs_key_arn`` encrypts the flow logs."""

    cidr: IPv4Network
    zones: Sequence[str]
    logs_key_arn: pulumi.Input[str]
    flow_logs_days: int


class Network(Component):
    """A VPC whose default security group lets nothing through."""

    data_class = "phi"
    vpc_id: pulumi.Output[str]
    private_subnet_ids: pulumi.Output[Sequence[str]]
    endpoints_security_group_id: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: NetworkArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=str(args.cidr),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            opts=self.child(),
        )
        self.vpc_id = vpc.id
        # Managed so that its rules are gone: what nobody assigned a group to reaches nobody.
        aws.ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=vpc.id, ingress=[], egress=[], opts=self.child())
        routes = self._routes_out(vpc)
        self.subnets = self._subnets(vpc, routes)
        self.private_subnet_ids = pulumi.Output.all(*(subnet.id for subnet in self.subnets))
        self.endpoints_security_group_id = self._endpoints(vpc, routes).id
        self._flow_logs(vpc)
        self.registered()

    def _routes_out(self, vpc: aws.ec2.Vpc) -> aws.ec2.RouteTable:
        gateway = aws.ec2.InternetGateway(f"{self.name}-internet", vpc_id=vpc.id, opts=self.child())
        nat = aws.ec2.NatGateway(
            f"{self.name}-nat",
            availability_mode="regional",
            connectivity_type="public",
            vpc_id=vpc.id,
            opts=self.child(depends_on=[gateway]),
        )
        return aws.ec2.RouteTable(
            f"{self.name}-private",
            vpc_id=vpc.id,
            routes=[aws.ec2.RouteTableRouteArgs(cidr_block="0.0.0.0/0", nat_gateway_id=nat.id)],
            opts=self.child(),
        )

    def _subnets(self, vpc: aws.ec2.Vpc, routes: aws.ec2.RouteTable) -> list[aws.ec2.Subnet]:
        made = []
        for zone, cidr in zip(self.args.zones, self.args.cidr.subnets(SUBNET_BITS), strict=False):
            subnet = aws.ec2.Subnet(
                f"{self.name}-private-{zone}",
                vpc_id=vpc.id,
                availability_zone_id=zone,
                cidr_block=str(cidr),
                map_public_ip_on_launch=False,
                # How the AWS Load Balancer Controller finds where internal load balancers go.
                tags={"kubernetes.io/role/internal-elb": "1"},
                opts=self.child(),
            )
            aws.ec2.RouteTableAssociation(
                f"{self.name}-private-{zone}", subnet_id=subnet.id, route_table_id=routes.id, opts=self.child()
            )
            made.append(subnet)
        return made

    def _endpoints(self, vpc: aws.ec2.Vpc, routes: aws.ec2.RouteTable) -> aws.ec2.SecurityGroup:
        group = aws.ec2.SecurityGroup(
            f"{self.name}-endpoints",
            description="AWS endpoints: TLS from inside the VPC",
            vpc_id=vpc.id,
            opts=self.child(),
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{self.name}-endpoints-tls",
            security_group_id=group.id,
            description="TLS from inside the VPC",
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            cidr_ipv4=str(self.args.cidr),
            opts=self.child(),
        )
        for service in GATEWAY_ENDPOINTS:
            aws.ec2.VpcEndpoint(
                f"{self.name}-{service}",
                vpc_id=vpc.id,
                service_name=f"com.amazonaws.{self.scope.region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=[routes.id],
                opts=self.child(),
            )
        for service in INTERFACE_ENDPOINTS:
            aws.ec2.VpcEndpoint(
                f"{self.name}-{service.replace('.', '-')}",
                vpc_id=vpc.id,
                service_name=f"com.amazonaws.{self.scope.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=[subnet.id for subnet in self.subnets],
                security_group_ids=[group.id],
                policy=self._own_account_only(),
                opts=self.child(),
            )
        return group

    def _own_account_only(self) -> str:
        """Keep other accounts' credentials out: someone inside cannot carry data to an account of their own."""
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalAccount": self.scope.environment.account}},
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def _flow_logs(self, vpc: aws.ec2.Vpc) -> None:
        group = aws.cloudwatch.LogGroup(
            f"{self.name}-flows",
            name=f"/careslot/{self.scope.environment.name}/flows",
            retention_in_days=self.args.flow_logs_days,
            kms_key_id=self.args.logs_key_arn,
            tags={"data-class": "internal"},
            opts=self.child(),
        )
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}}
        trust["Condition"] = {"StringEquals": {"aws:SourceAccount": self.scope.environment.account}}
        role = aws.iam.Role(
            f"{self.name}-flows",
            name=self.scope.named(f"flows-{self.scope.region}"),
            assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
            tags={"data-class": "internal"},
            opts=self.child(),
        )
        actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        aws.iam.RolePolicy(
            f"{self.name}-flows",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Action": actions, "Resource": pulumi.Output.concat(group.arn, ":*")}
                    ],
                }
            ),
            opts=self.child(),
        )
        aws.ec2.FlowLog(
            f"{self.name}-flows",
            vpc_id=vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=60,
            opts=self.child(),
        )
