"""Roles that an AWS service takes: for this account only, with what was said and no more."""

from __future__ import annotations

import json

import pytest

from infra.components.service_role import service_role
from tests.fixtures.estate import Box, in_a_box

pytestmark = pytest.mark.xdist_group("estate")


def test_a_role_trusts_one_service_acting_for_this_account() -> None:
    def make(box: Box) -> None:
        statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:us-east-1:1:queue"}
        service_role(
            box, "send", "sender", "events.amazonaws.com", [statement], managed=["service-role/AWS_ConfigRole"]
        )
        service_role(box, "idle", "idler", "events.amazonaws.com")

    graph = in_a_box(make).resolved
    roles = {r.inputs["name"]: json.loads(r.inputs["assumeRolePolicy"]) for r in graph.of_type("aws:iam/role:Role")}
    (trust,) = roles["sender"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}
    (policy,) = graph.of_type("aws:iam/rolePolicy:RolePolicy")
    assert policy.inputs["role"] == "sender"
    (attached,) = graph.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert attached.inputs["policyArn"] == "arn:aws:iam::aws:policy/service-role/AWS_ConfigRole"
