"""The bus: a rule, a queue, dead letters and alarms for each subscription, encrypted, in both regions alike."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from infra.components.event_bus import EventBus, EventBusArgs
from infra.components.queues import DAY
from infra.recording.graph import Graph, Resource
from services.contracts.topology import BUS, DIRECT_QUEUES, SCHEDULES, SUBSCRIPTIONS, DirectQueue, Subscription
from tests.fixtures.estate import in_a_box, stack

pytestmark = pytest.mark.xdist_group("estate")
REGIONS = ("dev-us-east-1", "prod-us-east-1", "prod-us-west-2")
QUEUES: tuple[Subscription | DirectQueue, ...] = (*SUBSCRIPTIONS, *DIRECT_QUEUES)
QUEUE = "aws:sqs/queue:Queue"


def ours(graph: Graph, type_: str) -> list[Resource]:
    """Return what carries our events; findings are AWS's (test_findings.py)."""
    return [resource for resource in graph.of_type(type_) if not resource.name.startswith("findings-")]


def named(graph: Graph, type_: str) -> dict[str, Resource]:
    return {resource.inputs["name"]: resource for resource in ours(graph, type_)}


@pytest.mark.parametrize("region", REGIONS)
def test_every_queue_has_dead_letters_that_take_from_it_alone(region: str) -> None:
    graph = stack(region)
    queues = named(graph, QUEUE)
    working = {name for name in queues if not name.endswith("-dlq")}
    assert working == {s.queue for s in SUBSCRIPTIONS} | {q.queue for q in DIRECT_QUEUES}
    allowed = {
        queue.name: json.loads(redrive.inputs["redriveAllowPolicy"])
        for redrive in graph.of_type("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy")
        for queue in graph.mentioned(redrive)
        if queue.type == QUEUE and queue.mark in redrive.inputs["queueUrl"]
    }
    for declared in QUEUES:
        queue, dead = queues[declared.queue], queues[declared.dead_letters]
        redrive = json.loads(queue.inputs["redrivePolicy"])
        assert redrive["maxReceiveCount"] == declared.max_receives
        assert dead.mark in redrive["deadLetterTargetArn"]
        assert allowed[declared.dead_letters]["redrivePermission"] == "byQueue"
        assert queue.mark in json.dumps(allowed[declared.dead_letters]["sourceQueueArns"])


@pytest.mark.parametrize("region", REGIONS)
def test_everything_that_carries_events_is_under_the_regions_own_phi_key(region: str) -> None:
    graph = stack(region)
    key = graph.outputs["key_arns"]["phi"]
    assert key.split(":")[3] == region.partition("-")[2]
    queues = ours(graph, QUEUE)
    assert {queue.inputs["kmsMasterKeyId"] for queue in queues} == {key}
    assert {queue.data_class for queue in queues} == {"phi"}
    (bus,) = graph.of_type("aws:cloudwatch/eventBus:EventBus")
    (archive,) = graph.of_type("aws:cloudwatch/eventArchive:EventArchive")
    assert bus.inputs["name"] == BUS
    assert bus.inputs["kmsKeyIdentifier"] == archive.inputs["kmsKeyIdentifier"] == key


def test_rules_match_what_the_topology_says_and_keep_what_they_cannot_deliver() -> None:
    graph = stack("prod-us-east-1")
    rules = named(graph, "aws:cloudwatch/eventRule:EventRule")
    targets = {target.inputs["rule"]: target for target in ours(graph, "aws:cloudwatch/eventTarget:EventTarget")}
    queues = named(graph, QUEUE)
    assert set(rules) == set(targets) == {s.queue for s in SUBSCRIPTIONS}
    for subscription in SUBSCRIPTIONS:
        pattern = json.loads(rules[subscription.queue].inputs["eventPattern"])
        assert tuple(pattern["detail-type"]) == subscription.event_types
        assert tuple(pattern["source"]) == subscription.sources
        assert pattern == subscription.pattern
        target = targets[subscription.queue].inputs
        assert queues[subscription.queue].mark in target["arn"]
        assert queues[subscription.dead_letters].mark in target["deadLetterConfig"]["arn"]


def test_only_the_queues_own_rule_may_send_and_nobody_without_tls() -> None:
    graph = stack("prod-us-west-2")
    rules = named(graph, "aws:cloudwatch/eventRule:EventRule")
    policies = {policy.name: policy for policy in ours(graph, "aws:sqs/queuePolicy:QueuePolicy")}
    assert len(policies) == len(ours(graph, QUEUE))
    fed = {s.queue for s in SUBSCRIPTIONS} | {s.dead_letters for s in SUBSCRIPTIONS}
    for name, policy in policies.items():
        statements = {s["Sid"]: s for s in json.loads(policy.inputs["policy"])["Statement"]}
        assert statements["TlsOnly"]["Effect"] == "Deny"
        assert statements["TlsOnly"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        if name in fed:
            (source,) = statements["RuleMaySend"]["Condition"]["ArnEquals"]["aws:SourceArn"]
            assert rules[name.removesuffix("-dlq")].mark in source
        elif name != f"{BUS}-dlq":
            assert set(statements) == {"TlsOnly"}


@pytest.mark.parametrize("region", REGIONS)
def test_every_queue_has_alarms(region: str) -> None:
    graph = stack(region)
    watched = {
        (alarm.inputs["dimensions"]["QueueName"], alarm.inputs["metricName"])
        for alarm in graph.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
        if alarm.inputs["namespace"] == "AWS/SQS" and not alarm.name.startswith("watch-findings-")
    }
    dead = {d.dead_letters for d in QUEUES} | {d.dead_letters for d in SCHEDULES} | {f"{BUS}-dlq"}
    working = {d.queue for d in QUEUES}
    assert watched == {(name, "ApproximateNumberOfMessagesVisible") for name in dead} | {
        (name, "ApproximateAgeOfOldestMessage") for name in working
    }


def test_regions_of_a_pair_declare_the_same() -> None:
    def declared(region: str) -> dict[str, str]:
        graph = stack(region)
        rules = named(graph, "aws:cloudwatch/eventRule:EventRule")
        return {name: rule.inputs["eventPattern"] for name, rule in rules.items()} | {
            name: queue.inputs.get("visibilityTimeoutSeconds", 0) for name, queue in named(graph, QUEUE).items()
        }

    assert declared("prod-us-east-1") == declared("prod-us-west-2")


def test_what_a_subscription_says_is_what_is_made() -> None:
    changed = replace(SUBSCRIPTIONS[0], queue="other", max_receives=9, visibility_seconds=77, retention_days=3)

    graph = in_a_box(
        lambda box: EventBus(
            "bus", box.scope, EventBusArgs("key", 7, 60, subscriptions=[changed], direct_queues=[]), parent=box
        )
    ).resolved
    queues = named(graph, QUEUE)
    assert set(queues) == {"other", "other-dlq", f"{BUS}-dlq"}
    assert queues["other"].inputs["visibilityTimeoutSeconds"] == 77
    assert queues["other"].inputs["messageRetentionSeconds"] == 3 * DAY
    assert json.loads(queues["other"].inputs["redrivePolicy"])["maxReceiveCount"] == 9
