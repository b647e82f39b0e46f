"""Lambda functions, what feeds them and what wakes them, all of it from services/contracts/topology.py.

A function is fed from its subscription's queue or woken by EventBridge Scheduler. In a region that waits to take over,
mappings and schedules exist and are off: its database takes no writes, and a message must not go out twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.function_permissions import MANAGED_POLICIES, runtime_statements
from infra.components.queues import Queue
from infra.components.roles import role, trust
from infra.components.watch import Watch
from infra.permissions import Statement
from services.contracts.topology import (
    FUNCTION_ARCHITECTURE,
    FUNCTION_RUNTIME,
    SUBSCRIPTIONS,
    Schedule,
    Subscription,
    function_handler,
)

HTTPS, POSTGRES = 443, 5432


@dataclass(frozen=True, slots=True)
class Code:
    """Where a service's zip is: bucket, key and version of the object, and base64 of its SHA-256 as Lambda has it."""

    bucket: pulumi.Input[str]
    key: pulumi.Input[str]
    version: pulumi.Input[str]
    sha256: str


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """What all functions of a region share.

    ``active`` says whether this region does the work. ``layers`` are ARNs of Lambda layers, such as the ADOT
    collector. ``concurrency`` is reserved for each function, so that none starves another or the database.
    """

    memory_mb: int
    concurrency: int
    logs_days: int
    active: bool
    phi_key_arn: pulumi.Input[str]
    internal_key_arn: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionArgs:
    """One function, what it may do, and where its failures go."""

    name: str
    service: str
    handler: str
    timeout_seconds: int
    settings: FunctionSettings
    code: Code
    environment: Mapping[str, pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    dead_letters_arn: pulumi.Input[str]
    statements: Sequence[Statement]


class Function(Component):
    """A function, its role and its log."""

    data_class = "phi"
    arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: FunctionArgs, parent: pulumi.Resource | None = None) -> None:
        super().__init__(name, scope, service=args.service, parent=parent)
        settings = args.settings
        log = aws.cloudwatch.LogGroup(
            name,
            name=f"/aws/lambda/{args.name}",
            retention_in_days=settings.logs_days,
            kms_key_id=settings.internal_key_arn,
            tags={"data-class": "internal"},
            opts=self.child(),
        )
        taken = role(
            self,
            name,
            trust("lambda.amazonaws.com"),
            managed=MANAGED_POLICIES,
            statements=(
                *runtime_statements(scope.arn("lambda", f"function:{args.name}"), log.arn, args.dead_letters_arn),
                *args.statements,
            ),
            description=f"What the function {args.name} may do",
        )
        function = aws.lambda_.Function(
            name,
            name=args.name,
            role=taken.arn,
            runtime=FUNCTION_RUNTIME,
            architectures=[FUNCTION_ARCHITECTURE],
            handler=function_handler(args.handler),
            s3_bucket=args.code.bucket,
            s3_key=args.code.key,
            s3_object_version=args.code.version,
            source_code_hash=args.code.sha256,
            timeout=args.timeout_seconds,
            memory_size=settings.memory_mb,
            reserved_concurrent_executions=settings.concurrency,
            layers=list(settings.layers),
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=args.environment),
            kms_key_arn=settings.internal_key_arn,
            vpc_config=aws.lambda_.FunctionVpcConfigArgs(
                subnet_ids=settings.subnet_ids, security_group_ids=[args.security_group_id]
            ),
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(
                log_format="JSON", application_log_level="INFO", system_log_level="INFO", log_group=log.name
            ),
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(mode="Active"),
            dead_letter_config=aws.lambda_.FunctionDeadLetterConfigArgs(target_arn=args.dead_letters_arn),
            opts=self.child(),
        )
        self.arn = function.arn
        self.watches = function_watches(args, function)
        self.registered()


@dataclass(frozen=True, slots=True)
class FunctionsArgs:
    """By service: ``code``, ``environment`` of its functions, ``statements`` of what they may do. ``queues`` are the
    bus's by the topology's names.
    """

    settings: FunctionSettings
    queues: Mapping[str, Queue]
    code: Mapping[str, Code]
    environment: Mapping[str, Mapping[str, pulumi.Input[str]]]
    statements: Mapping[str, Sequence[Statement]]
    subscriptions: Sequence[Subscription] = SUBSCRIPTIONS


