"""What the base does for every component, keys and networks: the model the other components follow."""

from __future__ import annotations

import json
from ipaddress import ip_network

import pulumi
import pulumi_aws as aws
import pytest

from environments.model import Environment
from infra.components.base import Component, Scope
from infra.components.encryption import KEYS
from tests.fixtures.estate import planted, recorded, stack


class Shelf(Component):
    """A component for these tests: two queues, one of them for a service."""

    data_class = "phi"
    url: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, tags: dict[str, str] | None = None) -> None:
        super().__init__(name, scope)
        self.url = aws.sqs.Queue(f"{name}-one", tags=tags, opts=self.child()).url
        self.registered()


def shelf(environment: Environment, tags: dict[str, str] | None = None) -> None:
    provider = aws.Provider("aws", region="us-east-1")
    Shelf("shelf", Scope(environment, "us-west-2", (provider,)), tags)


def test_what_a_component_makes_is_placed_and_tagged() -> None:
    (queue,) = planted(shelf).resolved.of_type("aws:sqs/queue:Queue")
    assert queue.region == "us-west-2"
    assert queue.tags == {
        "Name": "careslot-dev-shelf-one",
        "environment": "dev",
        "owner": "platform-engineering",
        "service": "platform",
        "data-class": "phi",
        "managed-by": "pulumi",
    }
    assert queue.parent.endswith("::shelf")
    assert queue.place.file == "tests/infra/test_components.py"


def test_own_tags_win_where_they_may_and_nowhere_else() -> None:
    own = {"service": "booking", "data-class": "public", "environment": "prod", "extra": "1"}
    (queue,) = planted(lambda environment: shelf(environment, own)).resolved.of_type("aws:sqs/queue:Queue")
    kept = {key: queue.tags[key] for key in own}
    assert kept == {"service": "booking", "data-class": "public", "environment": "dev", "extra": "1"}


def test_outputs_are_registered_by_their_annotation_and_a_forgotten_one_is_an_error() -> None:
    (component,) = planted(shelf).resolved.of_type("careslot:test_components:Shelf")
    assert component.outputs is not None
    assert str(component.outputs["url"]).startswith("https://rec-")

    class Forgetful(Component):
        data_class = "public"
        url: pulumi.Output[str]

    def forget(environment: Environment) -> None:
        provider = aws.Provider("aws")
        Forgetful("shelf", Scope(environment, "us-east-1", (provider,))).registered()

    with pytest.raises(AttributeError, match="url"):
        planted(forget)


def test_keys_are_primary_once_and_replicated_under_the_same_alias() -> None:
    primaries = stack("prod-foundation").of_type("aws:kms/key:Key")
    assert {key.name for key in primaries} == {f"keys-{key_class}" for key_class in KEYS}
    assert all(k.inputs["multiRegion"] and k.inputs["enableKeyRotation"] and k.options["protect"] for k in primaries)
    standby = stack("prod-us-west-2")
    replicas = standby.of_type("aws:kms/replicaKey:ReplicaKey")
    primary_arns = stack("prod-foundation").outputs["key_arns"]
    assert {r.name.removeprefix("keys-"): r.inputs["primaryKeyArn"] for r in replicas} == primary_arns
    assert {r.region for r in replicas} == {"us-west-2"}
    names = {
        s: {a.inputs["name"] for a in stack(s).of_type("aws:kms/alias:Alias")}
        for s in ("prod-us-east-1", "prod-us-west-2")
    }
    assert (
        names["prod-us-east-1"] == names["prod-us-west-2"] == {f"alias/careslot-prod-{key_class}" for key_class in KEYS}
    )


def test_a_region_offers_the_keys_that_are_its_own() -> None:
    for name in ("prod-us-east-1", "prod-us-west-2"):
        arns = stack(name).outputs["key_arns"]
        assert set(arns) == set(KEYS)
        assert all(arn.split(":")[3] == name.removeprefix("prod-") for arn in arns.values())


def test_key_policies_let_services_act_for_this_account_only() -> None:
    keys = stack("prod-foundation").of_type("aws:kms/key:Key")
    statements = [s for key in keys for s in json.loads(key.inputs["policy"])["Statement"]]
    services = [s for s in statements if "Service" in s["Principal"]]
    assert len(services) == sum(len(use.services) for use in KEYS.values())
    assert all("333344445555" in json.dumps(s["Condition"]) for s in services)


def test_a_network_is_private_in_three_zones_and_sees_its_own_region_only() -> None:
    for region in ("us-east-1", "us-west-2"):
        graph = stack(f"prod-{region}")
        subnets = graph.of_type("aws:ec2/subnet:Subnet")
        assert len({subnet.inputs["availabilityZoneId"] for subnet in subnets}) == 3
        assert not any(subnet.inputs["mapPublicIpOnLaunch"] for subnet in subnets)
        (vpc,) = graph.of_type("aws:ec2/vpc:Vpc")
        whole = ip_network(vpc.inputs["cidrBlock"])
        assert all(ip_network(subnet.inputs["cidrBlock"]).subnet_of(whole) for subnet in subnets)  # type: ignore[arg-type]
        endpoints = graph.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
        assert {e.inputs["serviceName"].split(".")[2] for e in endpoints} == {region}
        routes = [r for table in graph.of_type("aws:ec2/routeTable:RouteTable") for r in table.inputs["routes"]]
        assert not [route for route in routes if "gatewayId" in route]


def test_the_default_security_group_lets_nothing_through() -> None:
    (group,) = stack("dev-us-east-1").of_type("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert group.inputs["ingress"] == group.inputs["egress"] == []


def test_flows_are_kept_encrypted_by_the_regions_own_key() -> None:
    graph = stack("prod-us-west-2")
    (group,) = graph.of_type("aws:cloudwatch/logGroup:LogGroup")
    assert group.inputs["retentionInDays"] == 2557
    assert [r.name for r in graph.mentioned(group)] == ["keys-internal"]
    (flow,) = graph.of_type("aws:ec2/flowLog:FlowLog")
    assert flow.inputs["trafficType"] == "ALL"
    assert group in graph.mentioned(flow)


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_every_stack_is_without_fault(environment: str) -> None:
    faults = [str(fault) for recording in recorded(environment).values() for fault in recording.faults]
    assert not faults
