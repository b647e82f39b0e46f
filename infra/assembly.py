"""What a stack is made of: the table of contents of the estate, one function a layer.

A component is made here and given what it needs; components do not look each other up. Heavy imports wait inside the
layer that needs them, so that a stack loads only its own.
"""

from __future__ import annotations

from collections.abc import Callable

import pulumi_aws as aws

from environments.model import Environment, load_environment
from infra.components.base import Scope
from infra.components.encryption import PrimaryKeys, RegionalKeys, RegionalKeysArgs
from infra.components.network import Network, NetworkArgs
from infra.outputs import ClusterOutputs, FoundationOutputs, RegionOutputs, publish, read
from infra.stacks import Layer, Stack


def assemble(stack: Stack, environment: Environment | None = None) -> None:
    """Declare everything a stack consists of; ``environment`` replaces the file's settings (tests change one value)."""
    settings = environment or load_environment(stack.environment)
    region = stack.region or settings.primary
    provider = aws.Provider("aws", region=region, allowed_account_ids=[settings.account])
    scope = Scope(environment=settings, region=region, providers=(provider,))
    _LAYERS[stack.layer](stack, scope)


def _foundation(_stack: Stack, scope: Scope) -> None:
    keys = PrimaryKeys("keys", scope)
    publish(FoundationOutputs(key_arns=keys.key_arns))


def _region(stack: Stack, scope: Scope) -> None:
    foundation = read(FoundationOutputs, stack.reads[0])
    place = scope.environment.regions[scope.region]
    keys = RegionalKeys("keys", scope, RegionalKeysArgs(primary_arns=foundation.key_arns))
    network = Network(
        "network",
        scope,
        NetworkArgs(
            cidr=place.cidr,
            zones=place.zones,
            logs_key_arn=keys.arn("internal"),
            flow_logs_days=scope.environment.retention.logs_days,
        ),
    )
    publish(RegionOutputs(vpc_id=network.vpc_id, private_subnet_ids=network.private_subnet_ids, key_arns=keys.key_arns))


def _cluster(stack: Stack, _scope: Scope) -> None:
    for below, contract in zip(stack.reads, (FoundationOutputs, RegionOutputs), strict=True):
        read(contract, below)
    publish(ClusterOutputs())


def _routing(stack: Stack, _scope: Scope) -> None:
    read(FoundationOutputs, stack.reads[0])
    for region in stack.reads[1:]:
        read(RegionOutputs, region)


_LAYERS: dict[Layer, Callable[[Stack, Scope], None]] = {
    "foundation": _foundation,
    "region": _region,
    "cluster": _cluster,
    "routing": _routing,
}
