"""An SQS queue the way all of ours are: encrypted, over TLS only, with a dead-letter queue that takes from it alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.watch import Watch

DAY = 24 * 60 * 60
KEY_REUSE_SECONDS = 300
LONG_POLL_SECONDS = 20


@dataclass(frozen=True, slots=True)
class QueueArgs:
    """A queue's times and what may send to it besides the account's own roles: the ARN of an EventBridge rule.

    ``age_seconds`` is how long a message may wait before somebody is told.
    """

    name: str
    dead_letters: str
    key_arn: pulumi.Input[str]
    visibility_seconds: int
    max_receives: int
    retention_days: int
    age_seconds: int
    rule_arn: pulumi.Input[str] | None = None


class Queue(Component):
    """A queue and its dead letters."""

    data_class = "phi"
    arn: pulumi.Output[str]
    dead_letters_arn: pulumi.Output[str]

    def __init__(
        self, name: str, scope: Scope, args: QueueArgs, *, service: str, parent: pulumi.Resource | None = None
    ) -> None:
        super().__init__(name, scope, service=service, parent=parent)
        dead = dead_letter_queue(self, args.dead_letters, args.key_arn, args.retention_days)
        queue = aws.sqs.Queue(
            name,
            name=args.name,
            kms_master_key_id=args.key_arn,
            kms_data_key_reuse_period_seconds=KEY_REUSE_SECONDS,
            visibility_timeout_seconds=args.visibility_seconds,
            message_retention_seconds=args.retention_days * DAY,
            receive_wait_time_seconds=LONG_POLL_SECONDS,
            redrive_policy=dead.arn.apply(
                lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": args.max_receives})
            ),
            opts=self.child(),
        )
        aws.sqs.RedriveAllowPolicy(
            f"{name}-dlq",
            queue_url=dead.url,
            redrive_allow_policy=queue.arn.apply(
                lambda arn: json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn]})
            ),
            opts=self.child(),
        )
        rules = [] if args.rule_arn is None else [args.rule_arn]
        queue_policy(self, name, queue, rules)
        queue_policy(self, f"{name}-dlq", dead, rules)
        self.arn, self.dead_letters_arn = queue.arn, dead.arn
        self.watches = (*dead_letter_watches(args.dead_letters, dead), _waiting(args, queue))
        self.registered()


def dead_letter_queue(
    component: Component, name: str, key_arn: pulumi.Input[str], retention_days: int
) -> aws.sqs.Queue:
    """Make a queue that nothing takes from but an operator; it is called ``<...>-dlq``."""
    return aws.sqs.Queue(
        name,
        name=name,
        kms_master_key_id=key_arn,
        kms_data_key_reuse_period_seconds=KEY_REUSE_SECONDS,
        message_retention_seconds=retention_days * DAY,
        opts=component.child(),
    )


def queue_policy(component: Component, name: str, queue: aws.sqs.Queue, rule_arns: Sequence[pulumi.Input[str]]) -> None:
    """Refuse what comes without TLS, and let EventBridge send for these rules only (45 CFR 164.312(e)(1))."""
    aws.sqs.QueuePolicy(
        name,
        queue_url=queue.url,
        policy=pulumi.Output.all(queue.arn, *rule_arns).apply(lambda arns: _policy(arns[0], arns[1:])),
        opts=component.child(),
    )


def _policy(queue_arn: str, rule_arns: Sequence[str]) -> str:
    statements: list[dict[str, Any]] = [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": queue_arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]
    if rule_arns:
        statements.append(
            {
                "Sid": "RuleMaySend",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": list(rule_arns)}},
            }
        )
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def dead_letter_watches(name: str, queue: aws.sqs.Queue) -> tuple[Watch, ...]:
    """Return what to watch of a dead-letter queue: that it is empty."""
    return (
        Watch(
            name=f"{name}-depth",
            board="queues",
            tells=f"{name} holds messages that failed: `careslot dead-letters show`, mend, then replay them",
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": queue.name},
            threshold=0,
        ),
    )


def _waiting(args: QueueArgs, queue: aws.sqs.Queue) -> Watch:
    return Watch(
        name=f"{args.name}-age",
        board="queues",
        tells=f"the oldest message of {args.name} waits for more than {args.age_seconds} seconds: is its consumer up?",
        namespace="AWS/SQS",
        metric="ApproximateAgeOfOldestMessage",
        dimensions={"QueueName": queue.name},
        threshold=args.age_seconds,
        minutes=5,
        standby=False,
    )
