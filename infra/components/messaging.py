"""Everything that carries events in a region and runs on them: bus, queues, zips, functions, schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.components.artifacts import Artifacts, ArtifactsArgs
from infra.components.base import Component, Scope
from infra.components.event_bus import EventBus, EventBusArgs
from infra.components.functions import Functions, FunctionsArgs, FunctionSettings
from infra.components.mail import Mail
from infra.components.schedules import Schedules, SchedulesArgs
from infra.components.watch import Watch
from infra.permissions import Statement


@dataclass(frozen=True, slots=True)
class MessagingArgs:
    """``environment`` and ``statements`` of functions are by service; ``access_logs_bucket`` takes S3's access logs."""

    phi_key_arn: pulumi.Input[str]
    internal_key_arn: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    access_logs_bucket: pulumi.Input[str]
    environment: Mapping[str, Mapping[str, pulumi.Input[str]]]
    statements: Mapping[str, Sequence[Statement]]


class Messaging(Component):
    """The bus and all that hangs on it."""

    data_class = "phi"
    bus_arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: MessagingArgs) -> None:
        super().__init__(name, scope)
        environment = scope.environment
        bus = EventBus(
            "bus",
            scope,
            EventBusArgs(args.phi_key_arn, environment.retention.archive_days, environment.alarms.queue_age_seconds),
            parent=self,
        )
        zips = Artifacts(
            "artifacts",
            scope,
            ArtifactsArgs(args.internal_key_arn, args.access_logs_bucket, environment.functions.code),
            parent=self,
        )
        settings = FunctionSettings(
            memory_mb=environment.functions.memory_mb,
            concurrency=environment.functions.concurrency,
            logs_days=environment.retention.logs_days,
            active=environment.serves(scope.region),
            phi_key_arn=args.phi_key_arn,
            internal_key_arn=args.internal_key_arn,
            vpc_id=args.vpc_id,
            subnet_ids=args.subnet_ids,
            layers=environment.functions.layers.get(scope.region, ()),
        )
        functions = Functions(
            "functions",
            scope,
            FunctionsArgs(settings, bus.queues, zips.code, args.environment, args.statements),
            parent=self,
        )
        Mail("mail", scope, parent=self)
        schedules = Schedules("schedules", scope, SchedulesArgs(functions, settings), parent=self)
        self.bus_arn = bus.bus_arn
        self.watches: tuple[Watch, ...] = (*bus.watches, *functions.watches, *schedules.watches)
        self.registered()
