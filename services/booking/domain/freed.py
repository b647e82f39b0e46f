"""A slot somebody gave up while others wait for one like it: kept back for a short grace, never without an end.

The grace is the time waitlist has to make its first offer. Only while an offer is out may it be longer, and never so
long that the slot comes back to search too late to be used.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.booking.domain.appointment import Change, Place
from services.booking.domain.claims import PlaceLost
from services.booking.domain.lifecycle import Action
from services.booking.domain.reasons import NO_SLOT_LEFT
from services.kernel.errors import Conflict, Invalid

LONGEST_EXTENSION = timedelta(hours=24)


class FreedState(StrEnum):
    """``open`` holds the place; the others are ends."""

    OPEN = "open"
    RELEASED = "released"
    EXPIRED = "expired"
    TAKEN = "taken"


class FreedSlotGone(PlaceLost):
    """It went back to search, or somebody else it was offered to took it."""

    slug = "freed-slot-gone"
    text = "This slot is no longer kept back."


@dataclass(frozen=True, slots=True)
class GraceRules:
    """``grace`` of zero keeps nothing back; slots that start within ``notice`` are not kept back either."""

    grace: timedelta = timedelta(seconds=30)
    notice: timedelta = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class FreedSlot:
    """A place without a patient, held until ``open_until``; ``origin`` is the appointment that gave it up."""

    id: UUID
    origin: UUID
    place: Place
    open_until: datetime
    state: FreedState
    version: int
    created_at: datetime
    updated_at: datetime

    def held(self, now: datetime) -> bool:
        """Whether it still keeps others out."""
        return self.state is FreedState.OPEN and now < self.open_until


def freed_by(change: Change, id_: UUID, now: datetime, rules: GraceRules) -> FreedSlot | None:
    """Return the freed slot that ``change`` leaves behind, None when it leaves nothing worth keeping back."""
    before = change.before
    # A session has other places; the one given back is simply one of them again.
    if before is None or before.place.session is not None:
        return None
    if change.action not in {Action.CANCEL, Action.MOVE} or change.after.reason in NO_SLOT_LEFT:
        return None
    until = min(now + rules.grace, before.place.starts_at - rules.notice)
    if until <= now or (change.action is Action.MOVE and _touch(before.place, change.after.place)):
        return None
    return FreedSlot(id_, before.id, before.place, until, FreedState.OPEN, 1, now, now)


def extend(freed: FreedSlot, until: datetime, now: datetime, rules: GraceRules) -> FreedSlot:
    """Keep it until ``until``; raise FreedSlotGone when it is held no more, Invalid when that is too long."""
    if not freed.held(now):
        raise FreedSlotGone
    latest = min(now + LONGEST_EXTENSION, freed.place.starts_at - rules.notice)
    if not now < until <= latest:
        raise Invalid(
            "A freed slot can be kept for 24 hours at most, and not into the minimum notice before its start.",
            slug="extension-out-of-bounds",
        )
    return replace(freed, open_until=until, version=freed.version + 1, updated_at=now)


def release(freed: FreedSlot, now: datetime) -> FreedSlot:
    """Give it back to search; what has ended stays as it ended. Raise Conflict when somebody took it."""
    if freed.state is FreedState.TAKEN:
        raise Conflict("The freed slot was taken.", slug="freed-slot-taken")
    return end(freed, FreedState.RELEASED, now) if freed.state is FreedState.OPEN else freed


def end(freed: FreedSlot, state: FreedState, now: datetime) -> FreedSlot:
    """Return it ended."""
    return replace(freed, state=state, version=freed.version + 1, updated_at=now)


def _touch(former: Place, wanted: Place) -> bool:
    """Tell whether the appointment needs part of the place it leaves."""
    if former.ends_at <= wanted.starts_at or wanted.ends_at <= former.starts_at:
        return False
    lanes = {(item.kind, item.id, item.lane) for item in former.resources}
    return any((item.kind, item.id, item.lane) in lanes for item in wanted.resources)
