"""Who hears of what the account's watchmen find: one rule, one topic and one dead-letter queue a severity.

Security Hub is the only source: GuardDuty, Config, Access Analyzer and Macie hand it what they find, so that nobody is
told twice (docs/decisions/0108). Each region tells its own. 45 CFR 164.308(a)(1)(ii)(D) and (a)(6)(ii).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.queues import dead_letter_queue, dead_letter_watches, queue_policy
from infra.components.watch import Watch

# What a severity's rule takes, by Security Hub's labels (ASFF, "Severity"). INFORMATIONAL asks nothing of anybody.
SEVERITIES: Mapping[str, tuple[str, ...]] = {"urgent": ("CRITICAL", "HIGH"), "routine": ("MEDIUM", "LOW")}
# How long a finding that could not be told is kept, and tried before that (EventBridge: at most 24 hours, 185 times).
KEPT_DAYS = 14
TRIED_SECONDS, TRIES = 86_400, 185
TOLD = {
    "account": "$.detail.findings[0].AwsAccountId",
    "product": "$.detail.findings[0].ProductName",
    "region": "$.region",
    "resource": "$.detail.findings[0].Resources[0].Id",
    "severity": "$.detail.findings[0].Severity.Label",
    "title": "$.detail.findings[0].Title",
}
SENTENCE = "<severity>, found by <product> in <account> <region>: <title>. Resource: <resource>"


@dataclass(frozen=True, slots=True)
class FindingsArgs:
    """``key_arn`` encrypts topics and queues; ``hears`` are e-mail addresses by severity, each confirms once."""

    key_arn: pulumi.Input[str]
    hears: Mapping[str, Sequence[str]]


class Findings(Component):
    """New findings to whoever must know, in a sentence; ``watches`` tell when one could not be delivered."""

    data_class = "internal"
    topic_arns: pulumi.Output[Mapping[str, str]]
    watches: tuple[Watch, ...]

    def __init__(self, name: str, scope: Scope, args: FindingsArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        watches: list[Watch] = []
        topics = {severity: self._severity(severity, watches).arn for severity in SEVERITIES}
        self.topic_arns = pulumi.Output.all(**topics)
        self.watches = tuple(watches)
        self.registered()

    def _severity(self, severity: str, watches: list[Watch]) -> aws.sns.Topic:
        called = f"{self.name}-{severity}"
        topic = aws.sns.Topic(
            called,
            name=self.scope.named(called),
            kms_master_key_id=self.args.key_arn,
            signature_version=2,
            opts=self.child(),
        )
        for number, address in enumerate(self.args.hears[severity]):
            aws.sns.TopicSubscription(
                f"{called}-{number}", topic=topic.arn, protocol="email", endpoint=address, opts=self.child()
            )
        rule = self._rule(called, SEVERITIES[severity])
        aws.sns.TopicPolicy(called, arn=topic.arn, policy=_only(rule, topic), opts=self.child())
        dead = dead_letter_queue(self, f"{called}-dlq", self.args.key_arn, KEPT_DAYS)
        queue_policy(self, f"{called}-dlq", dead, [rule.arn])
        aws.cloudwatch.EventTarget(
            called,
            rule=rule.name,
            target_id="topic",
            arn=topic.arn,
            retry_policy=aws.cloudwatch.EventTargetRetryPolicyArgs(
                maximum_event_age_in_seconds=TRIED_SECONDS, maximum_retry_attempts=TRIES
            ),
            dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(arn=dead.arn),
            input_transformer=aws.cloudwatch.EventTargetInputTransformerArgs(
                input_paths=TOLD, input_template=json.dumps(SENTENCE)
            ),
            opts=self.child(),
        )
        watches += [*dead_letter_watches(f"{called}-dlq", dead), _undelivered(called, topic)]
        return topic

    def _rule(self, called: str, labels: Sequence[str]) -> aws.cloudwatch.EventRule:
        pattern = {
            "source": ["aws.securityhub"],
            "detail-type": ["Security Hub Findings - Imported"],
            "detail": {
                "findings": {
                    "RecordState": ["ACTIVE"],
                    "Severity": {"Label": list(labels)},
                    # Told once: whoever takes a finding on sets it to NOTIFIED, who closes it to RESOLVED.
                    "Workflow": {"Status": ["NEW"]},
                }
            },
        }
        return aws.cloudwatch.EventRule(
            called,
            name=self.scope.named(called),
            description=f"Findings of severity {' and '.join(labels)}",
            event_pattern=json.dumps(pattern),
            state="ENABLED",
            opts=self.child(),
        )


def _only(rule: aws.cloudwatch.EventRule, topic: aws.sns.Topic) -> pulumi.Output[str]:
    """Return the policy of a topic that one rule may publish to, over TLS."""
    tell = {
        "Sid": "RuleMayTell",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic.arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule.arn}},
    }
    tls = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": topic.arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [tell, tls]})


def _undelivered(called: str, topic: aws.sns.Topic) -> Watch:
    return Watch(
        name=f"{called}-undelivered",
        board="security",
        tells=f"SNS cannot deliver {called}: is an address gone?",
        namespace="AWS/SNS",
        metric="NumberOfNotificationsFailed",
        dimensions={"TopicName": topic.name},
        threshold=0,
        statistic="Sum",
    )
