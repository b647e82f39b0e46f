"""Lambda functions, what feeds them and what wakes them, declared in the emulated account.

What was found out about how ministack 1.5 runs a function, which a handler must know:

- A worker is one Python process under the emulator's interpreter, whatever `Runtime` says; module state, and
  with it an event loop or a connection, lives on from one invocation to the next, as in AWS. So a handler
  keeps one loop and calls `loop.run_until_complete`: `asyncio.run` would close the loop that its connections
  belong to.
- Several workers run at once, five for a mapping unless `MaximumConcurrency` says less; AWS's least is two.
- A handler that raises loses its worker (the next call is cold), and its whole batch comes again after the
  queue's visibility timeout. Reporting `batchItemFailures` keeps the worker and the good messages.
- A timeout kills the worker. `Timeout` defaults to 30 s there and to 3 s in AWS: always say it.
- What a handler prints or logs is found in CloudWatch Logs (`recent_output`) once the invocation ended, and
  in the emulator's log file when it failed.
- The Scheduler looks every ten seconds, so a schedule is up to ten seconds late; its first `rate(1 minute)`
  comes a minute after it was declared.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.contracts.topology import (
    FUNCTION_RUNTIME,
    SCHEDULES,
    SUBSCRIPTIONS,
    Schedule,
    Subscription,
    function_handler,
)
from services.local.aws import Aws, Queue

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef
    from types_boto3_scheduler.type_defs import TargetTypeDef

MEMORY_MB = 256
WORKERS = 2  # AWS's least for a mapping, and what two cores can use
ACTIVE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class FunctionCode:
    """What a service's functions run: the zip, its hash as Lambda reports it (base64 of SHA-256), and their
    variables.
    """

    zip: bytes
    sha256: str
    environment: Mapping[str, str]


def declare_functions(
    aws: Aws,
    code: Mapping[str, FunctionCode],
    queues: Mapping[str, Queue],
    subscriptions: Iterable[Subscription] = SUBSCRIPTIONS,
    schedules: Iterable[Schedule] = SCHEDULES,
    *,
    prefix: str = "",
) -> dict[str, str]:
    """Make the functions, their event-source mappings and schedules; return function ARNs by the topology's
    names.

    `code` is by service; a service without an entry is left out whole (its queues fill up and keep). `queues`
    is what `declare_bus` returned. Idempotent: code and configuration are updated only where they differ.
    """
    declared: dict[str, str] = {}
    for subscription in subscriptions:
        if subscription.runs == "lambda" and subscription.service in code:
            arn = _ensure_function(
                aws,
                prefix + subscription.queue,
                subscription.handler,
                subscription.timeout_seconds,
                _ensure_role(aws, f"{prefix}careslot-{subscription.service}-functions", "lambda.amazonaws.com"),
                code[subscription.service],
            )
            _ensure_mapping(aws, arn, queues[subscription.queue].arn, subscription)
            declared[subscription.queue] = arn
    for schedule in schedules:
        if schedule.service in code:
            arn = _ensure_function(
                aws,
                prefix + schedule.name,
                schedule.handler,
                schedule.timeout_seconds,
                _ensure_role(aws, f"{prefix}careslot-{schedule.service}-functions", "lambda.amazonaws.com"),
                code[schedule.service],
            )
            role = _ensure_role(aws, f"{prefix}careslot-{schedule.service}-schedules", "scheduler.amazonaws.com")
            _ensure_schedule(aws, prefix + schedule.name, schedule, arn, role)
            declared[schedule.name] = arn
    return declared


def pause_schedule(aws: Aws, name: str, *, pause: bool) -> None:
    """Stop a schedule from invoking its function, or let it go on; it keeps everything else."""
    found = aws.scheduler.get_schedule(Name=name)
    aws.scheduler.update_schedule(
        Name=name,
        ScheduleExpression=found["ScheduleExpression"],
        FlexibleTimeWindow=found["FlexibleTimeWindow"],
        Target=found["Target"],
        State="DISABLED" if pause else "ENABLED",
    )


def recent_output(aws: Aws, function_name: str) -> list[str]:
    """Return what the function's invocations printed and logged, oldest first, with Lambda's own START and
    END.
    """
    try:
        found = aws.logs.filter_log_events(logGroupName=f"/aws/lambda/{function_name}")
    except aws.logs.exceptions.ResourceNotFoundException:
        return []
    return [str(event["message"]).rstrip() for event in found["events"]]


def _ensure_role(aws: Aws, name: str, principal: str) -> str:
    try:
        return aws.iam.get_role(RoleName=name)["Role"]["Arn"]
    except aws.iam.exceptions.NoSuchEntityException:
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"}],
        }
        return aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]


def _ensure_function(aws: Aws, name: str, handler: str, timeout: int, role: str, code: FunctionCode) -> str:
    try:
        found = aws.functions.get_function_configuration(FunctionName=name)
    except aws.functions.exceptions.ResourceNotFoundException:
        found = aws.functions.create_function(
            FunctionName=name,
            Runtime=FUNCTION_RUNTIME,
            Role=role,
            Handler=function_handler(handler),
            Code={"ZipFile": code.zip},
            Timeout=timeout,
            MemorySize=MEMORY_MB,
            Environment={"Variables": dict(code.environment)},
        )
        _await_active(aws, name)
        return found["FunctionArn"]
    if found["CodeSha256"] != code.sha256:
        aws.functions.update_function_code(FunctionName=name, ZipFile=code.zip)
        _await_active(aws, name)
    if _differs(found, handler, timeout, code):
        aws.functions.update_function_configuration(
            FunctionName=name,
            Handler=function_handler(handler),
            Timeout=timeout,
            Environment={"Variables": dict(code.environment)},
        )
        _await_active(aws, name)
    return found["FunctionArn"]


def _differs(found: FunctionConfigurationResponseTypeDef, handler: str, timeout: int, code: FunctionCode) -> bool:
    variables = found.get("Environment", {}).get("Variables", {})
    return (
        found["Handler"] != function_handler(handler)
        or found["Timeout"] != timeout
        or variables != dict(code.environment)
    )


def _await_active(aws: Aws, name: str) -> None:
    """Wait as AWS asks for before the next change; boto3's own waiter sleeps whole seconds."""
    deadline = time.monotonic() + ACTIVE_SECONDS
    while time.monotonic() < deadline:
        found = aws.functions.get_function_configuration(FunctionName=name)
        if found["State"] == "Active" and found.get("LastUpdateStatus") != "InProgress":
            return
        if found["State"] == "Failed":
            break
        time.sleep(0.02)
    raise RuntimeError(f"the function {name} does not become active: {found.get('StateReason') or found['State']}")


