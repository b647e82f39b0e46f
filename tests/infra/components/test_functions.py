"""Functions and schedules: from the topology, with least privilege, kept still where another region does the work."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from environments.model import load_environment
from infra.components.function_environment import POSTGRES
from infra.components.function_permissions import MANAGED_POLICIES
from infra.components.schedules import GROUP
from infra.recording.graph import Graph, Resource
from infra.zips import zip_name
from services.contracts.topology import SCHEDULES, SUBSCRIPTIONS, function_handler
from tests.fixtures.estate import resolved, stack

pytestmark = pytest.mark.xdist_group("estate")
FUNCTION, MAPPING = "aws:lambda/function:Function", "aws:lambda/eventSourceMapping:EventSourceMapping"
SCHEDULE = "aws:scheduler/schedule:Schedule"
FED = [s for s in SUBSCRIPTIONS if s.runs == "lambda"]


def functions(graph: Graph) -> dict[str, Resource]:
    return {function.inputs["name"]: function for function in graph.of_type(FUNCTION)}


def statements(graph: Graph, role: Resource) -> list[dict[str, Any]]:
    return [
        statement
        for policy in graph.of_type("aws:iam/rolePolicy:RolePolicy")
        if role in graph.mentioned(policy) or policy.inputs["role"] == role.inputs["name"]
        for statement in json.loads(policy.inputs["policy"])["Statement"]
    ]


def test_there_is_a_function_for_everything_the_topology_runs_as_one() -> None:
    made = functions(stack("prod-us-east-1"))
    assert set(made) == {s.queue for s in FED} | {s.name for s in SCHEDULES}
    for declared, name in [(s, s.queue) for s in FED] + [(s, s.name) for s in SCHEDULES]:
        inputs = made[name].inputs
        assert inputs["handler"] == function_handler(declared.handler)
        assert inputs["timeout"] == declared.timeout_seconds
        assert inputs["runtime"] == "python3.13"
        assert inputs["architectures"] == ["arm64"]
        assert inputs["tracingConfig"] == {"mode": "Active"}
        assert made[name].tags["service"] == declared.service


def test_functions_are_fed_in_batches_and_report_what_failed() -> None:
    graph = stack("prod-us-east-1")
    mappings = {mapping.name: mapping.inputs for mapping in graph.of_type(MAPPING)}
    assert set(mappings) == {s.queue for s in FED}
    for subscription in FED:
        assert mappings[subscription.queue]["batchSize"] == subscription.batch
        assert mappings[subscription.queue]["functionResponseTypes"] == ["ReportBatchItemFailures"]
        # AWS Lambda developer guide: what a slow batch holds must not come a second time meanwhile.
        assert subscription.visibility_seconds >= 6 * subscription.timeout_seconds


def test_functions_run_in_private_subnets_with_encrypted_logs_and_reserved_concurrency() -> None:
    graph = stack("prod-us-west-2")
    logs = {group.inputs["name"]: group for group in graph.of_type("aws:cloudwatch/logGroup:LogGroup")}
    subnets = set(graph.outputs["private_subnet_ids"])
    internal = graph.outputs["key_arns"]["internal"]
    for name, function in functions(graph).items():
        assert set(function.inputs["vpcConfig"]["subnetIds"]) == subnets
        assert function.inputs["reservedConcurrentExecutions"] >= 2
        log = logs[f"/aws/lambda/{name}"]
        assert log.inputs["kmsKeyId"] == function.inputs["kmsKeyArn"] == internal
        assert log.inputs["retentionInDays"] == 2557
        (group,) = [r for r in graph.mentioned(function) if r.type == "aws:ec2/securityGroup:SecurityGroup"]
        assert group.name == "functions-out"
    ingress = graph.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert not [rule for rule in ingress if "functions" in rule.name]


def test_no_role_of_a_function_or_schedule_has_a_star() -> None:
    graph = stack("prod-us-east-1")
    takers = [*functions(graph).values(), *graph.of_type(SCHEDULE)]
    for taker in takers:
        (role,) = [r for r in graph.mentioned(taker) if r.type == "aws:iam/role:Role"]
        allowed = [s for s in statements(graph, role) if s["Effect"] == "Allow"]
        assert allowed, role.name
        for statement in allowed:
            assert "*" not in statement["Action"]
            assert not any(action.endswith(":*") for action in statement["Action"])
            assert "*" not in statement.get("Resource", ())
        trust = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert [s["Principal"] for s in trust] in (
            [{"Service": "lambda.amazonaws.com"}],
            [{"Service": "scheduler.amazonaws.com"}],
        )
    attached = {
        a.inputs["policyArn"].removeprefix("arn:aws:iam::aws:policy/")
        for a in graph.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
        if any(f"{name}-" in a.name for name in functions(graph))
    }
    assert attached == set(MANAGED_POLICIES)


def test_a_function_can_take_from_its_queue_keep_what_failed_and_sign_in_to_its_database() -> None:
    graph = stack("prod-us-west-2")
    for subscription in FED:
        function = functions(graph)[subscription.queue]
        (role,) = [r for r in graph.mentioned(function) if r.type == "aws:iam/role:Role"]
        by_sid = {s["Sid"]: s for s in statements(graph, role)}
        assert f":us-west-2:{'333344445555'}:{subscription.queue}" in json.dumps(by_sid["TakeFromOwnQueues"])
        (dead,) = [q for q in graph.of_type("aws:sqs/queue:Queue") if q.name == subscription.dead_letters]
        assert dead.mark in json.dumps(by_sid["KeepWhatFailed"])
        assert dead.mark in function.inputs["deadLetterConfig"]["targetArn"]
        assert "dbuser:" in json.dumps(by_sid["SignInToOwnDatabase"])
        assert "us-east-1" not in json.dumps(statements(graph, role))
        url = function.inputs["environment"]["variables"]["CARESLOT_DATABASE_URL"]
        assert url.startswith(f"postgresql://{subscription.service}@")
        assert url.endswith(f":{POSTGRES}/{subscription.service}?sslmode=require")
        assert "us-east-1" not in json.dumps(function.inputs)


def test_a_schedule_wakes_its_function_and_keeps_what_it_could_not_wake() -> None:
    graph = stack("prod-us-east-1")
    made = {schedule.inputs["name"]: schedule.inputs for schedule in graph.of_type(SCHEDULE)}
    for schedule in SCHEDULES:
        inputs = made[schedule.name]
        assert (inputs["groupName"], inputs["scheduleExpression"]) == (GROUP, schedule.expression)
        assert functions(graph)[schedule.name].mark in inputs["target"]["arn"]
        assert inputs["target"]["retryPolicy"] == {
            "maximumRetryAttempts": schedule.retries,
            "maximumEventAgeInSeconds": schedule.max_age_seconds,
        }
        (dead,) = [q for q in graph.of_type("aws:sqs/queue:Queue") if q.name == schedule.dead_letters]
        assert dead.mark in inputs["target"]["deadLetterConfig"]["arn"]
        assert inputs["kmsKeyArn"] == graph.outputs["key_arns"]["phi"]


def test_one_region_does_the_work_and_the_setting_moves_it() -> None:
    def works(graph: Graph) -> set[bool]:
        mappings = {mapping.inputs["enabled"] for mapping in graph.of_type(MAPPING)}
        return mappings | {schedule.inputs["state"] == "ENABLED" for schedule in graph.of_type(SCHEDULE)}

    assert works(stack("prod-us-east-1")) == {True}
    assert works(stack("prod-us-west-2")) == {False}
    moved = load_environment("prod").model_copy(update={"serving": "us-west-2"})
    graphs = resolved(moved, "prod-us-east-1", "prod-us-west-2")
    assert works(graphs["prod-us-east-1"]) == {False}
    assert works(graphs["prod-us-west-2"]) == {True}


def test_the_zip_is_the_one_the_environment_names() -> None:
    graph = stack("prod-us-east-1")
    code = load_environment("prod").functions.code
    (bucket,) = [b for b in graph.of_type("aws:s3/bucket:Bucket") if b.name == "artifacts"]
    for function in functions(graph).values():
        sha256 = code[function.tags["service"]]
        assert function.inputs["sourceCodeHash"] == base64.b64encode(bytes.fromhex(sha256)).decode()
        assert function.inputs["s3Key"] == zip_name(function.tags["service"], sha256)
        assert function.inputs["s3ObjectVersion"]
        assert function.inputs["s3Bucket"] == bucket.inputs["bucket"]
