"""What a leave or a closure does to a booked visit, and what may be offered instead.

A disrupted visit stays booked until it is moved or cancelled: nobody loses the place in the queue before there is
another. ``found``, ``asked`` and ``to-call`` are open; the others are ends.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.booking.domain.lifecycle import Action
from services.booking.domain.reasons import CancelReason
from services.contracts.security_labels import SecurityLabel
from services.contracts.slot_offer import SlotOffer

CLINICIAN, FACILITY = "clinician", "facility"
SHOWN = 6
OF_A_KIND = 3


class VisitState(StrEnum):
    """Where a disrupted visit stands."""

    FOUND = "found"
    ASKED = "asked"
    TO_CALL = "to-call"
    REBOOKED = "rebooked"
    CANCELLED = "cancelled"
    RESTORED = "restored"
    KEPT = "kept"


OPEN = frozenset({VisitState.FOUND, VisitState.ASKED, VisitState.TO_CALL})
# What somebody did to the appointment ends it, by whatever way they did it.
ENDED_BY: Mapping[Action, VisitState] = {
    Action.MOVE: VisitState.REBOOKED,
    Action.CANCEL: VisitState.CANCELLED,
    Action.CHECK_IN: VisitState.KEPT,
    Action.COMPLETE: VisitState.KEPT,
    Action.NO_SHOW: VisitState.KEPT,
}


class Cause(StrEnum):
    """Why somebody has to call."""

    NOT_REACHED = "not-reached"
    NO_ANSWER = "no-answer"
    DECLINED = "declined"
    CHECKED_IN = "checked-in"
    BEGUN = "begun"


class CallOutcome(StrEnum):
    """What came of a call."""

    REACHED = "reached"
    LEFT_MESSAGE = "left-message"
    NO_REPLY = "no-reply"
    WRONG_NUMBER = "wrong-number"


@dataclass(frozen=True, slots=True)
class Disruption:
    """A leave (``kind`` clinician) or closure (facility) that touches booked visits; ``id`` is the leave's own."""

    id: str
    kind: str
    subject_id: str
    starts_at: datetime
    ends_at: datetime
    opened_at: datetime
    withdrawn_at: datetime | None

    @property
    def reason(self) -> CancelReason:
        """What its visits are cancelled for when no other way is found."""
        return CancelReason.PROVIDER_PERSONAL if self.kind == CLINICIAN else CancelReason.OTHER_ROOM


@dataclass(frozen=True, slots=True)
class DisruptedVisit:
    """A visit as it stood when it was found, and what has come of it; its patient and its label are those of now.

    ``alternatives`` are open slots as availability's search showed them at ``searched_at``, best first. ``told_at`` is
    when a message left or a call reached them; ``not_reached`` says why none did.
    """

    id: UUID
    disruption_id: str
    appointment_id: UUID
    patient_id: str
    clinician_id: str
    facility_id: str
    specialty: str
    visit_type: str
    slot_id: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    state: VisitState
    cause: str
    answer_by: datetime | None
    told_at: datetime | None
    not_reached: str
    alternatives: tuple[Mapping[str, Any], ...]
    searched_at: datetime | None
    label: SecurityLabel = SecurityLabel.NORMAL

    @property
    def is_open(self) -> bool:
        """Whether something is still to be found for it."""
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Candidate:
    """An open slot that might do; ``item`` is availability's JSON with the signed offer."""

    offer: SlotOffer
    item: Mapping[str, Any]
    distance_km: float | None = None


def answer_by(asked_at: datetime, starts_at: datetime, window: timedelta) -> datetime:
    """Return until when an answer is waited for: ``window``, but half of what is left before the visit at most."""
    return asked_at + min(window, max(timedelta(0), (starts_at - asked_at) / 2))


def rank(visit: DisruptedVisit, candidates: Sequence[Candidate], shown: Counter[str]) -> list[Candidate]:
    """Return at most SHOWN alternatives, best first: the same clinician, then the same facility, then nearby.

    At most OF_A_KIND of each as long as there are others, so that who cannot wait sees another way. ``shown`` counts
    how often each slot was shown to others: slots shown less come first, so that fifty patients do not race for three.
    """
    kinds: dict[int, list[Candidate]] = {0: [], 1: [], 2: []}
    for one in {candidate.offer.slot_id: candidate for candidate in candidates}.values():
        if one.offer.slot_id != visit.slot_id:
            kinds[_kind(visit, one.offer)].append(one)
    for found in kinds.values():
        found.sort(key=lambda one: (shown[one.offer.slot_id], *_nearness(visit, one)))
    first = [one for found in kinds.values() for one in found[:OF_A_KIND]]
    rest = [one for found in kinds.values() for one in found[OF_A_KIND:]]
    chosen = [*first, *rest][:SHOWN]
    return sorted(chosen, key=lambda one: (_kind(visit, one.offer), *_nearness(visit, one)))


def _kind(visit: DisruptedVisit, offer: SlotOffer) -> int:
    if offer.clinician_id == visit.clinician_id:
        return 0
    return 1 if offer.facility_id == visit.facility_id else 2


def _nearness(visit: DisruptedVisit, one: Candidate) -> tuple[float, float, str]:
    apart = abs((one.offer.starts_at - visit.starts_at).total_seconds())
    return apart, one.distance_km or 0.0, one.offer.slot_id


@dataclass(frozen=True, slots=True)
class DisruptionRules:
    """How disruptions are worked off.

    An answer is waited for during ``window``. Alternatives begin at least ``notice`` ahead, from ``earlier`` before
    the visit to ``ahead`` after it. While availability is out, patients are kept waiting for ``patience`` at most:
    then they are told without alternatives. What is still open ``last_moment`` before its start is cancelled.
    """

    window: timedelta = timedelta(hours=4)
    notice: timedelta = timedelta(hours=2)
    earlier: timedelta = timedelta(days=2)
    ahead: timedelta = timedelta(days=28)
    patience: timedelta = timedelta(minutes=2)
    last_moment: timedelta = timedelta(minutes=15)
