"""The bus and what hangs on it: archive, rules, queues and dead letters, all of it from services/contracts/topology.py.

Both regions of a pair declare the same names, so the EventBridge endpoint can replicate from either to the other
(infra/components/failover.py joins them); queues of a waiting region fill and are read when it takes over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.queues import Queue, QueueArgs, dead_letter_queue, dead_letter_watches, queue_policy
from infra.components.watch import Watch
from services.contracts.topology import BUS, DIRECT_QUEUES, SUBSCRIPTIONS, DirectQueue, Subscription

# EventBridge's own defaults, said so that nobody has to know them (user guide, "Retrying event delivery").
RETRY_SECONDS = 24 * 60 * 60
RETRY_ATTEMPTS = 185
BUS_DEAD_LETTERS = f"{BUS}-dlq"
BUS_DEAD_LETTER_DAYS = 14


@dataclass(frozen=True, slots=True)
class EventBusArgs:
    """``key_arn`` is the region's key for PHI; ``age_seconds`` how long an event may wait before somebody is told."""

    key_arn: pulumi.Input[str]
    archive_days: int
    age_seconds: int
    subscriptions: Sequence[Subscription] = SUBSCRIPTIONS
    direct_queues: Sequence[DirectQueue] = DIRECT_QUEUES


class EventBus(Component):
    """A bus with one rule, queue and dead-letter queue a subscription, and the queues that go past it."""

    data_class = "phi"
    bus_arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: EventBusArgs, *, parent: pulumi.Resource | None = None) -> None:
        super().__init__(name, scope, parent=parent)
        self.args = args
        dead = dead_letter_queue(self, BUS_DEAD_LETTERS, args.key_arn, BUS_DEAD_LETTER_DAYS)
        bus = aws.cloudwatch.EventBus(
            name,
            name=BUS,
            description="What services tell each other",
            kms_key_identifier=args.key_arn,
            # Takes what cannot be encrypted or decrypted, when the key is disabled.
            dead_letter_config=aws.cloudwatch.EventBusDeadLetterConfigArgs(arn=dead.arn),
            opts=self.child(protect=scope.environment.protected),
        )
        queue_policy(self, BUS_DEAD_LETTERS, dead, [bus.arn])
        aws.cloudwatch.EventArchive(
            name,
            name=BUS,
            description="Every event of ours, to be replayed",
            event_source_arn=bus.arn,
            event_pattern=json.dumps({"source": [{"prefix": "careslot."}]}),
            retention_days=args.archive_days,
            kms_key_identifier=args.key_arn,
            opts=self.child(),
        )
        self.bus_arn = bus.arn
        self._watches: list[Watch] = [*dead_letter_watches(BUS_DEAD_LETTERS, dead)]
        subscribed = {s.queue: self._subscribe(bus, s) for s in args.subscriptions}
        direct = {queue.queue: self._queue(queue, None) for queue in args.direct_queues}
        self.queues: Mapping[str, Queue] = {**subscribed, **direct}
        self.registered()

    @property
    def watches(self) -> tuple[Watch, ...]:
        """What is worth an alarm here."""
        return (*self._watches, *(watch for queue in self.queues.values() for watch in queue.watches))

    def _subscribe(self, bus: aws.cloudwatch.EventBus, subscription: Subscription) -> Queue:
        name = subscription.queue
        on = bus.name if subscription.bus == BUS else subscription.bus
        rule = aws.cloudwatch.EventRule(
            name,
            name=name,
            event_bus_name=on,
            event_pattern=json.dumps(subscription.pattern),
            state="ENABLED",
            tags={"service": subscription.service},
            opts=self.child(),
        )
        queue = self._queue(subscription, rule.arn)
        aws.cloudwatch.EventTarget(
            name,
            rule=rule.name,
            event_bus_name=on,
            target_id="queue",
            arn=queue.arn,
            retry_policy=aws.cloudwatch.EventTargetRetryPolicyArgs(
                maximum_event_age_in_seconds=RETRY_SECONDS, maximum_retry_attempts=RETRY_ATTEMPTS
            ),
            # The queue's own: whoever mends the queue replays both kinds from one place.
            dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(arn=queue.dead_letters_arn),
            opts=self.child(),
        )
        self._watches.append(
            Watch(
                name=f"{name}-delivery",
                board="queues",
                tells=f"EventBridge cannot deliver to {name}: queue policy or key",
                namespace="AWS/Events",
                metric="FailedInvocations",
                dimensions={"EventBusName": on, "RuleName": rule.name},
                threshold=0,
                statistic="Sum",
            )
        )
        return queue

    def _queue(self, declared: Subscription | DirectQueue, rule_arn: pulumi.Output[str] | None) -> Queue:
        return Queue(
            declared.queue,
            self.scope,
            QueueArgs(
                name=declared.queue,
                dead_letters=declared.dead_letters,
                key_arn=self.args.key_arn,
                visibility_seconds=declared.visibility_seconds,
                max_receives=declared.max_receives,
                retention_days=declared.retention_days,
                age_seconds=self.args.age_seconds,
                rule_arn=rule_arn,
            ),
            service=declared.service,
            parent=self,
        )
