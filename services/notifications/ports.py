"""What the use cases of notifications need from outside: a store in one transaction, words, and ways to send."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.kernel.audit import AuditEntry
from services.kernel.outbox import Publishable
from services.notifications.domain.messages import (
    Appointment,
    Channel,
    Composed,
    Kind,
    Language,
    Message,
    MessageRecord,
    State,
)
from services.notifications.domain.people import FacilityZone, Preferences, Proxy, Recipient


@dataclass(frozen=True, slots=True)
class Step:
    """A message goes from one of ``origins`` to ``state``; it is written to the ledger in the same breath.

    ``at`` is the time the rules were applied at, ``claimed_at`` the time on the wall when sending began. None and ""
    leave what the message has.
    """

    origins: frozenset[State]
    state: State
    at: datetime
    reason: str = ""
    channel: Channel | None = None
    language: Language | None = None
    send_after: datetime | None = None
    claimed_at: datetime | None = None
    provider_id: str = ""


class Projections(Protocol):
    """What other services told; of every record the highest version is kept. Bound to one transaction."""

    async def keep_recipient(self, recipient: Recipient) -> bool:
        """Keep it if it is newer; return whether it was."""
        ...

    async def keep_facility(self, facility: FacilityZone) -> bool:
        """Keep it if it is newer; return whether it was."""
        ...

    async def keep_proxy(self, proxy: Proxy) -> bool:
        """Keep it if it is newer; return whether it was."""
        ...

    async def keep_appointment(self, appointment: Appointment) -> bool:
        """Keep it if it is newer; return whether it was."""
        ...

    async def keep_merge(self, replaced_id: str, survivor_id: str, version: int) -> None:
        """Keep that one patient stands for another now, unless something newer is known."""
        ...

    async def current_id(self, patient_id: str) -> str:
        """Return the id that stands for the patient now: itself, unless the record was replaced."""
        ...

    async def recipient(self, patient_id: str, *, lock: bool = False) -> Recipient | None:
        """Return the recipient, locked until the transaction ends if ``lock``; without an address given up."""
        ...

    async def give_up_address(self, address: str, reason: str, at: datetime) -> None:
        """Remember that no mail is to go to ``address`` (in small letters) any more."""
        ...

    async def facility_timezone(self, facility_id: str) -> str | None:
        """Return the facility's zone, None when it is not known yet."""
        ...

    async def proxies_of(self, patient_id: str, now: datetime) -> frozenset[str]:
        """Return the persons who may act for the patient at ``now``."""
        ...


class Messages(Protocol):
    """Planned messages and their ledger. Bound to one transaction."""

    async def plan(self, messages: Sequence[Message], at: datetime) -> int:
        """Add ``messages`` at ``at``; those planned before stay as they are. Return how many were added."""
        ...

    async def withdraw(self, appointment_id: UUID, before_version: int, at: datetime, reason: str) -> int:
        """Withdraw what is still planned about earlier versions of the appointment; return how many."""
        ...

    async def carry_over(self, appointment_id: UUID, version: int) -> None:
        """Let what is still planned about the appointment be about its ``version``: nothing of the visit changed."""
        ...

    async def kinds_of(self, appointment_id: UUID) -> frozenset[Kind]:
        """Return which messages about the appointment were ever planned."""
        ...

    async def next_due(self, until: datetime, appointments: Collection[UUID] | None) -> Message | None:
        """Return, locked, a planned message to be sent by ``until`` that nobody else has locked; None if none is left.

        With ``appointments`` only messages about them.
        """
        ...

    async def overtaken(self, message: Message) -> bool:
        """Tell whether the appointment has changed since, or a visit to be reminded of cannot take place as it says."""
        ...

    async def keep_disrupted(self, visit_id: UUID, appointment_id: UUID, version: int) -> bool:
        """Remember that a visit cannot take place, or (version 2) that this has ended; tell whether it was news."""
        ...

    async def may_have_left(self, about: UUID, kind: Kind) -> bool:
        """Tell whether a message of ``kind`` about ``about`` left, or may have."""
        ...

    async def later_reminder_due(self, message: Message, until: datetime) -> bool:
        """Tell whether a reminder of the same visit that is due later is due by ``until``, or has left."""
        ...

    async def texts_since(self, patient_id: str, since: datetime) -> Sequence[datetime]:
        """Return when texts were sent, or may have been, to the patient after ``since``."""
        ...

    async def step(self, message_id: UUID, step: Step) -> bool:
        """Take ``step``; return False when the message is in none of the step's origins."""
        ...

    async def message(self, message_id: UUID) -> Message | None:
        """Return a message, locked until the transaction ends."""
        ...

    async def stuck(self, claimed_before: datetime) -> Sequence[Message]:
        """Return, locked, the messages whose sending began before ``claimed_before`` and never ended."""
        ...

    async def messages_of(self, patient_id: str, before: UUID | None, limit: int) -> Sequence[MessageRecord]:
        """Return the patient's messages, newest first, those with an id below ``before``."""
        ...


class Store(Projections, Messages, Protocol):
    """Everything kept, bound to one transaction."""

    async def preferences(self, patient_id: str) -> Preferences:
        """Return what the patient wants; version 0 when they never said."""
        ...

    async def keep_preferences(self, preferences: Preferences, at: datetime) -> bool:
        """Keep them if the version kept is the one before theirs; return whether it was."""
        ...

    async def publish(self, events: Sequence[Publishable], at: datetime) -> None:
        """Put ``events`` into the outbox."""
        ...

    async def audit(self, entry: AuditEntry) -> None:
        """Put ``entry`` into the outbox, for the audit trail."""
        ...


UnitOfWork = Callable[[], AbstractAsyncContextManager[Store]]


class Composer(Protocol):
    """Puts a message into words."""

    def compose(self, kind: Kind, channel: Channel, language: Language, starts_at: datetime, about: UUID) -> Composed:
        """Return the words; ``starts_at`` is in the zone of the visit."""
        ...


class Refused(Exception):
    """The provider took the request and will never send it; ``reason`` is a code without contact details."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotTaken(Exception):
    """The provider surely did not take the message, but may later."""


class OutcomeUnknown(Exception):
    """Nobody can tell whether the provider took the message."""


class Sender(Protocol):
    """A provider of one channel. It must not repeat a request whose answer it did not see."""

    async def send(self, to: str, composed: Composed, message_id: UUID) -> str:
        """Send, and return the provider's id; raise Refused, NotTaken or OutcomeUnknown."""
        ...
