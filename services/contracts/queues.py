"""The shapes the topology is declared in: what a queue, a bucket or a clock needs to be said of it, and why.

Names of dead-letter queues and the patterns of rules follow from these, so that nobody writes them a second time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from services.contracts.events.base import Event

BUS = "careslot"
# Where AWS's own services tell what they do: no other bus gets that (EventBridge user guide, "Events from AWS").
AWS_BUS = "default"


@dataclass(frozen=True, slots=True)
class Signals:
    """What a service of AWS tells on the bus AWS_BUS, as it calls it."""

    source: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A queue of ``service``, the events its rule lets in, and the handler (``module:function``) that takes them.

    ``only`` lets in events alone whose data has one of the values in each field named; ``signals`` stands in the place
    of ``events`` where it is AWS that tells. ``runs`` says whether the service's process polls the queue or a Lambda
    function is fed from it; a process waits ``gather_seconds`` after a batch that was not full, so that the next one
    is fuller. A message failing ``max_receives`` times goes to ``<queue>-dlq``, kept ``retention_days`` days.
    ``visibility_seconds`` is at least six times a function's timeout (AWS Lambda developer guide, "Using Lambda with
    Amazon SQS").
    """

    queue: str
    service: str
    events: tuple[type[Event], ...]
    handler: str
    runs: Literal["process", "lambda"] = "process"
    max_receives: int = 5
    visibility_seconds: int = 60
    batch: int = 10
    timeout_seconds: int = 10
    retention_days: int = 14
    gather_seconds: float = 0.0
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    signals: Signals | None = None

    @property
    def dead_letters(self) -> str:
        """Name of the dead-letter queue."""
        return f"{self.queue}-dlq"

    @property
    def bus(self) -> str:
        """The bus its rule is on."""
        return AWS_BUS if self.signals else BUS

    @property
    def event_types(self) -> tuple[str, ...]:
        """The detail-types the rule matches."""
        return self.signals.types if self.signals else tuple(event.TYPE for event in self.events)

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources the rule matches, each once."""
        if self.signals:
            return (self.signals.source,)
        return tuple(sorted({f"careslot.{event.TYPE.partition('.')[0]}" for event in self.events}))

    @property
    def pattern(self) -> Mapping[str, Any]:
        """The rule's event pattern (EventBridge user guide, "Event patterns")."""
        narrowed = {name: list(values) for name, values in self.only.items()}
        return {
            "source": list(self.sources),
            "detail-type": list(self.event_types),
            **({"detail": {"data": narrowed}} if narrowed else {}),
        }


@dataclass(frozen=True, slots=True)
class DirectQueue:
    """A queue of ``service`` that others send to past the bus: rows of outbox channel ``channel``, and why so.

    ``senders`` says whose outbox has the channel; ``handler`` takes many messages at a time. ``max_receives`` is high
    because an entry that cannot be stored for a while must not end among the dead letters. ``gather_seconds`` as with
    a Subscription.
    """

    queue: str
    service: str
    channel: str
    types: tuple[str, ...]
    senders: Literal["every service"]
    handler: str
    reason: str
    max_receives: int = 20
    visibility_seconds: int = 30
    retention_days: int = 14
    gather_seconds: float = 0.0

    @property
    def dead_letters(self) -> str:
        """Name of the dead-letter queue."""
        return f"{self.queue}-dlq"


@dataclass(frozen=True, slots=True)
class LockedBucket:
    """A bucket of ``service`` whose objects nobody can change or delete for ``retention_years`` years, and why.

    S3 Object Lock in compliance mode: not even the account's root user can shorten it.
    """

    name: str
    service: str
    retention_years: int
    reason: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """A Lambda function that EventBridge Scheduler invokes; ``expression`` is Scheduler's own syntax.

    An invocation that Lambda refuses is tried ``retries`` times within ``max_age_seconds``, then it goes to
    ``<name>-dlq``: the next one of the clock does its work as well.
    """

    name: str
    service: str
    expression: str
    handler: str
    timeout_seconds: int = 50
    retries: int = 2
    max_age_seconds: int = 300
    retention_days: int = 14

    @property
    def dead_letters(self) -> str:
        """Name of the dead-letter queue."""
        return f"{self.name}-dlq"
