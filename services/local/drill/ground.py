"""Where probes stand: the platform's front door as a scheduler uses it, its databases, its queues, its mailboxes.

A drill looks into the stores directly, because what is down cannot be asked what it holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg

from services.contracts.topology import DIRECT_QUEUES, SUBSCRIPTIONS
from services.local.aws import Aws
from services.local.dead_letters import DeadLetters
from services.local.demo.client import Appointment, Person, eventually, expected
from services.local.drill.load import SPECIALTY, Load
from services.local.state import PlatformState

SENDER = "notifications-send-due"
UNSENT = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"
UNSENT_AUDIT = UNSENT + " AND channel = 'audit'"


class Ground:
    """One platform under drill. Its methods block: call them in a thread of their own."""

    def __init__(self, state: PlatformState, load: Load) -> None:
        self.state = state
        self.load = load
        self.aws = Aws(state.emulator)
        self.scheduler = Person(state, "scheduler")

    def rows(self, service: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a service's own database says."""
        with psycopg.connect(self.state.databases[service], autocommit=True) as connection:
            return connection.execute(query, values or None).fetchall()

    def one(self, service: str, query: str, *values: object) -> int:
        """Return a single count."""
        return int(self.rows(service, query, *values)[0][0])

    def everywhere(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of all databases together."""
        return [row for service in self.state.databases for row in self.rows(service, query, *values)]

    def waiting(self, service: str = "") -> int:
        """Return what lies in the queues of ``service``; of all services, what lies in outboxes as well."""
        queues = [s.queue for s in SUBSCRIPTIONS if service in {"", s.service}]
        queues += [d.queue for d in DIRECT_QUEUES if service in {"", d.service}]
        unsent = 0 if service else sum(count for (count,) in self.everywhere(UNSENT))
        return unsent + sum(self.depth(queue) for queue in queues)

    def depth(self, queue: str) -> int:
        """Return how many messages a queue holds, visible or in someone's hands."""
        url = self.aws.sqs.get_queue_url(QueueName=self.state.queue_prefix + queue)["QueueUrl"]
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)  # type: ignore[arg-type]
        return sum(int(value) for value in found["Attributes"].values())

    def dead_letters(self) -> int:
        """Return how many messages failed too often, in all queues."""
        return sum(DeadLetters(self.aws.sqs, self.state.queue_prefix).counts().values())

    def slots(self, count: int, days: int, length: int = 10) -> list[dict[str, Any]]:
        """Return free slots from ``days`` ahead, at different hours, that the load leaves alone."""
        starts = datetime.now(UTC) + timedelta(days=days)
        window = {"from": starts.isoformat(), "to": (starts + timedelta(days=length)).isoformat()}
        found = self.scheduler.slots(specialty=SPECIALTY, limit=100, **window)
        chosen: dict[str, dict[str, Any]] = {}
        for slot in found:
            if all(resource["depth"] == 1 for resource in slot["slot"]["resources"]):
                chosen.setdefault(slot["slot"]["starts_at"][:13] + slot["slot"]["clinician_id"], slot)
        for slot in chosen.values():
            self.load.reserve(slot)
        return list(chosen.values())[: 3 * count]

    def book(self, slots: Sequence[Mapping[str, Any]], count: int, patients: Sequence[str]) -> list[Appointment]:
        """Book ``count`` of the slots, each for another patient; raise StoryFault when fewer can be had."""
        made: list[Appointment] = []
        answer: httpx.Response | None = None
        for slot in slots:
            if len(made) == count:
                break
            body = {"offer": slot["offer"], "patient_id": patients[len(made)]}
            answer = self.scheduler.command("/booking/appointments", body)
            if answer.status_code != 409:
                made.append(Appointment.of(expected(answer, 201)))
        if len(made) < count:
            expected(answer or self.scheduler.http.get("/availability/slots"), 201)
        return made

    def cancel(self, appointments: Sequence[Appointment]) -> None:
        """Call appointments off."""
        for appointment in appointments:
            self.scheduler.change(appointment, "cancel", {"reason": "other"})

    def first_reminders(self, appointments: Sequence[Appointment]) -> list[tuple[str, datetime]]:
        """Wait until each has reminders planned; return the first of each: its id and when it is due."""
        query = (
            "SELECT DISTINCT ON (appointment_id) message_id::text, due_at FROM messages "
            "WHERE appointment_id = ANY(%s::uuid[]) AND kind LIKE 'reminder-%%' AND state = 'planned' "
            "ORDER BY appointment_id, due_at"
        )
        ids = [appointment.id for appointment in appointments]

        def planned() -> list[tuple[str, datetime]] | None:
            found = self.rows("notifications", query, ids)
            return [(row[0], row[1]) for row in found] if len(found) == len(ids) else None

        return eventually(planned, "reminders planned", 60)

    def send_due(self, until: datetime, times: int = 1) -> None:
        """Invoke the sender as EventBridge Scheduler would at ``until``, ``times`` at once."""
        event = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "time": until.isoformat(), "detail": "{}"}

        def invoke(_: int) -> None:
            self.aws.functions.invoke(FunctionName=SENDER, Payload=json.dumps(event).encode())["Payload"].read()

        with ThreadPoolExecutor(times) as threads:
            list(threads.map(invoke, range(times)))

    def sent_once(self, messages: Sequence[str]) -> int:
        """Return how many of the messages the ledger says were sent exactly once."""
        return self.one(
            "notifications",
            "SELECT count(*) FROM (SELECT message_id FROM deliveries WHERE state = 'sent' "
            "AND message_id = ANY(%s::uuid[]) GROUP BY 1 HAVING count(*) = 1) AS once", list(messages),
        )  # fmt: skip

    def mails(self) -> int:
        """Return how many e-mails the emulated SES has accepted so far."""
        answer = httpx.get(f"{self.state.emulator}/_ministack/ses/messages", timeout=10.0).raise_for_status()
        return sum(len(account) for account in answer.json()["messages"].values())

    def sent_mails(self) -> int:
        """Return how many e-mails the delivery ledger says were sent."""
        return self.one("notifications", "SELECT count(*) FROM deliveries WHERE state = 'sent' AND channel = 'email'")
