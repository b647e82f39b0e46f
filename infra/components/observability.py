"""Who is told what: one alarm for everything worth watching, one topic they go to, dashboards drawn from the same data.

Alarms carry names of queues, functions and routes, never contents, so the topic holds no PHI.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.watch import Watch

MINUTE = 60
COLUMNS, WIDTH, HEIGHT = 3, 8, 6


@dataclass(frozen=True, slots=True)
class AlarmTopicArgs:
    """``notify`` are e-mail addresses; each confirms once."""

    key_arn: pulumi.Input[str]
    notify: Sequence[str]


class AlarmTopic(Component):
    """The topic alarms of a region go to, which only this account's alarms and budgets may write to."""

    data_class = "internal"
    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: AlarmTopicArgs) -> None:
        super().__init__(name, scope)
        topic = aws.sns.Topic(
            name, name=scope.named("alarms"), kms_master_key_id=args.key_arn, signature_version=2, opts=self.child()
        )
        for number, address in enumerate(args.notify):
            aws.sns.TopicSubscription(
                f"{name}-{number}", topic=topic.arn, protocol="email", endpoint=address, opts=self.child()
            )
        aws.sns.TopicPolicy(
            name,
            arn=topic.arn,
            policy=pulumi.Output.json_dumps(
                {"Version": "2012-10-17", "Statement": [*_publishers(topic, scope), _tls_only(topic)]}
            ),
            opts=self.child(),
        )
        self.topic_arn = topic.arn
        self.registered()


@dataclass(frozen=True, slots=True)
class ObservabilityArgs:
    """``active``: whether this region does the work; if not, what a waiting region lacks wakes nobody.

    ``sampled`` is the share of requests that are traced beyond one a second.
    """

    topic_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    active: bool
    watches: Sequence[Watch]
    sampled: float


class Observability(Component):
    """Alarms, dashboards and how traces are kept."""

    data_class = "internal"

    def __init__(self, name: str, scope: Scope, args: ObservabilityArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        for watch in args.watches:
            self._alarm(watch)
        boards = sorted({watch.board for watch in args.watches})
        for board in boards:
            drawn = [watch for watch in args.watches if watch.board == board]
            aws.cloudwatch.Dashboard(
                f"{name}-{board}",
                # Dashboards belong to the account, not to a region.
                dashboard_name=scope.named(f"{board}-{scope.region}"),
                dashboard_body=_body(drawn, scope.region),
                opts=self.child(),
            )
        aws.xray.EncryptionConfig(name, type="KMS", key_id=args.key_arn, opts=self.child())
        aws.xray.SamplingRule(
            name,
            rule_name=scope.named("default"),
            priority=9000,
            version=1,
            reservoir_size=1,
            fixed_rate=args.sampled,
            host="*",
            http_method="*",
            resource_arn="*",
            service_name="*",
            service_type="*",
            url_path="*",
            opts=self.child(),
        )
        aws.xray.Group(
            name,
            group_name=scope.named("faults"),
            filter_expression="fault = true OR responsetime > 2",
            insights_configuration=aws.xray.GroupInsightsConfigurationArgs(
                insights_enabled=True, notifications_enabled=True
            ),
            opts=self.child(),
        )
        self.registered()

    def _alarm(self, watch: Watch) -> None:
        aws.cloudwatch.MetricAlarm(
            f"{self.name}-{watch.name}",
            name=self.scope.named(watch.name),
            alarm_description=watch.tells,
            namespace=watch.namespace,
            metric_name=watch.metric,
            dimensions=watch.dimensions,
            statistic=watch.statistic if not watch.statistic.startswith("p") else None,
            extended_statistic=watch.statistic if watch.statistic.startswith("p") else None,
            comparison_operator=watch.comparison,
            threshold=watch.threshold,
            period=MINUTE,
            evaluation_periods=watch.minutes,
            datapoints_to_alarm=watch.minutes,
            # Queues and functions that nothing uses report nothing.
            treat_missing_data="notBreaching",
            actions_enabled=self.args.active or watch.standby,
            alarm_actions=[self.args.topic_arn],
            ok_actions=[self.args.topic_arn],
            opts=self.child(),
        )


def _body(watches: Sequence[Watch], region: str) -> pulumi.Output[str]:
    values = pulumi.Output.all(*(value for watch in watches for value in watch.dimensions.values()))
    return values.apply(lambda known: json.dumps({"widgets": list(_widgets(watches, region, iter(known)))}))


def _widgets(watches: Iterable[Watch], region: str, values: Iterator[str]) -> Iterable[dict[str, Any]]:
    """Draw each watch; ``values`` are those of all their dimensions, one after the other."""
    for number, watch in enumerate(watches):
        dimensions = [text for name in watch.dimensions for text in (name, next(values))]
        yield {
            "type": "metric",
            "x": number % COLUMNS * WIDTH,
            "y": number // COLUMNS * HEIGHT,
            "width": WIDTH,
            "height": HEIGHT,
            "properties": {
                "title": watch.name,
                "region": region,
                "view": "timeSeries",
                "period": MINUTE,
                "stat": watch.statistic,
                "metrics": [[watch.namespace, watch.metric, *dimensions]],
                "annotations": {"horizontal": [{"label": watch.tells, "value": watch.threshold}]},
            },
        }


def _publishers(topic: aws.sns.Topic, scope: Scope) -> Iterable[dict[str, Any]]:
    for service in ("cloudwatch", "events", "budgets"):
        yield {
            "Sid": f"{service.capitalize()}MayTell",
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic.arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": scope.environment.account}},
        }


def _tls_only(topic: aws.sns.Topic) -> dict[str, Any]:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": topic.arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
