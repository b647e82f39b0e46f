"""What becomes of a due message: every reason for not sending, and which channel it goes by."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifications.domain.decision import Decision, PutOff, Send, Suppress, Withdraw, decide, wait
from services.notifications.domain.messages import Channel, Kind, Language, Message
from services.notifications.domain.people import CONSENT_BY_DEFAULT, Preferences, Topic
from tests.services.notifications.examples import APPOINTMENT, BOSTON, NOW, PATIENT, RECIPIENT, START

MESSAGE = Message(APPOINTMENT, APPOINTMENT, 1, PATIENT, Kind.REMINDER_3D, START, BOSTON, NOW, "")
UNSAID = Preferences(PATIENT)
TEXTS_FIRST = Preferences(PATIENT, 1, (Channel.SMS, Channel.EMAIL))
TEXTS_ONLY = Preferences(PATIENT, 1, (Channel.SMS,))
NIGHT = datetime(2027, 1, 5, 3, 0, tzinfo=UTC)  # 22:00 in Boston
MORNING = datetime(2027, 1, 5, 13, 0, tzinfo=UTC)  # 08:00 in Boston
EMAIL = Send(Channel.EMAIL, RECIPIENT.email, Language.EN)
TEXT = Send(Channel.SMS, RECIPIENT.phone, Language.EN)


def deciding(preferences: Preferences = UNSAID, texts: tuple[datetime, ...] = (), **given: Any) -> Decision:
    facts: dict[str, Any] = {"message": MESSAGE, "recipient": RECIPIENT, "now": NOW, **given}
    message, recipient = facts.pop("message"), facts.pop("recipient")
    return decide(message, recipient, preferences, texts, **facts)


def test_who_never_said_anything_gets_mail_in_their_language() -> None:
    assert deciding() == EMAIL
    spanish = replace(RECIPIENT, language=Language.ES)
    assert deciding(recipient=spanish) == replace(EMAIL, language=Language.ES)
    assert deciding(Preferences(PATIENT, 1, language=Language.EN), recipient=spanish) == EMAIL


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"now": START}, "visit-started"),
        ({"superseded": True}, "superseded"),
        ({"recipient": replace(RECIPIENT, active=False)}, "recipient-inactive"),
        ({"preferences": Preferences(PATIENT, 1, opted_out=True)}, "opted-out"),
        (
            {"preferences": Preferences(PATIENT, 1, consent={**CONSENT_BY_DEFAULT, Topic.REMINDERS: False})},
            "no-consent",
        ),
        ({"preferences": Preferences(PATIENT, 1, channels=())}, "no-contact"),
        ({"recipient": replace(RECIPIENT, email="", phone="")}, "no-contact"),
        ({"recipient": replace(RECIPIENT, email="nowhere", phone="617-555")}, "no-contact"),
    ],
)
def test_reasons_for_silence(given: dict[str, Any], reason: str) -> None:
    assert deciding(**given) == Suppress(reason)


def test_a_changed_appointment_withdraws_before_anything_else() -> None:
    assert deciding(overtaken=True, now=START) == Withdraw("appointment-changed")


def test_an_unknown_recipient_is_waited_for_ever_longer() -> None:
    assert deciding(recipient=None) == PutOff(NOW + timedelta(minutes=1), "recipient-unknown")
    assert deciding(recipient=None, message=replace(MESSAGE, tries=3)) == PutOff(
        NOW + timedelta(minutes=8), "recipient-unknown"
    )
    assert wait(1000) == timedelta(hours=6)


def test_channels_are_tried_in_order() -> None:
    assert deciding(TEXTS_FIRST) == TEXT
    assert deciding(TEXTS_FIRST, recipient=replace(RECIPIENT, phone="")) == EMAIL


def test_texts_wait_for_the_morning_and_mail_does_not() -> None:
    assert deciding(TEXTS_FIRST, now=NIGHT) == PutOff(MORNING, "quiet-hours")
    assert deciding(now=NIGHT) == EMAIL


def test_the_morning_must_be_before_the_visit() -> None:
    early = replace(MESSAGE, starts_at=MORNING)
    assert deciding(TEXTS_FIRST, message=early, now=NIGHT) == EMAIL
    assert deciding(TEXTS_ONLY, message=early, now=NIGHT) == Suppress("quiet-hours")


def test_the_recipients_own_zone_decides_what_is_night() -> None:
    assert deciding(replace(TEXTS_ONLY, timezone="America/Los_Angeles"), now=NIGHT) == TEXT
    assert deciding(TEXTS_ONLY, recipient=replace(RECIPIENT, timezone="Pacific/Honolulu"), now=NIGHT) == TEXT


def test_a_used_up_limit_goes_by_mail_or_waits() -> None:
    today = (NOW - timedelta(hours=1),)
    assert deciding(TEXTS_FIRST, today) == EMAIL
    assert deciding(TEXTS_ONLY, today) == PutOff(MORNING, "text-limit")
    week = tuple(NOW - timedelta(days=days) for days in (5, 3, 1))
    assert deciding(TEXTS_ONLY, week) == PutOff(MORNING + timedelta(days=1), "text-limit")
    soon = replace(MESSAGE, starts_at=MORNING)
    assert deciding(TEXTS_ONLY, today, message=soon) == Suppress("text-limit")
