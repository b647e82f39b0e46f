"""The register of appointments as use cases see it: what is asked, what was seen, what is to be written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.booking.domain.appointment import Appointment, Change
from services.booking.domain.claims import Taken
from services.booking.domain.freed import FreedSlot
from services.contracts.security_labels import SecurityLabel
from services.contracts.slot_offer import SlotOffer
from services.kernel.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class Submission:
    """One request with an effect: who sends it under which idempotency key, and a hash of what it asks for."""

    subject: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller is told, kept so that a repetition is told the same; ``body`` is JSON-ready."""

    status: int
    body: Mapping[str, Any]
    etag: str


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer given earlier under the same key, and the hash of the request that got it."""

    fingerprint: bytes
    answer: Answer


@dataclass(frozen=True, slots=True)
class Question:
    """What a command wants to see before it decides; None for what it does not touch."""

    now: datetime
    submission: Submission | None = None
    appointment_id: UUID | None = None
    patient_id: str | None = None
    offer: SlotOffer | None = None
    freed_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen, all of it at one moment.

    ``proxies`` are the persons who may act for the patient now, ``confidants`` those of them who know of restricted
    visits; ``label`` is that of the offer's visit type; ``blocked`` says that leave or a closure overlaps the offer;
    ``taken`` holds the claims on the offer's lanes and the patient over the offer's period; ``freed`` is the freed slot
    that is to be taken; ``waiting`` says that somebody waits for a slot like the appointment's; ``late_hours`` is what
    the rule of late cancellation says for the appointment, None where no rule is kept. ``session_open`` says that the
    places of the offered session have been made, ``session_room`` that it has the offered room, ``session_free`` that
    one of its places is free.
    """

    stored: Stored | None = None
    appointment: Appointment | None = None
    proxies: frozenset[str] = frozenset()
    confidants: frozenset[str] = frozenset()
    label: SecurityLabel = SecurityLabel.NORMAL
    patient_active: bool = True
    blocked: bool = False
    taken: tuple[Taken, ...] = ()
    freed: FreedSlot | None = None
    waiting: bool = False
    late_hours: int | None = None
    session_open: bool = False
    session_room: bool = False
    session_free: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """A decision to change something: everything that must commit together.

    The first of ``audit`` names the actor of the history. ``expired`` are holds and freed slots to be ended first,
    ``emptied`` sessions to be closed, because they stand where the change wants to go. ``leaves`` is the freed slot the
    change leaves behind, ``takes`` the one (already as taken) whose place it gets.
    """

    change: Change
    answer: Answer
    audit: tuple[AuditEntry, ...]
    expired: frozenset[UUID] = frozenset()
    leaves: FreedSlot | None = None
    takes: FreedSlot | None = None
    emptied: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision to repeat an earlier answer; only the touch is written down."""

    answer: Answer
    audit: AuditEntry


Decide = Callable[[Look], Writing | Replay]


@dataclass(frozen=True, slots=True)
class Together:
    """A decision on several questions at once, one place a question: None where nothing is written.

    ``about`` is what the answer is kept for: the series.
    """

    writings: tuple[Writing | None, ...]
    answer: Answer
    about: UUID


DecideTogether = Callable[[Sequence[Look]], Together | Replay]


class Register(Protocol):
    """The register of appointments, where races are settled."""

    async def look(self, question: Question) -> Look:
        """Return what is there, without writing or waiting."""
        ...

    async def carry_out(self, question: Question, decide: Decide) -> Answer:
        """Look, decide, commit; when someone was faster, look and decide again. ``decide`` refuses by raising.

        Raises SlotTaken when the place was lost more often than lanes can explain, Unavailable when the database
        cannot be had in time.
        """
        ...

    async def end_expired(self, now: datetime, limit: int) -> int:
        """End at most ``limit`` holds that ran out by ``now``; return how many."""
        ...

    async def end_freed(self, now: datetime, limit: int) -> int:
        """End at most ``limit`` freed slots that ran out by ``now``; return how many."""
        ...


class SeriesRegister(Register, Protocol):
    """The register, for those who change several appointments at once."""

    async def carry_out_together(
        self, submission: Submission, questions: Sequence[Question], decide: DecideTogether
    ) -> Answer:
        """Carry out several questions as one submission in one transaction; raises as ``carry_out`` does."""
        ...
