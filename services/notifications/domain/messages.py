"""What a message is: its kind, its channel, the states it goes through, and the appointment it is about."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """Why a message is sent. The reminders are the cadence of domain.cadence.

    ``offer`` is about an offer of waitlist, not an appointment: the offer's id stands where the appointment's does,
    and its end where the visit's start does, because after it there is nothing left to tell. ``disruption`` (it cannot
    take place, choose another) and ``restored`` (it takes place after all) are about a disrupted visit of booking,
    whose id stands there. ``discreet`` is never planned: it is the wording of whatever is told about a visit that not
    everyone who reads the patient's mail or phone may know of (45 CFR 164.522(b)).
    """

    CONFIRMATION = "confirmation"
    REMINDER_7D = "reminder-7d"
    REMINDER_3D = "reminder-3d"
    REMINDER_1D = "reminder-1d"
    MOVED = "moved"
    CANCELLED = "cancelled"
    OFFER = "offer"
    DISCREET = "discreet"
    DISRUPTION = "disruption"
    RESTORED = "restored"


REMINDERS = frozenset({Kind.REMINDER_7D, Kind.REMINDER_3D, Kind.REMINDER_1D})


class Channel(StrEnum):
    """How a message travels. Voice calls are the voice service's, when there is one."""

    EMAIL = "email"
    SMS = "sms"


class Language(StrEnum):
    """The languages every template exists in (Section 1557 of the Affordable Care Act, 45 CFR 92.201)."""

    EN = "en"
    ES = "es"


class State(StrEnum):
    """Where a message stands.

    ``sending`` is committed before the provider is called. Neither SES SendEmail nor SNS Publish to a phone takes an
    idempotency token, so a message found in ``sending`` after a crash may or may not have left: it becomes
    ``unknown``, is shown to operators and is never sent again. A missing reminder costs less than trust in them.
    """

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    WITHDRAWN = "withdrawn"
    SUPPRESSED = "suppressed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Appointment:
    """What notifications keeps of an appointment; ``timezone`` is that of the place of the visit (IANA name)."""

    appointment_id: UUID
    version: int
    status: str
    patient_id: str
    facility_id: str
    starts_at: datetime
    timezone: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message about one version of an appointment: (appointment_id, kind, appointment_version) is unique.

    The version makes redelivery plan once, and lets an appointment that is moved away and back be reminded of again.
    ``tries`` counts how often it was put off. A ``discreet`` one is worded without visit and time.
    """

    message_id: UUID
    appointment_id: UUID
    appointment_version: int
    patient_id: str
    kind: Kind
    starts_at: datetime
    timezone: str
    due_at: datetime
    correlation_id: str
    tries: int = 0
    discreet: bool = False

    @property
    def wording(self) -> Kind:
        """The kind whose templates put it into words."""
        return Kind.DISCREET if self.discreet else self.kind


@dataclass(frozen=True, slots=True)
class Composed:
    """A message in words; ``subject`` is empty for a text message."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One thing that happened to a message: ``at`` is the time the rules were applied at."""

    state: str
    at: datetime
    channel: str
    reason: str


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message with everything the ledger has about it, oldest first; no contact details."""

    message: Message
    state: State
    channel: Channel | None
    language: Language | None
    reason: str
    ledger: tuple[LedgerEntry, ...]
