"""Roles are named after their region, trust one principal, and get what they are given."""

from __future__ import annotations

import json

import pytest

from infra.components.roles import role, trust
from infra.recording.graph import Recording
from services.kernel.errors import Invalid
from tests.fixtures.estate import in_a_box

pytestmark = pytest.mark.xdist_group("estate")
READ = {"Sid": "Read", "Effect": "Allow", "Action": ["sqs:GetQueueUrl"], "Resource": ["arn:aws:sqs:us-east-1:1:q"]}


def made(**given: object) -> Recording:
    """Record a role for Lambda."""
    return in_a_box(lambda box: role(box, "worker", trust("lambda.amazonaws.com"), **given))  # type: ignore[arg-type]


def test_a_role_is_named_after_its_region_and_has_what_it_was_given() -> None:
    recording = made(managed=["service-role/AWSLambdaBasicExecutionRole"], statements=[READ])
    assert not recording.faults
    (found,) = recording.resolved.of_type("aws:iam/role:Role")
    assert found.inputs["name"] == "careslot-dev-worker-us-east-1"
    (policy,) = recording.resolved.of_type("aws:iam/rolePolicy:RolePolicy")
    assert json.loads(policy.inputs["policy"])["Statement"] == [READ]
    (attached,) = recording.resolved.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert attached.inputs["policyArn"] == "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def test_a_role_that_is_given_nothing_has_no_policy() -> None:
    assert not made().resolved.of_type("aws:iam/rolePolicy:RolePolicy")


def test_a_name_that_iam_would_refuse_is_told_before() -> None:
    with pytest.raises(Invalid, match="is longer than 64 characters"):
        made(physical="careslot-dev-" + "x" * 60)


def test_trust_is_for_one_service_under_its_conditions() -> None:
    (plain,) = json.loads(trust("ec2.amazonaws.com"))["Statement"]
    assert (plain["Principal"], plain["Action"]) == ({"Service": "ec2.amazonaws.com"}, ["sts:AssumeRole"])
    assert "Condition" not in plain
    more = trust("pods.eks.amazonaws.com", also=["sts:TagSession"], StringEquals={"aws:SourceAccount": "1"})
    (statement,) = json.loads(more)["Statement"]
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "1"}}
