"""A role that one AWS service takes for this account alone, and what it may do: the shape of every such role here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.base import Component


def service_role(
    component: Component,
    title: str,
    role_name: str,
    service: str,
    statements: Sequence[Mapping[str, Any]] = (),
    managed: Sequence[str] = (),
) -> aws.iam.Role:
    """Make role ``role_name`` within a component, trusted by ``service`` (``events.amazonaws.com``).

    ``managed`` are policies that AWS writes and keeps (``service-role/AWS_ConfigRole``).
    """
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": service},
        "Condition": {"StringEquals": {"aws:SourceAccount": component.scope.environment.account}},
    }
    role = aws.iam.Role(
        f"{component.name}-{title}",
        name=role_name,
        assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        tags={"data-class": "internal"},
        opts=component.child(),
    )
    if statements:
        aws.iam.RolePolicy(
            f"{component.name}-{title}",
            role=role.name,
            policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)}),
            opts=component.child(),
        )
    for policy in managed:
        aws.iam.RolePolicyAttachment(
            f"{component.name}-{title}-{policy.rpartition('/')[2]}",
            role=role.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
            opts=component.child(),
        )
    return role
