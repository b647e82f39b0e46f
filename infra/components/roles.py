"""IAM roles the way the estate makes them: named after the region they are for, and trusting one principal.

IAM is global, the estate regional: a role is one region's, so that the standby needs nothing of the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.base import Component
from infra.permissions import Statement, document

# A role's name is at most 64 characters (IAM user guide, "IAM and AWS STS quotas").
LONGEST_NAME = 64


def trust(service: str, *, also: Iterable[str] = (), **conditions: Mapping[str, Any]) -> str:
    """Return the trust policy for an AWS service, ``also`` allowing more than ``sts:AssumeRole``."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": ["sts:AssumeRole", *also],
    }
    if conditions:
        statement["Condition"] = conditions
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def role(
    component: Component,
    name: str,
    trusted: pulumi.Input[str],
    *,
    managed: Iterable[str] = (),
    statements: Iterable[Statement] = (),
    description: str = "",
    tags: Mapping[str, str] | None = None,
    physical: str = "",
) -> aws.iam.Role:
    """Make a role of ``component`` with AWS's ``managed`` policies (by name) and ``statements`` of our own.

    ``physical`` is its name without the region, ``scope.named(name)`` by default.
    """
    called = f"{physical or component.scope.named(name)}-{component.scope.region}"
    if len(called) > LONGEST_NAME:
        raise ValueError(f"the role's name {called} is longer than {LONGEST_NAME} characters")
    made = aws.iam.Role(
        name,
        name=called,
        description=description or None,
        assume_role_policy=trusted,
        tags={"data-class": "internal", **(tags or {})},
        opts=component.child(),
    )
    for policy in managed:
        short = policy.rpartition("/")[2]
        aws.iam.RolePolicyAttachment(
            f"{name}-{short}",
            role=made.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
            opts=component.child(),
        )
    if allowed := list(statements):
        aws.iam.RolePolicy(name, role=made.name, policy=document(allowed), opts=component.child())
    return made
