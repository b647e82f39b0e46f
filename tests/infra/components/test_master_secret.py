"""The master users' secrets: in the region that writes, changed by AWS's function from inside the VPC."""

from __future__ import annotations

import pytest

from infra.components.master_secret import ROTATION_APPLICATION
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")
APPLICATION = "aws:serverlessrepository/cloudFormationStack:CloudFormationStack"


def test_each_secret_is_rotated_by_a_function_of_its_own() -> None:
    graph = stack("prod-us-east-1")
    rotations = graph.of_type("aws:secretsmanager/secretRotation:SecretRotation")
    functions = {r.inputs["rotationLambdaArn"] for r in rotations}
    applications = graph.of_type(APPLICATION)
    assert {a.inputs["applicationId"] for a in applications} == {ROTATION_APPLICATION}
    names = {a.inputs["parameters"]["functionName"] for a in applications}
    assert functions == {f"arn:aws:lambda:us-east-1:333344445555:function:{name}" for name in names}
    assert not stack("prod-us-west-2").of_type(APPLICATION)


def test_the_function_reaches_the_database_and_aws_inside_the_vpc_and_nothing_else() -> None:
    rules = stack("prod-us-east-1").of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    mine = [rule for rule in rules if "-rotation-" in rule.name]
    assert {(rule.inputs["toPort"], rule.inputs["cidrIpv4"]) for rule in mine} == {
        (443, "10.32.0.0/16"),
        (5432, "10.32.0.0/16"),
    }
