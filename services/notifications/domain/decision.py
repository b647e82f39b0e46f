"""What becomes of a message that is due: send it, put it off, or leave it, each with its reason."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.contracts.events.notifications import BOUNCED
from services.notifications.domain.messages import Channel, Kind, Language, Message
from services.notifications.domain.people import Preferences, Recipient, topic_of
from services.notifications.domain.quiet_hours import next_allowed
from services.notifications.domain.texting import next_text_at

E164 = re.compile(r"\+[1-9]\d{6,14}")
LONGEST_WAIT = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Send:
    """Send it now to ``to``."""

    channel: Channel
    to: str
    language: Language


@dataclass(frozen=True, slots=True)
class PutOff:
    """Look again at ``until``."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Suppress:
    """Never send it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The appointment is no longer as the message says."""

    reason: str


Decision = Send | PutOff | Suppress | Withdraw


def wait(tries: int) -> timedelta:
    """Return how long to wait after ``tries`` attempts in vain: a minute, doubled each time, at most six hours."""
    return min(timedelta(minutes=2 ** min(tries, 10)), LONGEST_WAIT)


def decide(
    message: Message,
    recipient: Recipient | None,
    preferences: Preferences,
    texts: Collection[datetime],
    *,
    overtaken: bool = False,
    superseded: bool = False,
    now: datetime,
) -> Decision:
    """Decide about ``message`` at ``now``; ``texts`` are the instants of the patient's texts in the last week or so.

    ``overtaken`` says that the appointment changed while the message was in a sender's hands and came back.
    ``superseded`` says that a later reminder of the same visit is due too: after an outage one reminder catches up,
    not all of them at once.
    """
    if overtaken:
        return Withdraw("appointment-changed")
    if now >= message.starts_at:
        return Suppress("offer-ended" if message.kind is Kind.OFFER else "visit-started")
    if superseded:
        return Suppress("superseded")
    if recipient is None:
        # The directory's event may still be on its way; events of two services come in any order.
        return PutOff(now + wait(message.tries), "recipient-unknown")
    if not recipient.active:
        return Suppress("recipient-inactive")
    if preferences.opted_out:
        return Suppress("opted-out")
    if not preferences.consent.get(topic_of(message.kind), False):
        return Suppress("no-consent")
    return _by_channel(message, recipient, preferences, texts, now)


def _by_channel(
    message: Message, recipient: Recipient, preferences: Preferences, texts: Collection[datetime], now: datetime
) -> Decision:
    """Take the first channel that may be used before the visit.

    Quiet hours are waited out, because the patient prefers texts; a used-up limit is not, because the next channel
    can tell it today.
    """
    later: Decision = Suppress(BOUNCED if recipient.returned else "no-contact")
    for channel in preferences.channels:
        to = contact(recipient, channel)
        if not to:
            continue
        language = preferences.language_for(recipient)
        if channel is not Channel.SMS:
            return Send(channel, to, language)
        zone = ZoneInfo(preferences.timezone_for(recipient))
        at = next_text_at(texts, now, zone)
        if at <= now:
            return Send(channel, to, language)
        quiet = at == next_allowed(now, zone)
        reason = "quiet-hours" if quiet else "text-limit"
        later = PutOff(at, reason) if at < message.starts_at else Suppress(reason)
        if quiet and isinstance(later, PutOff):
            return later
    return later


def contact(recipient: Recipient, channel: Channel) -> str:
    """Return the address of ``channel``, "" when there is none that could work."""
    if channel is Channel.EMAIL:
        return recipient.email if "@" in recipient.email else ""
    return recipient.phone if E164.fullmatch(recipient.phone) else ""
