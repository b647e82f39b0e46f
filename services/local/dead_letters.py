"""The way back for messages that failed too often: look at them, send them again, or let them go.

What a message carries may be PHI, so only its kind, ids and times are shown unless somebody asks for more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from services.contracts.topology import DIRECT_QUEUES, SUBSCRIPTIONS
from services.kernel.errors import Invalid, NotFound

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

QUEUES = (*(taken.queue for taken in SUBSCRIPTIONS), *(direct.queue for direct in DIRECT_QUEUES))
LOOK_SECONDS = 30
MOST_LOOKED_AT = 10_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message; ``event_id`` is "" when the body is not an event of ours."""

    message_id: str
    event_id: str
    event_type: str
    correlation_id: str
    receives: int
    first_seen: datetime
    occurred_at: str
    body: str = field(repr=False)
    receipt: str = field(repr=False)

    def told(self, *, reveal: bool) -> dict[str, Any]:
        """Return what may be shown: never the event's data unless ``reveal``."""
        facts = {name: value for name, value in asdict(self).items() if name not in {"body", "receipt"}}
        facts["first_seen"] = self.first_seen.isoformat()
        return {**facts, "body": self.body} if reveal else facts

    def called(self, name: str) -> bool:
        """Whether ``name`` is its event's id or the queue's own id for it."""
        return name in {self.event_id, self.message_id}


class DeadLetters:
    """The dead-letter queues of the topology in one account; ``prefix`` as in `declare_bus`."""

    def __init__(self, sqs: SQSClient, prefix: str = "") -> None:
        self._sqs = sqs
        self._prefix = prefix

    def counts(self) -> dict[str, int]:
        """Return how many messages wait in the dead-letter queue of each queue, by the queue's name."""
        return {queue: self._count(queue) for queue in QUEUES}

    def look(self, queue: str) -> list[DeadLetter]:
        """Return every message of ``queue``'s dead letters, oldest first, leaving each where it is."""
        with self._taken(queue) as letters:
            return sorted(letters, key=lambda letter: letter.first_seen)

    def replay(self, queue: str, name: str = "") -> int:
        """Send all, or the one called ``name``, to the source queue again; each leaves here only after it is there."""
        source = self._url(queue_named(queue))

        def send(letter: DeadLetter) -> None:
            self._sqs.send_message(QueueUrl=source, MessageBody=letter.body)

        return self._settle(queue, name, send)

    def drop(self, queue: str, name: str = "") -> int:
        """Delete all, or the one called ``name``, for good."""
        return self._settle(queue, name, lambda _letter: None)

    def _settle(self, queue: str, name: str, first: Callable[[DeadLetter], None]) -> int:
        url = self._url(queue_named(queue) + "-dlq")
        settled: set[str] = set()
        with self._taken(queue, settled) as letters:
            chosen = [letter for letter in letters if not name or letter.called(name)]
            if name and not chosen:
                raise NotFound(f"The dead letters of {queue_named(queue)} hold no message {name}.")
            for letter in chosen:
                first(letter)
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=letter.receipt)
                settled.add(letter.message_id)
        return len(chosen)

    @contextmanager
    def _taken(self, queue: str, settled: set[str] | None = None) -> Iterator[list[DeadLetter]]:
        """Receive every message once, and let go of those that were not settled."""
        url = self._url(queue_named(queue) + "-dlq")
        letters: dict[str, DeadLetter] = {}
        try:
            while len(letters) < MOST_LOOKED_AT and (found := self._receive(url)):
                letters |= {letter.message_id: letter for letter in found}
            yield list(letters.values())
        finally:
            for letter in letters.values():
                if letter.message_id not in (settled or ()):
                    self._sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=letter.receipt, VisibilityTimeout=0)

    def _receive(self, url: str) -> list[DeadLetter]:
        answer = self._sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=LOOK_SECONDS, MessageSystemAttributeNames=["All"]
        )
        return [_letter(message) for message in answer.get("Messages", [])]

    def _count(self, queue: str) -> int:
        found = self._sqs.get_queue_attributes(
            QueueUrl=self._url(f"{queue}-dlq"),
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return sum(int(value) for value in found["Attributes"].values())

    def _url(self, name: str) -> str:
        return self._sqs.get_queue_url(QueueName=self._prefix + name)["QueueUrl"]


def queue_named(name: str) -> str:
    """Return the source queue of that name, which may be given with its ``-dlq``; raise Invalid naming those there."""
    queue = name.removesuffix("-dlq")
    if queue not in QUEUES:
        raise Invalid(f"No queue is called {queue!r}; there are: {', '.join(QUEUES)}.")
    return queue


def _letter(message: MessageTypeDef) -> DeadLetter:
    body = message.get("Body", "")
    detail = _detail(body)
    attributes = message.get("Attributes", {})
    milliseconds = int(attributes.get("SentTimestamp") or attributes.get("ApproximateFirstReceiveTimestamp") or 0)
    return DeadLetter(
        message_id=message.get("MessageId", ""),
        event_id=str(detail.get("id", "")),
        event_type=str(detail.get("type", "not an event")),
        correlation_id=str(detail.get("correlation_id", "")),
        receives=int(attributes.get("ApproximateReceiveCount", "0")),
        first_seen=datetime.fromtimestamp(milliseconds / 1000, UTC),
        occurred_at=str(detail.get("occurred_at", "")),
        body=body,
        receipt=message.get("ReceiptHandle", ""),
    )


def _detail(body: str) -> Mapping[str, Any]:
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError):
        return {}
    return detail if isinstance(detail, dict) else {}