def _ensure_mapping(aws: Aws, function_arn: str, queue_arn: str, subscription: Subscription) -> None:
    mappings = aws.functions.list_event_source_mappings(EventSourceArn=queue_arn, FunctionName=function_arn)[
        "EventSourceMappings"
    ]
    if not mappings:
        aws.functions.create_event_source_mapping(
            FunctionName=function_arn,
            EventSourceArn=queue_arn,
            BatchSize=subscription.batch,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig={"MaximumConcurrency": WORKERS},
        )
    elif mappings[0]["BatchSize"] != subscription.batch:
        aws.functions.update_event_source_mapping(UUID=mappings[0]["UUID"], BatchSize=subscription.batch)


def _ensure_schedule(aws: Aws, name: str, schedule: Schedule, function_arn: str, role: str) -> None:
    target: TargetTypeDef = {
        "Arn": function_arn,
        "RoleArn": role,
        "RetryPolicy": {
            "MaximumRetryAttempts": schedule.retries,
            "MaximumEventAgeInSeconds": schedule.max_age_seconds,
        },
    }
    try:
        found = aws.scheduler.get_schedule(Name=name)
    except aws.scheduler.exceptions.ResourceNotFoundException:
        aws.scheduler.create_schedule(
            Name=name,
            ScheduleExpression=schedule.expression,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
        )
        return
    stands = found["ScheduleExpression"], found["Target"], found["State"]
    if stands != (schedule.expression, target, "ENABLED"):
        aws.scheduler.update_schedule(
            Name=name,
            ScheduleExpression=schedule.expression,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
        )
