"""The way in: one internal load balancer a region, with TLS, through which API Gateway and services reach services.

Services see paths without their name (`/booking/v1/slots` arrives as `/v1/slots`), as behind the laptop's gateway. Who
stands behind a target group, pods or tasks, callers cannot tell: moving a service from one to the other moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from services.contracts.catalogue import Service

HTTPS = 443
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
DRAIN_SECONDS = 30


@dataclass(frozen=True, slots=True)
class EntranceArgs:
    """``domain`` is what the load balancer is called inside, in the zone ``zone_id`` that proves we own it.

    ``cidr`` is the VPC's network, the only one that may call; ``logs_bucket`` keeps who called. ``open_to_internet``
    gives it a public address.
    """

    domain: str
    zone_id: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    cidr: IPv4Network
    services: Mapping[str, Service]
    logs_bucket: pulumi.Input[str] | None = None
    open_to_internet: bool = False


class Entrance(Component):
    """Load balancer, listener, and for every service a target group and the rule that leads there."""

    data_class = "phi"
    load_balancer_arn: pulumi.Output[str]
    listener_arn: pulumi.Output[str]
    address: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    target_group_arns: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope, args: EntranceArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        self.security_group_id = self._group()
        balancer = self._balancer()
        self.load_balancer_arn = balancer.arn
        self.address = pulumi.Output.concat("https://", args.domain)
        aws.route53.Record(
            f"{name}-address",
            zone_id=args.zone_id,
            name=args.domain,
            type="A",
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=True
                )
            ],
            opts=self.child(),
        )
        listener = self._listener(balancer)
        self.listener_arn = listener.arn
        ways = enumerate(args.services.values(), 1)
        arns = {service.name: self._way_to(service, listener, order) for order, service in ways}
        self.target_group_arns = pulumi.Output.all(**arns)
        self.registered()

    def _group(self) -> pulumi.Output[str]:
        group = aws.ec2.SecurityGroup(
            f"{self.name}",
            description="The way in: TLS from inside the VPC, onwards to services",
            vpc_id=self.args.vpc_id,
            opts=self.child(),
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{self.name}-tls",
            security_group_id=group.id,
            description="TLS from inside the VPC",
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            cidr_ipv4=str(self.args.cidr),
            opts=self.child(),
        )
        for service in self.args.services.values():
            aws.vpc.SecurityGroupEgressRule(
                f"{self.name}-{service.name}",
                security_group_id=group.id,
                description=f"To {service.name}",
                ip_protocol="tcp",
                from_port=service.port,
                to_port=service.port,
                cidr_ipv4=str(self.args.cidr),
                tags={"service": service.name},
                opts=self.child(),
            )
        return group.id

    def _balancer(self) -> aws.lb.LoadBalancer:
        bucket = self.args.logs_bucket
        return aws.lb.LoadBalancer(
            self.name,
            name=self.scope.named(self.name),
            load_balancer_type="application",
            internal=not self.args.open_to_internet,
            subnets=self.args.subnet_ids,
            security_groups=[self.security_group_id],
            # Requests whose headers no server should see end here (CWE-444, request smuggling).
            drop_invalid_header_fields=True,
            desync_mitigation_mode="strictest",
            enable_deletion_protection=self.scope.environment.protected,
            enable_zonal_shift=True,
            access_logs=aws.lb.LoadBalancerAccessLogsArgs(bucket=bucket, enabled=True, prefix=self.name)
            if bucket is not None
            else None,
            opts=self.child(protect=self.scope.environment.protected),
        )

    def _listener(self, balancer: aws.lb.LoadBalancer) -> aws.lb.Listener:
        certificate = aws.acm.Certificate(
            self.name, domain_name=self.args.domain, validation_method="DNS", opts=self.child()
        )
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{self.name}-certificate",
            zone_id=self.args.zone_id,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=300,
            allow_overwrite=True,
            opts=self.child(),
        )
        issued = aws.acm.CertificateValidation(
            self.name, certificate_arn=certificate.arn, validation_record_fqdns=[record.fqdn], opts=self.child()
        )
        refuse = aws.lb.ListenerDefaultActionFixedResponseArgs(
            content_type="application/problem+json",
            message_body='{"title":"Not Found","status":404}',
            status_code="404",
        )
        return aws.lb.Listener(
            self.name,
            load_balancer_arn=balancer.arn,
            port=HTTPS,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=issued.certificate_arn,
            default_actions=[aws.lb.ListenerDefaultActionArgs(type="fixed-response", fixed_response=refuse)],
            opts=self.child(),
        )

    def _way_to(self, service: Service, listener: aws.lb.Listener, order: int) -> pulumi.Output[str]:
        group = aws.lb.TargetGroup(
            f"{self.name}-{service.name}",
            name=self.scope.named(service.name),
            vpc_id=self.args.vpc_id,
            target_type="ip",
            port=service.port,
            protocol="HTTP",
            deregistration_delay=DRAIN_SECONDS,
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                path="/readyz", matcher="200", interval=10, timeout=5, healthy_threshold=2, unhealthy_threshold=2
            ),
            tags={"service": service.name, "data-class": service.data_class},
            opts=self.child(),
        )
        strip = aws.lb.ListenerRuleTransformUrlRewriteConfigRewriteArgs(regex=f"^/{service.name}/?(.*)$", replace="/$1")
        rule = aws.lb.ListenerRule(
            f"{self.name}-{service.name}",
            listener_arn=listener.arn,
            priority=order,
            conditions=[
                aws.lb.ListenerRuleConditionArgs(
                    path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(
                        values=[f"/{service.name}", f"/{service.name}/*"]
                    )
                )
            ],
            transforms=[
                aws.lb.ListenerRuleTransformArgs(
                    type="url-rewrite",
                    url_rewrite_config=aws.lb.ListenerRuleTransformUrlRewriteConfigArgs(rewrite=strip),
                )
            ],
            actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=group.arn)],
            tags={"service": service.name, "data-class": service.data_class},
            opts=self.child(),
        )
        # ECS takes a target group only when a load balancer leads to it.
        return pulumi.Output.all(group.arn, rule.arn).apply(lambda known: str(known[0]))
