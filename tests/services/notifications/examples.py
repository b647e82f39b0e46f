"""Events and people of the tests: one patient in Boston, one appointment, told the way booking and directory tell."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.contracts.events.base import Event
from services.contracts.events.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentCheckedIn,
    AppointmentMoved,
)
from services.contracts.events.directory import PatientRecorded
from services.kernel.ids import new_id
from services.kernel.outbox import Envelope
from services.notifications.domain.messages import Language
from services.notifications.domain.people import Recipient

NOW = datetime(2027, 1, 4, 15, 0, tzinfo=UTC)  # a Monday, 10:00 in Boston
START = datetime(2027, 1, 20, 19, 0, tzinfo=UTC)  # 14:00 in Boston
APPOINTMENT = UUID("0197a000-0000-7000-8000-00000000000a")
PATIENT = "pat-000001"
BOSTON = "America/New_York"
RECIPIENT = Recipient(PATIENT, 1, "maria@example.org", "+16175550100", Language.EN, BOSTON, active=True)


def booked(version: int = 1, **changes: Any) -> AppointmentBooked:
    return AppointmentBooked.model_validate({**AppointmentBooked.EXAMPLE, **_facts(version), **changes})


def moved(version: int, **changes: Any) -> AppointmentMoved:
    return AppointmentMoved.model_validate({**AppointmentMoved.EXAMPLE, **_facts(version), **changes})


def cancelled(version: int, **changes: Any) -> AppointmentCancelled:
    facts = {**_facts(version), "status": "cancelled"}
    return AppointmentCancelled.model_validate({**AppointmentCancelled.EXAMPLE, **facts, **changes})


def checked_in(version: int) -> AppointmentCheckedIn:
    return AppointmentCheckedIn.model_validate(
        {**AppointmentCheckedIn.EXAMPLE, **_facts(version), "status": "checked-in"}
    )


def patient(version: int = 1, **changes: Any) -> PatientRecorded:
    return PatientRecorded.model_validate({**PatientRecorded.EXAMPLE, "language": "en", "version": version, **changes})


def _facts(version: int) -> dict[str, Any]:
    return {
        "appointment_id": str(APPOINTMENT), "patient_id": PATIENT, "version": version, "status": "booked",
        "starts_at": START, "ends_at": START + timedelta(minutes=20), "timezone": BOSTON,
    }  # fmt: skip


def envelope(event: Event) -> Envelope:
    return Envelope(new_id(), event.type, event.source, NOW, "a" * 32, event.payload())


def eventbridge(envelope: Envelope) -> dict[str, Any]:
    """Return what EventBridge puts into a queue."""
    return {
        "version": "0", "id": str(new_id()), "detail-type": envelope.type, "source": envelope.source,
        "account": "000000000000", "time": "2027-01-04T15:00:00Z", "region": "us-east-1", "resources": [],
        "detail": json.loads(envelope.detail()),
    }  # fmt: skip


def sqs_batch(*bodies: Envelope | str) -> dict[str, Any]:
    """Return the event of a Lambda function fed from SQS; texts are bodies as they are."""
    texts = [body if isinstance(body, str) else json.dumps(eventbridge(body)) for body in bodies]
    return {
        "Records": [
            {
                "messageId": f"message-{number}", "receiptHandle": "handle", "body": text,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1798988400000"},
                "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue", "awsRegion": "us-east-1",
            }
            for number, text in enumerate(texts)
        ]
    }  # fmt: skip


def failed(response: dict[str, list[dict[str, str]]]) -> list[str]:
    """Return the ids a partial batch response reports."""
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
