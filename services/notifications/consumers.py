"""What notifications does with events. Lambda functions call these, not a poller: see lambdas/."""

from uuid import UUID

from services.contracts.events import event_of
from services.contracts.events.directory import PatientMerged
from services.kernel.outbox import Envelope
from services.notifications.domain.feedback import feedback_of
from services.notifications.ports import Store
from services.notifications.usecases.alerting import Alerting
from services.notifications.usecases.disruptions import Disruptions
from services.notifications.usecases.feedback import MailFeedback
from services.notifications.usecases.merging import take_merge
from services.notifications.usecases.planning import Planning
from services.notifications.usecases.projections import record


async def on_appointment(envelope: Envelope, planning: Planning) -> None:
    """Plan and withdraw messages for what happened to an appointment."""
    await planning.take(event_of(envelope))


async def on_offer(envelope: Envelope, planning: Planning) -> None:
    """Plan the message about an offer, or withdraw it when the offer has ended."""
    await planning.take_offer(event_of(envelope))


async def on_break_glass(envelope: Envelope, alerting: Alerting) -> None:
    """Tell the privacy officer of an emergency access."""
    await alerting.take(event_of(envelope), envelope.id)


async def on_disruption(envelope: Envelope, planning: Disruptions) -> None:
    """Plan the message about a visit that cannot take place, or what is told when that has ended."""
    await planning.take(event_of(envelope))


async def on_mail_feedback(envelope: Envelope, feedback: MailFeedback) -> UUID | None:
    """Take what SES tells of a mail; return what is to be told another way now, about which a message was."""
    return await feedback.take(feedback_of(envelope.data))


async def on_directory(envelope: Envelope, store: Store) -> None:
    """Keep what the directory tells of patients, facilities and proxies."""
    event = event_of(envelope)
    if isinstance(event, PatientMerged):
        await take_merge(event, store)
    else:
        await record(event, store)
