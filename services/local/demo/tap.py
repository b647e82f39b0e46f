"""Listens to the bus like any other consumer: a rule and a queue of its own, removed again at the end.

What is heard is what a service would have heard; the tap takes nothing away from the others.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from services.local.aws import Aws

WAIT_SECONDS = 1
TARGET = "tap"


@dataclass(frozen=True, slots=True)
class Heard:
    """An event as it arrived; ``milliseconds`` from the instant it tells of to its arrival here."""

    type: str
    event_id: str
    data: Mapping[str, Any]
    milliseconds: float
    trace: str

    @classmethod
    def read(cls, body: str, now: datetime) -> Heard:
        """Read what EventBridge delivers to a queue."""
        detail = json.loads(body)["detail"]
        occurred = datetime.fromisoformat(detail["occurred_at"])
        return cls(
            type=str(detail["type"]),
            event_id=str(detail["id"]),
            data=detail["data"],
            milliseconds=(now - occurred).total_seconds() * 1000,
            trace=str(detail["correlation_id"]),
        )


class Tap:
    """A temporary subscription to everything on the bus; ``tell`` is called from a thread of its own."""

    def __init__(self, aws: Aws, bus: str, tell: Callable[[Heard], None] = lambda _heard: None) -> None:
        self._aws = aws
        self._bus = bus
        self._tell = tell
        self._name = f"careslot-tap-{secrets.token_hex(4)}"
        self._url = ""
        self._heard: list[Heard] = []
        self._news = threading.Condition()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="tap", daemon=True)

    def __enter__(self) -> Self:
        self._url = self._aws.sqs.create_queue(QueueName=self._name)["QueueUrl"]
        arn = self._aws.sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]
        pattern = json.dumps({"source": [{"prefix": "careslot."}]})
        self._aws.events.put_rule(Name=self._name, EventBusName=self._bus, EventPattern=pattern, State="ENABLED")
        self._aws.events.put_targets(
            Rule=self._name, EventBusName=self._bus, Targets=[{"Id": TARGET, "Arn": arn["QueueArn"]}]
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(WAIT_SECONDS + 5)
        with contextlib.suppress(Exception):
            self._aws.events.remove_targets(Rule=self._name, EventBusName=self._bus, Ids=[TARGET])
            self._aws.events.delete_rule(Name=self._name, EventBusName=self._bus)
        with contextlib.suppress(Exception):
            self._aws.sqs.delete_queue(QueueUrl=self._url)

    def heard(self) -> list[Heard]:
        """Return everything heard so far, in order of arrival."""
        with self._news:
            return list(self._heard)

    def wait_for(self, wanted: Callable[[Heard], bool], seconds: float) -> Heard | None:
        """Return the first event heard, now or within ``seconds``, that is ``wanted``; None when none comes."""

        def found() -> Heard | None:
            return next((heard for heard in self._heard if wanted(heard)), None)

        with self._news:
            return self._news.wait_for(found, timeout=seconds)

    def quiet(self, seconds: float) -> None:
        """Wait until nothing has been heard for ``seconds``."""
        with self._news:
            while self._news.wait(seconds):
                pass

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                answer = self._aws.sqs.receive_message(
                    QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_SECONDS
                )
            except Exception:
                self._ended.wait(0.5)
                continue
            now = datetime.now(UTC)
            messages = answer.get("Messages", [])
            for message in messages:
                heard = Heard.read(message["Body"], now)
                with self._news:
                    self._heard.append(heard)
                    self._news.notify_all()
                self._tell(heard)
            if messages:
                entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
                self._aws.sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]
