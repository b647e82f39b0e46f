"""What `make up` makes in the emulator and what the estate declares for AWS are the same things.

Both are read back, the one from the emulator, the other from the recorded graph, and put into the same words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.recording.graph import Graph
from services.contracts.topology import (
    BUS,
    DIRECT_QUEUES,
    LOCKED_BUCKETS,
    SCHEDULES,
    SUBSCRIPTIONS,
    DirectQueue,
    Subscription,
)
from services.local.anchors import declare_locked_buckets
from services.local.aws import Aws, declare_bus, declare_direct_queues
from services.local.aws_functions import FunctionCode, declare_functions
from services.local.identity import ensure_pool
from services.local.lambda_zip import AWS_TARGET
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")
QUEUES: tuple[Subscription | DirectQueue, ...] = (*SUBSCRIPTIONS, *DIRECT_QUEUES)
Facts = Mapping[str, Any]
# An archive with nothing in it: no function runs here.
# They share the emulator, under names that begin so (tests/fixtures/platform.py).
OF_OTHER_TESTS = re.compile(r"t[0-9a-f]{8}-")
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


@pytest.fixture(scope="module")
def emulated(aws: Aws) -> Iterator[Aws]:
    """Make everything as `make up` does (services/local/platform.py), under its own names."""
    queues = declare_bus(aws)
    direct = declare_direct_queues(aws)
    declare_locked_buckets(aws)
    services = {s.service for s in SUBSCRIPTIONS if s.runs == "lambda"} | {s.service for s in SCHEDULES}
    functions = declare_functions(aws, {name: FunctionCode(EMPTY_ZIP, "", {}) for name in services}, queues)
    yield aws
    for schedule in SCHEDULES:
        aws.scheduler.delete_schedule(Name=schedule.name)
    for mapping in aws.functions.list_event_source_mappings()["EventSourceMappings"]:
        if mapping["FunctionArn"] in functions.values():
            aws.functions.delete_event_source_mapping(UUID=mapping["UUID"])
    for name in functions:
        aws.functions.delete_function(FunctionName=name)
    for subscription in SUBSCRIPTIONS:
        aws.events.remove_targets(Rule=subscription.queue, EventBusName=BUS, Ids=["queue"])
        aws.events.delete_rule(Name=subscription.queue, EventBusName=BUS)
    aws.events.delete_event_bus(Name=BUS)
    for queue in (*queues.values(), *direct.values()):
        aws.sqs.delete_queue(QueueUrl=queue.url)
        aws.sqs.delete_queue(QueueUrl=queue.dead_letters_url)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return stack("prod-us-east-1")


def last(arn: str) -> str:
    return arn.rpartition(":")[2].rpartition("/")[2]


def test_the_bus_and_its_rules(emulated: Aws, graph: Graph) -> None:
    (bus,) = graph.of_type("aws:cloudwatch/eventBus:EventBus")
    assert bus.inputs["name"] in {found["Name"] for found in emulated.events.list_event_buses()["EventBuses"]}
    rules = emulated.events.list_rules(EventBusName=BUS)["Rules"]
    in_emulator = {
        rule["Name"]: (
            json.loads(rule["EventPattern"]),
            rule["State"],
            emulated_targets(emulated, rule["Name"]),
        )
        for rule in rules
    }  # fmt: skip
    targets = {target.inputs["rule"]: target for target in graph.of_type("aws:cloudwatch/eventTarget:EventTarget")}
    in_aws = {
        rule.inputs["name"]: (
            json.loads(rule.inputs["eventPattern"]),
            rule.inputs["state"],
            [(targets[rule.name].inputs["targetId"], named(graph, targets[rule.name].inputs["arn"]))],
        )
        for rule in graph.of_type("aws:cloudwatch/eventRule:EventRule")
        if "eventBusName" in rule.inputs  # AWS's own events, on the bus every account has, are not emulated
    }
    assert in_emulator == in_aws


def test_the_queues_their_times_and_where_their_failures_go(emulated: Aws, graph: Graph) -> None:
    names = [last(url.replace("/", ":")) for url in emulated.sqs.list_queues()["QueueUrls"]]
    in_emulator = {name: emulated_queue(emulated, name) for name in names if name in declared_queues()}
    in_aws = {
        queue.inputs["name"]: {
            "visibility": queue.inputs.get("visibilityTimeoutSeconds", 30),
            "retention": queue.inputs["messageRetentionSeconds"],
            "redrive": declared_redrive(graph, queue.inputs.get("redrivePolicy")),
        }
        for queue in graph.of_type("aws:sqs/queue:Queue")
        if queue.inputs["name"] in declared_queues()
    }
    assert in_emulator == in_aws
    # Where nothing is delivered twice there are more: of the bus, and of schedules, which the emulator cannot have.
    others = {queue.inputs["name"] for queue in graph.of_type("aws:sqs/queue:Queue")} - declared_queues()
    assert others == {f"{BUS}-dlq"} | {schedule.dead_letters for schedule in SCHEDULES}


def test_the_functions_and_what_feeds_them(emulated: Aws, graph: Graph) -> None:
    in_emulator = {
        found["FunctionName"]: (found["Handler"], found["Timeout"], found["Runtime"])
        for found in emulated.functions.list_functions()["Functions"]
        if not OF_OTHER_TESTS.match(found["FunctionName"])
    }
    in_aws = {
        function.inputs["name"]: (function.inputs["handler"], function.inputs["timeout"], function.inputs["runtime"])
        for function in graph.of_type("aws:lambda/function:Function")
    }
    assert in_emulator == in_aws
    fed_in_emulator = {
        last(mapping["FunctionArn"]): (
            last(mapping["EventSourceArn"]),
            mapping["BatchSize"],
            mapping["FunctionResponseTypes"],
        )
        for mapping in emulated.functions.list_event_source_mappings()["EventSourceMappings"]
        if not OF_OTHER_TESTS.match(last(mapping["FunctionArn"]))
    }  # fmt: skip
    fed_in_aws = {
        named(graph, mapping.inputs["functionName"]): (
            named(graph, mapping.inputs["eventSourceArn"]),
            mapping.inputs["batchSize"],
            mapping.inputs["functionResponseTypes"],
        )
        for mapping in graph.of_type("aws:lambda/eventSourceMapping:EventSourceMapping")
    }
    assert fed_in_emulator == fed_in_aws


def test_the_schedules(emulated: Aws, graph: Graph) -> None:
    in_emulator = {}
    for entry in emulated.scheduler.list_schedules()["Schedules"]:
        found = emulated.scheduler.get_schedule(Name=entry["Name"])
        retry = found["Target"]["RetryPolicy"]
        in_emulator[found["Name"]] = (
            found["ScheduleExpression"],
            last(found["Target"]["Arn"]),
            retry["MaximumRetryAttempts"],
            retry["MaximumEventAgeInSeconds"],
            found["FlexibleTimeWindow"]["Mode"],
        )
    in_aws = {
        schedule.inputs["name"]: (
            schedule.inputs["scheduleExpression"],
            named(graph, schedule.inputs["target"]["arn"]),
            schedule.inputs["target"]["retryPolicy"]["maximumRetryAttempts"],
            schedule.inputs["target"]["retryPolicy"]["maximumEventAgeInSeconds"],
            schedule.inputs["flexibleTimeWindow"]["mode"],
        )
        for schedule in graph.of_type("aws:scheduler/schedule:Schedule")
    }
    assert in_emulator == in_aws


def test_the_locked_buckets(emulated: Aws, graph: Graph) -> None:
    locks = graph.of_type("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")
    for bucket in LOCKED_BUCKETS:
        found = emulated.s3.get_object_lock_configuration(Bucket=bucket.name)["ObjectLockConfiguration"]
        in_emulator = found["Rule"]["DefaultRetention"]
        # Bucket names are shared by all of AWS: in AWS, environment, account and region are part of it.
        purpose = bucket.name.removeprefix("careslot-")
        (lock,) = [lock for lock in locks if any(purpose in r.inputs["bucket"] for r in graph.mentioned(lock))]
        in_aws = lock.inputs["rule"]["defaultRetention"]
        assert in_aws["mode"] == in_emulator["Mode"] == "COMPLIANCE"
        assert in_aws["days"] >= in_emulator["Years"] * 365


def test_the_user_pool(emulated: Aws, graph: Graph) -> None:
    identity = ensure_pool(emulated, "compared-with-the-estate")
    pool = identity.pool_id
    groups = {group["GroupName"] for group in emulated.cognito.list_groups(UserPoolId=pool)["Groups"]}
    assert groups == {group.inputs["name"] for group in graph.of_type("aws:cognito/userGroup:UserGroup")}
    listed = emulated.cognito.list_user_pool_clients(UserPoolId=pool, MaxResults=60)["UserPoolClients"]
    in_emulator = {}
    for entry in listed:
        found = emulated.cognito.describe_user_pool_client(UserPoolId=pool, ClientId=entry["ClientId"])[
            "UserPoolClient"
        ]
        in_emulator[found["ClientName"]] = (
            sorted(found.get("AllowedOAuthScopes", [])), sorted(found.get("AllowedOAuthFlows", [])),
            bool(found.get("ClientSecret")), found["AccessTokenValidity"],
        )  # fmt: skip
    in_aws = {
        client.inputs["name"]: (
            sorted(client.inputs.get("allowedOauthScopes", [])), sorted(client.inputs.get("allowedOauthFlows", [])),
            client.inputs["generateSecret"], client.inputs["accessTokenValidity"],
        )
        for client in graph.of_type("aws:cognito/userPoolClient:UserPoolClient")
    }  # fmt: skip
    assert in_emulator == in_aws


def test_the_builder_makes_zips_for_what_the_estate_declares(graph: Graph) -> None:
    declared = {
        (function.inputs["runtime"], *function.inputs["architectures"])
        for function in graph.of_type("aws:lambda/function:Function")
    }
    assert {f"aws-{runtime}-{architecture}" for runtime, architecture in declared} == {AWS_TARGET.name}


def declared_queues() -> set[str]:
    return {name for d in QUEUES for name in (d.queue, d.dead_letters)}


def named(graph: Graph, arn: str) -> str:
    """Return the physical name of the resource that a recorded ARN mentions."""
    (found,) = [resource for mark, resource in graph.by_mark.items() if mark in arn]
    return str(found.inputs["name"])


def emulated_targets(aws: Aws, rule: str) -> list[tuple[str, str]]:
    found = aws.events.list_targets_by_rule(Rule=rule, EventBusName=BUS)["Targets"]
    return [(target["Id"], last(target["Arn"])) for target in found]


def emulated_queue(aws: Aws, name: str) -> Facts:
    url = aws.sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    redrive = json.loads(found["RedrivePolicy"]) if "RedrivePolicy" in found else None
    return {
        "visibility": int(found["VisibilityTimeout"]),
        "retention": int(found["MessageRetentionPeriod"]),
        "redrive": redrive and (last(redrive["deadLetterTargetArn"]), int(redrive["maxReceiveCount"])),
    }


def declared_redrive(graph: Graph, policy: str | None) -> tuple[str, int] | None:
    if policy is None:
        return None
    redrive = json.loads(policy)
    return named(graph, redrive["deadLetterTargetArn"]), redrive["maxReceiveCount"]
