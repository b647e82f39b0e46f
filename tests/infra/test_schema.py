"""Properties by the SDK's own types: what a type has, takes and cannot do without."""

from __future__ import annotations

import pulumi_aws as aws
import pytest

from infra.schema import resource_class, strays, takes_tags

UNKNOWN = "<?>"
TABLE = "aws:ec2/routeTable:RouteTable"
# The SDK loads a module when a class of it is first named.
LOADED = {TABLE: aws.ec2.RouteTable, "aws:autoscaling/group:Group": aws.autoscaling.Group}


def test_types_are_found_by_token() -> None:
    assert {token: resource_class(token) for token in LOADED} == LOADED
    assert resource_class("aws:ec2/routeTable:Nothing") is None


@pytest.mark.parametrize(
    ("inputs", "paths"),
    [
        ({"vpcId": "vpc-1", "routes": [{"cidrBlock": "0.0.0.0/0", "natGatewayId": UNKNOWN}]}, []),
        ({"vpcId": "vpc-1", "routes": UNKNOWN}, []),
        ({"routes": []}, ["vpcId"]),
        ({"vpcId": "vpc-1", "route": []}, ["route"]),
        ({"vpcId": "vpc-1", "routes": [{"cidr_block": "0.0.0.0/0"}]}, ["routes[0].cidr_block"]),
        ({"vpcId": "vpc-1", "routes": "0.0.0.0/0"}, ["routes"]),
        ({"vpcId": ["vpc-1"]}, ["vpcId"]),
        ({"vpcId": "vpc-1", "tags": {"a": {"b": "c"}}}, ["tags.a"]),
    ],
)
def test_what_strays_is_told_by_its_path(inputs: dict[str, object], paths: list[str]) -> None:
    assert [path for path, _ in strays(TABLE, inputs, UNKNOWN)] == paths


def test_a_type_nobody_knows_strays_and_a_custom_resource_does_not() -> None:
    assert list(strays("aws:ec2/nothing:Nothing", {}, UNKNOWN)) == [
        ("", "the SDK knows no type aws:ec2/nothing:Nothing")
    ]
    assert not list(strays("kubernetes:argoproj.io/v1alpha1:Application", {"spec": {}}, UNKNOWN))


def test_tags_are_taken_as_a_mapping_or_not_at_all() -> None:
    assert takes_tags(TABLE)
    assert not takes_tags("aws:autoscaling/group:Group")
    assert not takes_tags("aws:nothing/nothing:Nothing")
