"""Each kind of fault, planted, is found with file and line."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from environments.model import Environment
from infra.components.base import Scope
from infra.recording.faults import TAGS
from tests.fixtures.estate import Box, in_a_box, planted, rules

pytestmark = pytest.mark.xdist_group("estate")


def found(make: Callable[[Box], Any], rule: str) -> str:
    """Return what was told of the one fault that ``make`` plants, checking that the place is this file."""
    fault = rules(in_a_box(make))[rule]
    first = inspect.getsourcelines(make)[1]
    file, line = fault.place.split(":")
    assert (file, int(line) >= first) == ("tests/infra/recording/test_faults.py", True)
    return fault.what


def test_a_typo_in_a_nested_property_is_found() -> None:
    def make(box: Box) -> None:
        rule: Any = {"protocol": "tcp", "from_prt": 1, "to_port": 2}
        aws.ec2.SecurityGroup("open", ingress=[rule], opts=box.child())

    whats = {fault.what for fault in in_a_box(make).faults}
    assert "ingress[0].from_prt: no such property: did you mean 'fromPort'?" in whats
    assert "ingress[0].fromPort: missing" in whats
    assert found(make, "unmapped-property").startswith("ingress[0].")


def test_a_value_of_the_wrong_kind_is_found() -> None:
    def make(box: Box) -> None:
        aws.ec2.VpcEndpoint("sqs", vpc_id="vpc-1", service_name="sqs", subnet_ids="subnet-1", opts=box.child())

    assert found(make, "unmapped-property") == "subnetIds: str given, list wanted"


def test_properties_the_sdk_knows_are_no_fault() -> None:
    def make(box: Box) -> None:
        aws.ec2.RouteTable(
            "routes",
            vpc_id="vpc-1",
            routes=[
                aws.ec2.RouteTableRouteArgs(cidr_block="0.0.0.0/0", gateway_id="igw-1"),
                {"nat_gateway_id": "nat-1"},
            ],
            opts=box.child(),
        )
        aws.lambda_.Function(
            "function",
            role="arn:aws:iam::111122223333:role/x",
            code=pulumi.AssetArchive({"x.py": pulumi.StringAsset("x")}),
            handler="x.y",
            runtime=aws.lambda_.Runtime.PYTHON3D13,
            timeout=10,
            opts=box.child(),
        )

    assert not in_a_box(make).faults


def test_a_missing_tag_and_an_unknown_data_class_are_found() -> None:
    def unnamed(box: Box) -> None:
        aws.sqs.Queue("queue", tags={"Name": ""}, opts=box.child())

    def unclassed(box: Box) -> None:
        aws.sqs.Queue("queue", tags={"data-class": "secret"}, opts=box.child())

    assert found(unnamed, "missing-tag") == "has no tag Name"
    assert found(unclassed, "missing-tag") == "data-class is 'secret'; allowed: internal, phi, public"


def test_what_is_made_outside_components_or_providers_is_found() -> None:
    def declare(_: Environment) -> None:
        aws.sqs.Queue("queue")

    assert {"outside-component", "default-provider", "missing-tag"} <= set(rules(planted(declare)))


def test_a_reference_to_nothing_is_found_inside_json_too() -> None:
    def make(box: Box) -> None:
        policy = json.dumps({"Resource": "arn:aws:sqs:us-east-1:111122223333:queue/rec-0123456789ab"})
        aws.iam.RolePolicy("policy", role="someone", policy=policy, opts=box.child())

    assert found(make, "dangling-reference").startswith("mentions rec-0123456789ab")


def test_a_resource_made_inside_apply_is_found() -> None:
    def make(box: Box) -> None:
        queue = aws.sqs.Queue("queue", opts=box.child())
        queue.arn.apply(lambda _: aws.sns.Topic("topic", opts=box.child()))

    assert "outside `apply`" in found(make, "made-inside-apply")


def test_a_component_that_registers_nothing_is_found() -> None:
    def declare(environment: Environment) -> None:
        provider = aws.Provider("aws")
        Box("box", Scope(environment, "us-east-1", (provider,)))

    assert "registers no outputs" in rules(planted(declare))["component-outputs"].what


def test_what_the_base_sets_is_what_is_asked_for() -> None:
    def make(box: Box) -> None:
        aws.sqs.Queue("queue", opts=box.child())

    (queue,) = in_a_box(make).resolved.of_type("aws:sqs/queue:Queue")
    assert set(TAGS) == set(queue.tags)
