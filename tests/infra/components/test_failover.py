"""Failover: addresses follow the plan, events move by themselves, and a failed primary is asked nothing."""

from __future__ import annotations

import json

import pytest

from pipelines.gitops.rendering import render
from services.contracts.catalogue import load_catalogue
from services.contracts.topology import BUS
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")


def test_the_standby_answers_whatever_the_primarys_check_says() -> None:
    records = {r.inputs["setIdentifier"]: r.inputs for r in stack("prod-routing").of_type("aws:route53/record:Record")}
    assert records["us-east-1"]["failoverRoutingPolicies"] == [{"type": "PRIMARY"}]
    assert records["us-west-2"]["failoverRoutingPolicies"] == [{"type": "SECONDARY"}]
    assert records["us-east-1"]["healthCheckId"] == "switch-us-east-1"
    assert "healthCheckId" not in records["us-west-2"]
    assert {r["name"] for r in records.values()} == {"api.careslot.example"}
    assert records["us-west-2"]["records"] == ["api.us-west-2.careslot.example"]


def test_one_region_has_an_address_and_nothing_to_fail_over_to() -> None:
    routing = stack("dev-routing")
    (record,) = routing.of_type("aws:route53/record:Record")
    assert {"failoverRoutingPolicies", "healthCheckId", "setIdentifier"}.isdisjoint(record.inputs)
    assert not routing.of_type("aws:arcregionswitch/plan:Plan", "aws:cloudwatch/eventEndpoint:EventEndpoint")


def test_each_region_is_asked_whether_it_is_ready() -> None:
    checks = [
        c for c in stack("prod-routing").of_type("aws:route53/healthCheck:HealthCheck") if c.inputs["type"] == "HTTPS"
    ]
    assert {c.inputs["fqdn"] for c in checks} == {f"api.{r}.careslot.example" for r in ("us-east-1", "us-west-2")}
    assert {c.inputs["resourcePath"] for c in checks} == {"/health/ready"}


def test_events_go_to_buses_of_one_name_and_move_when_they_wait_too_long() -> None:
    routing = stack("prod-routing")
    (endpoint,) = routing.of_type("aws:cloudwatch/eventEndpoint:EventEndpoint")
    arns = [bus["eventBusArn"] for bus in endpoint.inputs["eventBuses"]]
    assert arns == [f"arn:aws:events:{r}:333344445555:event-bus/{BUS}" for r in ("us-east-1", "us-west-2")]
    assert endpoint.inputs["replicationConfig"] == {"state": "ENABLED"}
    config = endpoint.inputs["routingConfig"]["failoverConfig"]
    assert config["secondary"] == {"route": "us-west-2"}
    (late,) = [
        c for c in routing.of_type("aws:route53/healthCheck:HealthCheck") if c.mark in config["primary"]["healthCheck"]
    ]
    assert late.inputs["insufficientDataHealthStatus"] == "Unhealthy"
    (alarm,) = [a for a in routing.of_type("aws:cloudwatch/metricAlarm:MetricAlarm") if a.name == "bus-late"]
    assert alarm.inputs["treatMissingData"] == "breaching"


def test_either_region_can_take_over_by_the_same_steps() -> None:
    rollouts = [m.document for m in render("prod", "us-west-2") if m.document["kind"] == "Rollout"]
    workload = {"apiVersion": rollouts[0]["apiVersion"], "kind": rollouts[0]["kind"]}
    (plan,) = stack("prod-routing").of_type("aws:arcregionswitch/plan:Plan")
    flows = {flow["workflowTargetRegion"]: flow["steps"] for flow in plan.inputs["workflows"]}
    assert set(flows) == {"us-east-1", "us-west-2"}
    kinds = [
        "ManualApproval",
        "EKSResourceScaling",
        "AuroraGlobalDatabase",
        "AuroraGlobalDatabase",
        "Route53HealthCheck",
    ]
    for steps in flows.values():
        assert [step["executionBlockType"] for step in steps] == kinds
        for step in steps[2:4]:
            (aurora,) = step["globalAuroraConfigs"]
            assert aurora["ungracefuls"] == [{"ungraceful": "failover"}]
            assert {arn.split(":")[3] for arn in aurora["databaseClusterArns"]} == set(flows)
        (pods,) = steps[1]["eksResourceScalingConfigs"]
        in_cluster = {s.name for s in load_catalogue().values() if s.runs_on == "eks"}
        assert {scaled["namespace"] for scaled in pods["scalingResources"]} == in_cluster
        assert pods["kubernetesResourceTypes"] == [workload]


def test_the_plan_may_scale_what_it_has_to_in_both_clusters_and_nothing_else_there() -> None:
    routing = stack("prod-routing")
    (plan,) = routing.of_type("aws:arcregionswitch/plan:Plan")
    reaches = routing.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    assert {reach.region for reach in reaches} == {"us-east-1", "us-west-2"}
    entries = {(e.region, e.inputs["principalArn"]) for e in routing.of_type("aws:eks/accessEntry:AccessEntry")}
    for reach in reaches:
        assert (reach.region, plan.inputs["executionRole"]) in entries
        assert reach.inputs["principalArn"] == plan.inputs["executionRole"]
        assert reach.inputs["policyArn"].endswith("/AmazonARCRegionSwitchScalingPolicy")
        scope = reach.inputs["accessScope"]
        assert scope["type"] == "namespace"
        assert set(scope["namespaces"]) == {s.name for s in load_catalogue().values() if s.runs_on == "eks"}


def test_roles_of_failover_may_do_this_and_no_more() -> None:
    routing = stack("prod-routing")
    for policy in routing.of_type("aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            assert not [word for word in actions if "*" in word]
            assert "*" not in resources
    trusts = [json.loads(r.inputs["assumeRolePolicy"]) for r in routing.of_type("aws:iam/role:Role")]
    assert all(statement["Condition"] for trust in trusts for statement in trust["Statement"])
