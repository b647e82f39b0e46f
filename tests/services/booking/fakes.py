"""Ports in memory, one a port, for use cases without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.booking.domain.appointment import Appointment, expire
from services.booking.domain.claims import SlotTaken, Taken, claims_of, keys_to_look_at
from services.booking.ports import Answer, Decide, Look, Question, Replay, Stored, Writing
from services.contracts.slot_offer import SlotOffer
from services.kernel.audit import AuditEntry


@dataclass
class FakeRegister:
    """The register as dictionaries. `rivals` are appointments that commit first, one before each of our commits."""

    appointments: dict[UUID, Appointment] = field(default_factory=dict)
    answers: dict[tuple[str, str], Stored] = field(default_factory=dict)
    proxies: frozenset[str] = frozenset()
    patient_active: bool = True
    blocked: bool = False
    rivals: list[Appointment] = field(default_factory=list)
    written: list[Writing] = field(default_factory=list)
    audited: list[AuditEntry] = field(default_factory=list)
    looks: int = 0

    async def look(self, question: Question) -> Look:
        """See `ports.Register`."""
        self.looks += 1
        asked = question.submission
        return Look(
            stored=self.answers.get((asked.subject, asked.key)) if asked else None,
            appointment=self.appointments.get(question.appointment_id) if question.appointment_id else None,
            proxies=self.proxies,
            patient_active=self.patient_active,
            blocked=self.blocked,
            taken=self._taken(question.offer, question.patient_id),
        )

    async def carry_out(self, question: Question, decide: Decide) -> Answer:
        """See `ports.Register`."""
        for _ in range(12):
            seen = dict(self.appointments)
            verdict = decide(await self.look(question))
            if isinstance(verdict, Replay):
                self.audited.append(verdict.audit)
                return verdict.answer
            if self.rivals:
                rival = self.rivals.pop(0)
                self.appointments[rival.id] = rival
            if self.appointments == seen:
                return self._write(question, verdict)
        raise SlotTaken

    async def end_expired(self, now: datetime, limit: int) -> int:
        """See `ports.Register`."""
        due = [a for a in self.appointments.values() if a.hold_expires_at and a.hold_expires_at <= now][:limit]
        self.appointments |= {a.id: expire(a, now).after for a in due}
        return len(due)

    def _write(self, question: Question, writing: Writing) -> Answer:
        assert question.submission is not None
        for id_ in writing.expired:
            self.appointments[id_] = expire(self.appointments[id_], question.now).after
        self.appointments[writing.change.after.id] = writing.change.after
        key = (question.submission.subject, question.submission.key)
        self.answers[key] = Stored(question.submission.fingerprint, writing.answer)
        self.written.append(writing)
        self.audited += writing.audit
        return writing.answer

    def _taken(self, offer: SlotOffer | None, patient_id: str | None) -> tuple[Taken, ...]:
        if offer is None or patient_id is None:
            return ()
        keys = set(keys_to_look_at(patient_id, offer))
        return tuple(
            Taken(claim.key, standing.id, standing.hold_expires_at)
            for standing in self.appointments.values()
            if standing.status != "cancelled"
            and standing.place.starts_at < offer.ends_at
            and offer.starts_at < standing.place.ends_at
            for claim in claims_of(standing.patient_id, standing.place.resources)
            if claim.key in keys
        )


class FakePlaces:
    """Says what is free from two sets of taken slot ids."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.busy: set[str] = set()

    async def free_of(self, offers: Sequence[SlotOffer], now: datetime) -> frozenset[str]:
        """Return those not taken."""
        return frozenset(slot.slot_id for slot in offers) - self.taken

    async def patient_free(self, patient_id: str, offers: Sequence[SlotOffer], now: datetime) -> frozenset[str]:
        """Return those at which the patient is not busy."""
        return frozenset(slot.slot_id for slot in offers) - self.busy


def rival_of(appointment: Appointment, id_: UUID, patient_id: str) -> Appointment:
    """Return somebody else's appointment in the same place."""
    return replace(appointment, id=id_, patient_id=patient_id)
