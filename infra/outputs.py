"""What stacks tell each other: a frozen contract a layer, so that a renamed output is a type error, no failed deploy.

A stack that publishes ends with ``publish(RegionOutputs(...))``; one that reads calls ``read(RegionOutputs, stack)``.
Secrets are never outputs: whoever needs one is told its ARN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import pulumi

from infra.stacks import PROJECT, Stack

# Self-managed state has no organizations; the engine calls the only one there is so.
_ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class FoundationOutputs:
    """What is made once an environment, in its primary region.

    ``key_arns`` are the multi-region primary keys by data class (see infra/components/encryption.py),
    ``global_databases`` the identifiers of the global databases by name, ``zone_id`` the environment's hosted zone.
    """

    key_arns: pulumi.Output[Mapping[str, str]]
    global_databases: pulumi.Output[Mapping[str, str]]
    zone_id: pulumi.Output[str]


@dataclass(frozen=True, slots=True)
class RegionOutputs:
    """What a region offers to what is deployed into its cluster and to routing.

    ``database_arns``, ``database_endpoints`` and ``database_resource_ids`` are by database (booking, shared); the last
    are what IAM sign-in policies name. ``audit_buckets`` are the write-once buckets by purpose.
    """

    vpc_id: pulumi.Output[str]
    private_subnet_ids: pulumi.Output[Sequence[str]]
    key_arns: pulumi.Output[Mapping[str, str]]
    bus_arn: pulumi.Output[str]
    user_pool_id: pulumi.Output[str]
    user_pool_arn: pulumi.Output[str]
    client_ids: pulumi.Output[Mapping[str, str]]
    kubeconfig: pulumi.Output[str]
    role_arns: pulumi.Output[Mapping[str, str]]
    target_group_arns: pulumi.Output[Mapping[str, str]]
    entrance_address: pulumi.Output[str]
    database_arns: pulumi.Output[Mapping[str, str]]
    database_endpoints: pulumi.Output[Mapping[str, str]]
    database_resource_ids: pulumi.Output[Mapping[str, str]]
    audit_buckets: pulumi.Output[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class ClusterOutputs:
    """What the GitOps bridge made inside a region's cluster."""


Outputs = TypeVar("Outputs", FoundationOutputs, RegionOutputs, ClusterOutputs)


def publish(outputs: Outputs) -> None:
    """Make a contract the outputs of the running stack."""
    for field in fields(outputs):
        pulumi.export(field.name, getattr(outputs, field.name))


def read(contract: type[Outputs], stack: Stack) -> Outputs:
    """Return what another stack published; an output it lacks fails the program when it is needed."""
    reference = pulumi.StackReference(stack.name, f"{_ORGANIZATION}/{PROJECT}/{stack.name}")
    found: dict[str, Any] = {field.name: reference.require_output(field.name) for field in fields(contract)}
    return contract(**found)
