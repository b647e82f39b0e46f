"""Buses, rules, queues, topics and schedules: encrypted, closed to strangers, and nothing is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator

from policies.rules.documents import allows, anyone, conditions, refuses_plain_text, statements
from policies.rules.judging import Book, phi
from policies.rules.reading import View

BOOK = Book()
RULES = BOOK.rules
QUEUE = "aws:sqs/queue:Queue"
BUS = "aws:cloudwatch/eventBus:EventBus"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
SCHEDULE = "aws:scheduler/schedule:Schedule"
TOPIC = "aws:sns/topic:Topic"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
BUS_POLICY = "aws:cloudwatch/eventBusPolicy:EventBusPolicy"
MOST_TRIES = 50
FOURTEEN_DAYS = 14 * 24 * 3600
# Where something else names the queue that takes what it could not deliver.
DEAD_LETTERS = {
    QUEUE: "redrivePolicy",
    TARGET: "deadLetterConfig",
    BUS: "deadLetterConfig",
    SCHEDULE: "target",
    "aws:lambda/function:Function": "deadLetterConfig",
    "aws:sns/topicSubscription:TopicSubscription": "redrivePolicy",
}


def takes_dead_letters(queue: View) -> bool:
    """Say whether a queue is where others put what they could not deliver."""
    return any(
        queue in other.named(path, QUEUE) for type_, path in DEAD_LETTERS.items() for other in queue.about(type_)
    )


@BOOK.rule(
    "queue-encrypted", "Queues are encrypted by a key of ours", QUEUE, scope="stack",
    remedy="Set kms_master_key_id to the region's key for PHI.",
)  # fmt: skip
def _queue_encrypted(queue: View) -> Iterator[str]:
    if not queue.given("kmsMasterKeyId"):
        yield "no key of ours encrypts its messages"


@BOOK.rule(
    "queue-dead-letters", "Every queue has a dead-letter queue, or is one", QUEUE, scope="stack",
    when=lambda queue: not takes_dead_letters(queue),
    remedy="Set redrive_policy with a dead-letter queue and maxReceiveCount; declare it in the topology.",
)  # fmt: skip
def _dead_letters(queue: View) -> Iterator[str]:
    if not queue.given("redrivePolicy"):
        yield "a message that cannot be handled comes again until it is thrown away"
    elif not queue.at("redrivePolicy").unknown:
        policy = queue["redrivePolicy"]
        times = int(json.loads(policy).get("maxReceiveCount", 0))
        if not 1 <= times <= MOST_TRIES:
            yield f"a message that cannot be handled comes {times} times"


@BOOK.rule(
    "dead-letters-kept", "Dead letters wait for two weeks", QUEUE, scope="stack", when=takes_dead_letters,
    remedy="Set message_retention_seconds to 1209600.",
)  # fmt: skip
def _kept(queue: View) -> Iterator[str]:
    if (seconds := queue.number("messageRetentionSeconds", 345600)) < FOURTEEN_DAYS:
        yield f"dead letters are thrown away after {seconds / 86400:.0f} days"


@BOOK.rule(
    "queue-tls-only", "Queues answer over TLS alone", QUEUE, scope="stack",
    remedy="Add a QueuePolicy that denies everybody where aws:SecureTransport is false.",
)  # fmt: skip
def _queue_tls(queue: View) -> Iterator[str]:
    if not any(refuses_plain_text(policy, "policy") for policy in queue.about(QUEUE_POLICY)):
        yield "answers over plain HTTP"


@BOOK.rule(
    "messages-from-known-senders", "Nobody unknown may send to a queue, a topic or a bus",
    QUEUE_POLICY, TOPIC_POLICY, BUS_POLICY,
    remedy="Name the service as principal and bind it by aws:SourceArn or aws:SourceAccount.",
)  # fmt: skip
def _senders(policy: View) -> Iterator[str]:
    binding = {"aws:sourcearn", "aws:sourceaccount", "aws:principalorgid", "aws:sourceorgid", "aws:principalaccount"}
    for statement in statements(policy, "policy"):
        strangers = anyone(statement) or statement["Principal.Service"]
        if allows(statement) and strangers and not binding & conditions(statement).keys():
            yield f"{statement['Sid'] or 'a statement'} lets anybody send"


@BOOK.rule(
    "topic-encrypted", "Topics are encrypted by a key of ours", TOPIC, scope="stack",
    remedy="Set kms_master_key_id.",
)  # fmt: skip
def _topic_encrypted(topic: View) -> Iterator[str]:
    if not topic.given("kmsMasterKeyId"):
        yield "no key of ours encrypts what it tells"


@BOOK.rule(
    "topic-tls-only", "Topics take messages over TLS alone", TOPIC, scope="stack",
    remedy="Add a TopicPolicy that denies everybody where aws:SecureTransport is false.",
)  # fmt: skip
def _topic_tls(topic: View) -> Iterator[str]:
    if not any(refuses_plain_text(policy, "policy") for policy in topic.about(TOPIC_POLICY)):
        yield "takes messages over plain HTTP"


@BOOK.rule(
    "bus-encrypted", "Event buses and their archives are encrypted by a key of ours",
    BUS, "aws:cloudwatch/eventArchive:EventArchive", scope="stack",
    remedy="Set kms_key_identifier to the key for PHI.",
)  # fmt: skip
def _bus_encrypted(bus: View) -> Iterator[str]:
    if not bus.given("kmsKeyIdentifier"):
        yield "no key of ours encrypts its events"


@BOOK.rule(
    "bus-archived", "Events can be replayed: a bus has an archive, which ends", BUS, scope="stack",
    remedy="Add an EventArchive with retention_days.",
)  # fmt: skip
def _archived(bus: View) -> Iterator[str]:
    archives = bus.about("aws:cloudwatch/eventArchive:EventArchive")
    if not archives:
        yield "what was not delivered cannot be replayed"
    if any(archive.number("retentionDays") == 0 for archive in archives):
        yield "its archive keeps PHI for ever"


@BOOK.rule(
    "target-dead-letters", "What a rule cannot deliver is kept", TARGET, BUS, scope="stack",
    remedy="Set dead_letter_config.",
)  # fmt: skip
def _target(target: View) -> Iterator[str]:
    if not target.given("deadLetterConfig.arn"):
        yield "what cannot be delivered is lost"


@BOOK.rule(
    "schedule-dead-letters", "What a schedule cannot start is kept, and its payload encrypted by a key of ours",
    SCHEDULE, scope="stack", when=phi,
    remedy="Set target.dead_letter_config and kms_key_arn.",
)  # fmt: skip
def _schedule(schedule: View) -> Iterator[str]:
    if not schedule.given("target.deadLetterConfig.arn"):
        yield "what it cannot start is lost"
    if not schedule.given("kmsKeyArn"):
        yield "its payload is under AWS's own key"
