"""Fakes of notifications' ports: a store in memory that rolls back, and providers that do as they are told."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.kernel.audit import AuditEntry
from services.kernel.outbox import Publishable
from services.notifications.domain.messages import (
    REMINDERS,
    Appointment,
    Channel,
    Composed,
    Kind,
    Language,
    LedgerEntry,
    Message,
    MessageRecord,
    State,
)
from services.notifications.domain.people import FacilityZone, Preferences, Proxy, Recipient
from services.notifications.ports import Step


@dataclass
class Row:
    """A planned message and where it stands."""

    message: Message
    send_after: datetime
    state: State = State.PLANNED
    channel: Channel | None = None
    language: Language | None = None
    reason: str = ""
    claimed_at: datetime | None = None
    attempted_at: datetime | None = None
    ledger: list[LedgerEntry] = field(default_factory=list)


@dataclass
class FakeStore:
    """Everything in dictionaries; the unit of work below copies it and puts it back on failure."""

    recipients: dict[str, Recipient] = field(default_factory=dict)
    facilities: dict[str, FacilityZone] = field(default_factory=dict)
    proxies: dict[str, Proxy] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    appointments: dict[UUID, Appointment] = field(default_factory=dict)
    wanted: dict[str, Preferences] = field(default_factory=dict)
    rows: dict[UUID, Row] = field(default_factory=dict)
    events: list[Publishable] = field(default_factory=list)
    entries: list[AuditEntry] = field(default_factory=list)
    disrupted: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)

    async def keep_recipient(self, recipient: Recipient) -> bool:
        kept = self.recipients.get(recipient.patient_id)
        if kept and kept.version >= recipient.version:
            return False
        self.recipients[recipient.patient_id] = recipient
        return True

    async def keep_facility(self, facility: FacilityZone) -> bool:
        kept = self.facilities.get(facility.facility_id)
        if kept and kept.version >= facility.version:
            return False
        self.facilities[facility.facility_id] = facility
        return True

    async def keep_proxy(self, proxy: Proxy) -> bool:
        kept = self.proxies.get(proxy.proxy_id)
        if kept and kept.version >= proxy.version:
            return False
        self.proxies[proxy.proxy_id] = proxy
        return True

    async def keep_appointment(self, appointment: Appointment) -> bool:
        kept = self.appointments.get(appointment.appointment_id)
        if kept and kept.version >= appointment.version:
            return False
        self.appointments[appointment.appointment_id] = appointment
        return True

    async def keep_merge(self, replaced_id: str, survivor_id: str, version: int) -> None:
        self.aliases[replaced_id] = survivor_id

    async def current_id(self, patient_id: str) -> str:
        return self.aliases.get(patient_id, patient_id)

    async def carry_over(self, appointment_id: UUID, version: int) -> None:
        for row in self.rows.values():
            if row.message.appointment_id == appointment_id and row.state is State.PLANNED:
                row.message = replace(row.message, appointment_version=version)

    async def kinds_of(self, appointment_id: UUID) -> frozenset[Kind]:
        return frozenset(r.message.kind for r in self.rows.values() if r.message.appointment_id == appointment_id)

    async def recipient(self, patient_id: str, *, lock: bool = False) -> Recipient | None:
        found = self.recipients.get(self.aliases.get(patient_id, patient_id))
        return replace(found, email="", returned=True) if found and found.email.lower() in self.unusable else found

    async def facility_timezone(self, facility_id: str) -> str | None:
        facility = self.facilities.get(facility_id)
        return facility.timezone if facility else None

    async def proxies_of(self, patient_id: str, now: datetime) -> frozenset[str]:
        return frozenset(
            p.person for p in self.proxies.values() if p.patient_id == patient_id and p.active and p.expires_at > now
        )

    async def plan(self, messages: Sequence[Message], at: datetime) -> int:
        known = {(r.message.appointment_id, r.message.kind, r.message.appointment_version) for r in self.rows.values()}
        new = [m for m in messages if (m.appointment_id, m.kind, m.appointment_version) not in known]
        for m in new:
            self.rows[m.message_id] = Row(m, m.due_at, ledger=[LedgerEntry("planned", at, "", "")])
        return len(new)

    async def withdraw(self, appointment_id: UUID, before_version: int, at: datetime, reason: str) -> int:
        stale = [
            row
            for row in self.rows.values()
            if row.message.appointment_id == appointment_id and row.message.appointment_version < before_version
            if row.state is State.PLANNED
        ]
        for row in stale:
            row.state, row.reason = State.WITHDRAWN, reason
            row.ledger.append(LedgerEntry("withdrawn", at, "", reason))
        return len(stale)

    async def next_due(self, until: datetime, appointments: Collection[UUID] | None) -> Message | None:
        due = [
            row
            for row in self.rows.values()
            if row.state is State.PLANNED and row.send_after <= until
            if appointments is None or row.message.appointment_id in appointments
        ]
        return min(due, key=lambda row: row.send_after).message if due else None

    async def overtaken(self, message: Message) -> bool:
        kept = self.appointments.get(message.appointment_id)
        off = message.kind in REMINDERS and (message.appointment_id, 1) in self.disrupted.values()
        return off or (kept is not None and kept.version > message.appointment_version)

    async def keep_disrupted(self, visit_id: UUID, appointment_id: UUID, version: int) -> bool:
        _, kept = self.disrupted.get(visit_id, (appointment_id, 0))
        if kept >= version:
            return False
        self.disrupted[visit_id] = (appointment_id, version)
        return True

    async def may_have_left(self, about: UUID, kind: Kind) -> bool:
        left = {State.SENDING, State.SENT, State.UNKNOWN}
        return any(
            row.message.appointment_id == about and row.message.kind is kind and row.state in left
            for row in self.rows.values()
        )

    async def later_reminder_due(self, message: Message, until: datetime) -> bool:
        return any(
            row.message.appointment_id == message.appointment_id
            and row.message.appointment_version == message.appointment_version
            and row.message.kind in REMINDERS
            and message.due_at < row.message.due_at <= until
            and row.state in {State.PLANNED, State.SENDING, State.SENT, State.UNKNOWN}
            for row in self.rows.values()
        )

    async def texts_since(self, patient_id: str, since: datetime) -> Sequence[datetime]:
        return [
            row.attempted_at
            for row in self.rows.values()
            if row.message.patient_id == patient_id and row.channel is Channel.SMS
            if row.attempted_at is not None and row.attempted_at > since
            if row.state in {State.SENDING, State.SENT, State.UNKNOWN}
        ]

    async def step(self, message_id: UUID, step: Step) -> bool:
        row = self.rows[message_id]
        if row.state not in step.origins:
            return False
        row.state, row.reason = step.state, step.reason
        row.channel, row.language = step.channel or row.channel, step.language or row.language
        row.send_after = step.send_after or row.send_after
        if step.claimed_at:
            row.claimed_at, row.attempted_at = step.claimed_at, step.at
        if step.state is State.PLANNED:
            row.message = replace(row.message, tries=row.message.tries + 1)
        row.ledger.append(LedgerEntry(step.state, step.at, row.channel or "", step.reason))
        return True

    async def message(self, message_id: UUID) -> Message | None:
        row = self.rows.get(message_id)
        return row.message if row else None

    async def give_up_address(self, address: str, reason: str, at: datetime) -> None:
        self.unusable[address] = reason

    async def stuck(self, claimed_before: datetime) -> Sequence[Message]:
        return [
            row.message
            for row in self.rows.values()
            if row.state is State.SENDING and row.claimed_at is not None and row.claimed_at < claimed_before
        ]

    async def messages_of(self, patient_id: str, before: UUID | None, limit: int) -> Sequence[MessageRecord]:
        rows = [
            row
            for row in self.rows.values()
            if row.message.patient_id == patient_id and (before is None or row.message.message_id < before)
        ]
        rows.sort(key=lambda row: row.message.message_id, reverse=True)
        return [
            MessageRecord(r.message, r.state, r.channel, r.language, r.reason, tuple(r.ledger)) for r in rows[:limit]
        ]

    async def preferences(self, patient_id: str) -> Preferences:
        return self.wanted.get(patient_id, Preferences(patient_id))

    async def keep_preferences(self, preferences: Preferences, at: datetime) -> bool:
        if (await self.preferences(preferences.patient_id)).version != preferences.version - 1:
            return False
        self.wanted[preferences.patient_id] = preferences
        return True

    async def publish(self, events: Sequence[Publishable], at: datetime) -> None:
        self.events += events

    async def audit(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    def kinds(self, state: State) -> list[Kind]:
        """Return the kinds of the messages in ``state``, in order of planning."""
        return [row.message.kind for row in self.rows.values() if row.state is state]

    def told(self) -> list[str]:
        """Return the types of the events published so far, without service and version."""
        return [event.type.split(".")[1] for event in self.events]


class FakeWork:
    """Transactions on a FakeStore, one at a time; what fails leaves no trace."""

    def __init__(self, store: FakeStore | None = None) -> None:
        self.store = store or FakeStore()
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[FakeStore]:
        async with self._lock:
            before = copy.deepcopy(self.store.__dict__)
            try:
                yield self.store
            except BaseException:
                self.store.__dict__.update(before)
                raise


@dataclass
class FakeSender:
    """Keeps what it is given; ``answers`` are raised one after another first."""

    answers: list[BaseException] = field(default_factory=list)
    sent: list[tuple[str, Composed]] = field(default_factory=list)
    tried: int = 0

    async def send(self, to: str, composed: Composed, message_id: UUID) -> str:
        self.tried += 1
        await asyncio.sleep(0)
        if self.answers:
            raise self.answers.pop(0)
        self.sent.append((to, composed))
        return f"provider-{len(self.sent)}"


class FakeComposer:
    """Says which message it is; ``broken`` kinds cannot be put into words."""

    def __init__(self, broken: Collection[Kind] = ()) -> None:
        self.broken = broken

    def compose(self, kind: Kind, channel: Channel, language: Language, starts_at: datetime, about: UUID) -> Composed:
        if kind in self.broken:
            raise RuntimeError("no words")
        return Composed(kind, f"{channel} {language} {starts_at.isoformat()}")
