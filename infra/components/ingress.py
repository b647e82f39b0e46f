"""The way from API Gateway to the services: one internal load balancer, a TLS listener and target group a service.

The estate owns it and not a controller inside the cluster, so that the API does not change when pods move: pods join
by TargetGroupBinding, Fargate tasks by their ECS service. Ports are the catalogue's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from services.contracts.catalogue import Service

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
READY_PATH = "/readyz"
DRAIN_SECONDS = 30


@dataclass(frozen=True, slots=True)
class IngressArgs:
    """``host`` is the name in ``certificate_arn`` that the listeners answer to, made in the zone for the VPC alone."""

    services: Sequence[Service]
    host: str
    certificate_arn: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    callers: IPv4Network


class Ingress(Component):
    """The internal load balancer of a region."""

    data_class = "phi"
    load_balancer_arn: pulumi.Output[str]
    target_group_arns: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope, args: IngressArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        balancer = aws.lb.LoadBalancer(
            name,
            name=scope.named(name),
            internal=True,
            load_balancer_type="network",
            subnets=args.subnet_ids,
            security_groups=[self._security_group().id],
            # API Gateway's VPC link comes through PrivateLink: what it sends is not of the VPC's addresses.
            enforce_security_group_inbound_rules_on_private_link_traffic="off",
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=scope.environment.protected,
            opts=self.child(),
        )
        groups = {service.name: self._listen(balancer, service) for service in args.services}
        self._name_it(balancer)
        self.upstreams = {service.name: f"https://{args.host}:{service.port}" for service in args.services}
        self.load_balancer_arn = balancer.arn
        self.target_group_arns = pulumi.Output.all(**{service: group.arn for service, group in groups.items()})
        self.registered()

    def _listen(self, balancer: aws.lb.LoadBalancer, service: Service) -> aws.lb.TargetGroup:
        group = aws.lb.TargetGroup(
            f"{self.name}-{service.name}",
            name=self.scope.named(service.name),
            target_type="ip",
            protocol="TCP",
            port=service.port,
            vpc_id=self.args.vpc_id,
            deregistration_delay=DRAIN_SECONDS,
            preserve_client_ip="false",
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                protocol="HTTP", path=READY_PATH, interval=10, healthy_threshold=2, unhealthy_threshold=2
            ),
            tags={"service": service.name},
            opts=self.child(),
        )
        aws.lb.Listener(
            f"{self.name}-{service.name}",
            load_balancer_arn=balancer.arn,
            protocol="TLS",
            port=service.port,
            certificate_arn=self.args.certificate_arn,
            ssl_policy=TLS_POLICY,
            default_actions=[aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=group.arn)],
            tags={"service": service.name},
            opts=self.child(),
        )
        return group

    def _security_group(self) -> aws.ec2.SecurityGroup:
        group = aws.ec2.SecurityGroup(
            self.name,
            description="Services' ports from inside the VPC, and on to them",
            vpc_id=self.args.vpc_id,
            opts=self.child(),
        )
        inside = str(self.args.callers)
        for service in self.args.services:
            for rule, way in (
                (aws.vpc.SecurityGroupIngressRule, "in"),
                (aws.vpc.SecurityGroupEgressRule, "out"),
            ):
                rule(
                    f"{self.name}-{service.name}-{way}",
                    security_group_id=group.id,
                    description=f"{service.name} {way}",
                    ip_protocol="tcp",
                    from_port=service.port,
                    to_port=service.port,
                    cidr_ipv4=inside,
                    opts=self.child(),
                )
        return group

    def _name_it(self, balancer: aws.lb.LoadBalancer) -> None:
        zone = aws.route53.Zone(
            self.name,
            name=self.args.host,
            comment="Known inside the VPC only",
            vpcs=[aws.route53.ZoneVpcArgs(vpc_id=self.args.vpc_id, vpc_region=self.scope.region)],
            opts=self.child(),
        )
        aws.route53.Record(
            self.name,
            zone_id=zone.zone_id,
            name=self.args.host,
            type="A",
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=False
                )
            ],
            opts=self.child(),
        )
