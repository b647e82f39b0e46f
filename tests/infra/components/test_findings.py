"""Findings: each severity has its rule, its topic, its addresses, and nothing found is lost in silence."""

from __future__ import annotations

import json

import pytest

from environments.model import load_environment
from infra.components.findings import SEVERITIES, TOLD
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")
STACKS = ("dev-us-east-1", "prod-us-east-1", "prod-us-west-2")
HUB = {
    "source": ["aws.securityhub"],
    "detail-type": ["Security Hub Findings - Imported"],
}


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_severity_reaches_whoever_the_environment_names(name: str, severity: str) -> None:
    graph = stack(name)
    called = f"findings-{severity}"
    (rule,) = [r for r in graph.of_type("aws:cloudwatch/eventRule:EventRule") if r.name == called]
    pattern = json.loads(rule.inputs["eventPattern"])
    assert pattern.items() >= HUB.items()
    assert pattern["detail"]["findings"]["Severity"]["Label"] == list(SEVERITIES[severity])
    assert "eventBusName" not in rule.inputs, "AWS tells on the default bus"
    (target,) = [t for t in graph.of_type("aws:cloudwatch/eventTarget:EventTarget") if t.name == called]
    (topic,) = [r for r in graph.mentioned(target) if r.type == "aws:sns/topic:Topic"]
    assert topic.inputs["kmsMasterKeyId"] == graph.outputs["key_arns"]["internal"]
    heard = {
        s.inputs["endpoint"]
        for s in graph.of_type("aws:sns/topicSubscription:TopicSubscription")
        if topic in graph.mentioned(s)
    }
    assert heard == set(getattr(load_environment(graph.environment).findings, severity))
    (dead,) = [r for r in graph.mentioned(target) if r.type == "aws:sqs/queue:Queue"]
    assert dead.mark in target.inputs["deadLetterConfig"]["arn"]
    every = graph.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    alarms = [alarm for alarm in every if alarm.name.startswith(f"watch-{called}-")]
    assert {alarm.inputs["metricName"] for alarm in alarms} == {
        "ApproximateNumberOfMessagesVisible",
        "NumberOfNotificationsFailed",
    }


def test_only_its_rule_may_write_to_a_topic() -> None:
    graph = stack("prod-us-west-2")
    for severity in SEVERITIES:
        (policy,) = [p for p in graph.of_type("aws:sns/topicPolicy:TopicPolicy") if p.name == f"findings-{severity}"]
        allowed = [s for s in json.loads(policy.inputs["policy"])["Statement"] if s["Effect"] == "Allow"]
        (rule,) = [r for r in graph.of_type("aws:cloudwatch/eventRule:EventRule") if r.name == f"findings-{severity}"]
        assert [s["Principal"] for s in allowed] == [{"Service": "events.amazonaws.com"}]
        assert rule.mark in allowed[0]["Condition"]["ArnEquals"]["aws:SourceArn"]


def test_every_severity_of_security_hub_but_the_informational_is_somebodys() -> None:
    assert sorted(label for labels in SEVERITIES.values() for label in labels) == ["CRITICAL", "HIGH", "LOW", "MEDIUM"]


def test_the_sentence_is_made_of_what_is_told() -> None:
    (target,) = [
        t
        for t in stack("dev-us-east-1").of_type("aws:cloudwatch/eventTarget:EventTarget")
        if t.name == "findings-urgent"
    ]
    transformed = target.inputs["inputTransformer"]
    sentence = json.loads(transformed["inputTemplate"])
    assert transformed["inputPaths"] == TOLD
    assert all(f"<{name}>" in sentence for name in TOLD)