class Functions(Component):
    """All functions of a region that queues feed, and what functions of schedules need too."""

    data_class = "phi"
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: FunctionsArgs, *, parent: pulumi.Resource | None = None) -> None:
        super().__init__(name, scope, parent=parent)
        self.args = args
        self.security_group_id = self._security_group().id
        self.functions = {s.queue: self._fed(s) for s in args.subscriptions if s.runs == "lambda"}
        self.registered()

    @property
    def watches(self) -> tuple[Watch, ...]:
        """What is worth an alarm here."""
        return tuple(watch for function in self.functions.values() for watch in function.watches)

    def function(
        self,
        declared: Subscription | Schedule,
        name: str,
        dead_letters_arn: pulumi.Input[str],
        *,
        parent: pulumi.Resource,
    ) -> Function:
        """Make the function of a subscription or a schedule."""
        service = declared.service
        return Function(
            name,
            self.scope,
            FunctionArgs(
                name=name,
                service=service,
                handler=declared.handler,
                timeout_seconds=declared.timeout_seconds,
                settings=self.args.settings,
                code=self.args.code[service],
                environment=self.args.environment[service],
                security_group_id=self.security_group_id,
                dead_letters_arn=dead_letters_arn,
                statements=self.args.statements[service],
            ),
            parent=parent,
        )

    def _fed(self, subscription: Subscription) -> Function:
        queue = self.args.queues[subscription.queue]
        function = self.function(subscription, subscription.queue, queue.dead_letters_arn, parent=self)
        aws.lambda_.EventSourceMapping(
            subscription.queue,
            event_source_arn=queue.arn,
            function_name=function.arn,
            enabled=self.args.settings.active,
            batch_size=subscription.batch,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=aws.lambda_.EventSourceMappingScalingConfigArgs(
                maximum_concurrency=self.args.settings.concurrency
            ),
            metrics_config=aws.lambda_.EventSourceMappingMetricsConfigArgs(metrics=["EventCount"]),
            tags={"service": subscription.service},
            opts=self.child(),
        )
        return function

    def _security_group(self) -> aws.ec2.SecurityGroup:
        """Let functions out to databases and AWS; nothing ever calls in. SES is reached through the NAT gateway."""
        group = aws.ec2.SecurityGroup(
            f"{self.name}-out",
            description="Functions: call, are never called",
            vpc_id=self.args.settings.vpc_id,
            opts=self.child(),
        )
        own = str(self.scope.environment.regions[self.scope.region].cidr)
        for what, port, cidr in (("postgresql", POSTGRES, own), ("tls", HTTPS, "0.0.0.0/0")):
            aws.vpc.SecurityGroupEgressRule(
                f"{self.name}-out-{what}",
                security_group_id=group.id,
                description=f"{what} out",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                cidr_ipv4=cidr,
                opts=self.child(),
            )
        return group


def function_watches(args: FunctionArgs, function: aws.lambda_.Function) -> tuple[Watch, ...]:
    """Return what to watch of a function: that it neither fails, nor is held back, nor nears its time limit."""
    dimensions = {"FunctionName": function.name}
    tells = {"Errors": "fails", "Throttles": "is held back: more concurrency, or a fault that makes it slow"}
    failing = tuple(
        Watch(
            name=f"{args.name}-{metric.lower()}",
            board="functions",
            tells=f"{args.name} {what}",
            namespace="AWS/Lambda",
            metric=metric,
            dimensions=dimensions,
            threshold=0,
            statistic="Sum",
            minutes=5 if metric == "Throttles" else 1,
        )
        for metric, what in tells.items()
    )
    slow = Watch(
        name=f"{args.name}-duration",
        board="functions",
        tells=f"{args.name} takes more than four fifths of its {args.timeout_seconds} seconds",
        namespace="AWS/Lambda",
        metric="Duration",
        dimensions=dimensions,
        threshold=args.timeout_seconds * 1000 * 0.8,
        minutes=5,
    )
    return (*failing, slow)
