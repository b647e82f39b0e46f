"""What a stack is made of: the table of contents of the estate, one function a layer.

A component is made here and given what it needs; components do not look each other up. Heavy imports wait inside the
layer that needs them, so that a stack loads only its own.
"""

from __future__ import annotations

from collections.abc import Callable

import pulumi_aws as aws

from environments.model import Environment, load_environment
from infra.components.base import Scope
from infra.components.artifacts import Artifacts, ArtifactsArgs
from infra.components.encryption import PrimaryKeys, RegionalKeys, RegionalKeysArgs
from infra.components.event_bus import EventBus, EventBusArgs
from infra.components.function_permissions import email_statement, text_statement
from infra.components.functions import Functions, FunctionsArgs, FunctionSettings
from infra.components.identity import UserPool, UserPoolArgs
from infra.components.network import Network, NetworkArgs
from infra.components.observability import AlarmTopic, AlarmTopicArgs, Observability, ObservabilityArgs
from infra.components.schedules import Schedules, SchedulesArgs
from infra.components.watch import Watch
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
    pool = UserPool("people", scope, UserPoolArgs(scope.environment.sign_in.mfa, scope.environment.sign_in.password_length))
    bus, watches = _events(scope, keys, network)
    _alarms(scope, keys, watches)
    publish(
        RegionOutputs(
            vpc_id=network.vpc_id,
            private_subnet_ids=network.private_subnet_ids,
            key_arns=keys.key_arns,
            bus_arn=bus.bus_arn,
            user_pool_id=pool.pool_id,
            user_pool_arn=pool.pool_arn,
            client_ids=pool.client_ids,
        )
    )


def _events(scope: Scope, keys: RegionalKeys, network: Network) -> tuple[EventBus, tuple[Watch, ...]]:
    """Declare what carries events and what runs on them; return the bus, and what of it all is worth an alarm."""
    environment = scope.environment
    bus = EventBus(
        "bus",
        scope,
        EventBusArgs(keys.arn("phi"), environment.retention.archive_days, environment.alarms.queue_age_seconds),
    )
    artifacts = Artifacts("artifacts", scope, ArtifactsArgs(keys.arn("internal"), None, environment.functions.code))
    settings = FunctionSettings(
        memory_mb=environment.functions.memory_mb,
        concurrency=environment.functions.concurrency,
        logs_days=environment.retention.logs_days,
        active=environment.serves(scope.region),
        phi_key_arn=keys.arn("phi"),
        internal_key_arn=keys.arn("internal"),
        vpc_id=network.vpc_id,
        subnet_ids=network.private_subnet_ids,
        layers=environment.functions.layers.get(scope.region, ()),
    )
    messages = environment.messages
    secret = scope.named("notifications-database-url")
    functions = Functions(
        "functions",
        scope,
        FunctionsArgs(
            settings=settings,
            queues=bus.queues,
            code=artifacts.code,
            environment={
                "notifications": {
                    "CARESLOT_DATABASE_URL_SECRET": secret,
                    "CARESLOT_ORGANIZATION": messages.organization,
                    "CARESLOT_CALLBACK_PHONE": messages.callback_phone,
                    "CARESLOT_SENDER_EMAIL": messages.sender_email,
                    "CARESLOT_PORTAL_URL": f"https://{environment.domain}/portal/",
                }
            },
            # Secrets Manager ends every ARN with six characters of its own.
            secrets={"notifications": scope.arn("secretsmanager", f"secret:{secret}-??????")},
            statements={
                "notifications": (
                    email_statement(scope.arn("ses", f"identity/{messages.sender_email.partition('@')[2]}")),
                    text_statement(),
                )
            },
        ),
    )
    schedules = Schedules("schedules", scope, SchedulesArgs(functions, settings))
    return bus, (*bus.watches, *functions.watches, *schedules.watches)


def _alarms(scope: Scope, keys: RegionalKeys, watches: tuple[Watch, ...]) -> None:
    alarms = scope.environment.alarms
    topic = AlarmTopic("alarms", scope, AlarmTopicArgs(keys.arn("internal"), alarms.notify))
    Observability(
        "watch",
        scope,
        ObservabilityArgs(
            topic_arn=topic.topic_arn,
            key_arn=keys.arn("internal"),
            active=scope.environment.serves(scope.region),
            watches=watches,
            sampled=alarms.traced,
        ),
    )


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
