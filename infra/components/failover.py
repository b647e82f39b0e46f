"""What joins the regions and moves users, events and writes from one to the other; nothing in a region waits for it.

DNS answers with the region that the Region switch plan made active, so that nobody is sent to a database that does not
take writes. The plan runs in the region that takes over and asks nothing of the one that failed. Events move by
themselves: EventBridge's endpoint watches how long they wait (recovery time and point 360 to 420 seconds).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.region_switch import RegionSwitch
from infra.components.service_role import service_role
from services.contracts.topology import BUS

RECORD_SECONDS = 60
READY_PATH = "/health/ready"
# AWS's own template for global endpoints: half a minute from taken to handed on, five minutes in a row.
LATEST_MILLISECONDS = 30_000
LATE_MINUTES = 5


@dataclass(frozen=True, slots=True)
class ZoneArgs:
    """``domain`` is what every address of the environment ends in."""

    domain: str


class Zone(Component):
    """The hosted zone of an environment; Route 53 is one for all regions."""

    data_class = "public"
    zone_id: pulumi.Output[str]
    name_servers: pulumi.Output[Sequence[str]]

    def __init__(self, name: str, scope: Scope, args: ZoneArgs) -> None:
        super().__init__(name, scope)
        zone = aws.route53.Zone(
            name,
            name=args.domain,
            comment=f"Careslot, {scope.environment.name}",
            opts=self.child(protect=scope.environment.protected),
        )
        self.zone_id, self.name_servers = zone.zone_id, zone.name_servers
        self.registered()


def regional_host(scope: Scope, region: str) -> str:
    """Return the name under which one region's API answers, whichever is active."""
    return f"api.{region}.{scope.environment.domain}"


@dataclass(frozen=True, slots=True)
class HealthArgs:
    """``hosts`` are the regions' own API hosts, by region."""

    hosts: Mapping[str, pulumi.Input[str]]


class Health(Component):
    """Whether each region answers, asked from outside AWS's regions of ours."""

    data_class = "public"
    check_ids: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope, args: HealthArgs) -> None:
        super().__init__(name, scope)
        self.check_ids = pulumi.Output.all(
            **{
                region: aws.route53.HealthCheck(
                    f"{name}-{region}",
                    type="HTTPS",
                    fqdn=host,
                    port=443,
                    resource_path=READY_PATH,
                    enable_sni=True,
                    request_interval=30,
                    failure_threshold=3,
                    measure_latency=True,
                    opts=self.child(),
                ).id
                for region, host in args.hosts.items()
            }
        )
        self.registered()


@dataclass(frozen=True, slots=True)
class AddressArgs:
    """``switch`` decides which region answers; None where there is one region only."""

    zone_id: pulumi.Input[str]
    hosts: Mapping[str, pulumi.Input[str]]
    switch: RegionSwitch | None


class Address(Component):
    """``api.<domain>``: the active region, by failover records where there are two."""

    data_class = "public"
    host: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: AddressArgs) -> None:
        super().__init__(name, scope)
        host = f"api.{scope.environment.domain}"
        primary = scope.environment.primary
        for region, target in args.hosts.items():
            aws.route53.Record(
                f"{name}-{region}",
                zone_id=args.zone_id,
                name=host,
                type="CNAME",
                ttl=RECORD_SECONDS,
                records=[target],
                set_identifier=region if args.switch else None,
                failover_routing_policies=(
                    [aws.route53.RecordFailoverRoutingPolicyArgs(type="PRIMARY" if region == primary else "SECONDARY")]
                    if args.switch
                    else None
                ),
                # None for a standby: when nothing is healthy, Route 53 must still have an answer.
                health_check_id=args.switch.check(region) if args.switch and region == primary else None,
                opts=self.child(),
            )
        self.host = pulumi.Output.from_input(host)
        self.registered()


class GlobalBus(Component):
    """EventBridge's endpoint: publishers send to it, it hands on to the primary's bus, or else the standby's."""

    data_class = "phi"
    endpoint_arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope) -> None:
        super().__init__(name, scope)
        environment = scope.environment
        buses = [scope.arn("events", f"event-bus/{BUS}", region=region) for region in environment.regions]
        endpoint = aws.cloudwatch.EventEndpoint(
            name,
            name=scope.named("bus"),
            description="The bus of whichever region takes events",
            event_buses=[aws.cloudwatch.EventEndpointEventBusArgs(event_bus_arn=bus) for bus in buses],
            replication_config=aws.cloudwatch.EventEndpointReplicationConfigArgs(state="ENABLED"),
            role_arn=self._role(buses).arn,
            routing_config=aws.cloudwatch.EventEndpointRoutingConfigArgs(
                failover_config=aws.cloudwatch.EventEndpointRoutingConfigFailoverConfigArgs(
                    primary=aws.cloudwatch.EventEndpointRoutingConfigFailoverConfigPrimaryArgs(
                        health_check=self._lateness().arn
                    ),
                    secondary=aws.cloudwatch.EventEndpointRoutingConfigFailoverConfigSecondaryArgs(
                        route=environment.standbys[0]
                    ),
                )
            ),
            opts=self.child(),
        )
        self.endpoint_arn = endpoint.arn
        self.registered()

    def _lateness(self) -> aws.route53.HealthCheck:
        alarm = aws.cloudwatch.MetricAlarm(
            f"{self.name}-late",
            name=self.scope.named("bus-late"),
            alarm_description="Events wait too long in the primary region: its bus is skipped",
            namespace="AWS/Events",
            metric_name="IngestionToInvocationStartLatency",
            statistic="Average",
            period=60,
            evaluation_periods=LATE_MINUTES,
            datapoints_to_alarm=LATE_MINUTES,
            threshold=LATEST_MILLISECONDS,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="breaching",
            tags={"data-class": "internal"},
            opts=self.child(),
        )
        return aws.route53.HealthCheck(
            f"{self.name}-late",
            type="CLOUDWATCH_METRIC",
            cloudwatch_alarm_name=alarm.name,
            cloudwatch_alarm_region=self.scope.environment.primary,
            # A region that cannot even say how it is, is not well.
            insufficient_data_health_status="Unhealthy",
            tags={"data-class": "internal"},
            opts=self.child(),
        )

    def _role(self, buses: list[str]) -> aws.iam.Role:
        role_name = self.scope.named("bus-replication")
        rules = [
            self.scope.arn("events", f"rule/{BUS}/GlobalEndpointManagedRule-*", region=region)
            for region in self.scope.environment.regions
        ]
        statements: list[Mapping[str, Any]] = [
            {
                "Effect": "Allow",
                "Action": ["events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"],
                "Resource": rules,
            },
            {"Effect": "Allow", "Action": "events:PutEvents", "Resource": buses},
            {
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": self.scope.arn("iam", f"role/{role_name}"),
                "Condition": {"StringEquals": {"iam:PassedToService": "events.amazonaws.com"}},
            },
        ]
        return service_role(self, "replication", role_name, "events.amazonaws.com", statements)
