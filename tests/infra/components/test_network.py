"""Networks: private, in three zones, on record, and of their own region."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")


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
    group = next(g for g in graph.of_type("aws:cloudwatch/logGroup:LogGroup") if g.name == "network-flows")
    assert group.inputs["retentionInDays"] == 2557
    assert [r.name for r in graph.mentioned(group)] == ["keys-internal"]
    (flow,) = graph.of_type("aws:ec2/flowLog:FlowLog")
    assert flow.inputs["trafficType"] == "ALL"
    assert group in graph.mentioned(flow)
