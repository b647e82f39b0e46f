"""Function: what SES tells of mails that came back or were called junk reaches the delivery ledger."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kernel.database import Connection
from services.kernel.inbox import take_once
from services.kernel.outbox import Envelope
from services.notifications.adapters.postgres import PostgresStore
from services.notifications.consumers import on_mail_feedback
from services.notifications.lambdas.batch import BatchResponse, take_batch
from services.notifications.lambdas.telling import deliver_about
from services.notifications.lambdas.worker import Worker, current
from services.notifications.usecases.feedback import MailFeedback

QUEUE = "notifications-mail-feedback"


def handler(event: Mapping[str, Any], context: object) -> BatchResponse:
    """Take a batch of SES's events from SQS; report those that failed."""
    worker = current()
    return worker.run(take_mail_feedback(worker, event, context))


async def take_mail_feedback(worker: Worker, event: Mapping[str, Any], context: object = None) -> BatchResponse:
    """Take every event once, then send what has to go another way."""
    touched: set[UUID] = set()

    def bind(connection: Connection) -> MailFeedback:
        return MailFeedback(PostgresStore(connection), worker.clock)

    async def handle(envelope: Envelope, feedback: MailFeedback) -> None:
        about = await on_mail_feedback(envelope, feedback)
        if about is not None:
            touched.add(about)

    async def take(envelope: Envelope) -> None:
        await take_once(worker.database, QUEUE, envelope, handle, bind)

    response = await take_batch(event, QUEUE, take, told_by_aws)
    await deliver_about(worker, touched, context)
    return response


def told_by_aws(message: Mapping[str, Any]) -> Envelope:
    """Read an event that a service of AWS put on the bus: its id is in the wrapper, its detail is all data."""
    return Envelope(
        id=UUID(message["id"]),
        type=str(message["detail-type"]),
        source=str(message["source"]),
        occurred_at=datetime.fromisoformat(message["time"]),
        correlation_id="",
        data=dict(message["detail"]),
    )
