"""What notifications tells: that a message left or could not leave, never what it said or to whom."""

from collections.abc import Mapping
from typing import Any, ClassVar

from services.contracts.events.base import Event

# Kinds of messages that tell what becomes of a disrupted visit: with its own id, or with the appointment's.
ABOUT_DISRUPTIONS = ("cancelled", "disruption", "moved", "restored")


# Why a message failed that had left: the address it went to does not work.
BOUNCED = "bounced"


class MessageSent(Event):
    """A message was accepted by its channel's provider."""

    TYPE: ClassVar[str] = "notifications.message-sent.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "message_id": "0197a000-0000-7000-8000-0000000000b1", "appointment_id": "0197a000-0000-7000-8000-00000000000a",
        "kind": "reminder-3d", "channel": "email", "language": "es",
    }  # fmt: skip

    message_id: str
    appointment_id: str
    kind: str
    channel: str
    language: str


class MessageFailed(Event):
    """A message could not be sent; ``reason`` is a code."""

    TYPE: ClassVar[str] = "notifications.message-failed.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "message_id": "0197a000-0000-7000-8000-0000000000b1", "appointment_id": "0197a000-0000-7000-8000-00000000000a",
        "kind": "reminder-3d", "channel": "sms", "language": "en", "reason": "no-consent",
    }  # fmt: skip

    message_id: str
    appointment_id: str
    kind: str
    channel: str
    language: str
    reason: str


class PreferencesChanged(Event):
    """A patient changed how they want to be reached; read them from notifications.

    ``offers`` says whether they may be sent offers of earlier visits now: express consent (47 CFR 64.1200(f)(9)) and
    no opt-out. Missing from events of older publishers, which says nothing.
    """

    TYPE: ClassVar[str] = "notifications.preferences-changed.v1"
    PHI: ClassVar[bool] = True
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"patient_id": "pat-000001", "version": 2, "offers": True}

    patient_id: str
    version: int
    offers: bool | None = None
