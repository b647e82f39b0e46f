"""Booking as plain Python: what each command must lead to, without SQL, locks or concurrency. The register's oracle.

Which lane or place a visit gets is the register's to choose: the model takes it as it comes and only insists that
nobody else has it. Everything else, refusals and their reasons included, it says beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.contracts.slot_offer import MOST_LANES, OfferedResource, SlotOffer

GRACE, NOTICE = timedelta(seconds=30), timedelta(hours=2)
Mark = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """One claim: who holds which lane of what, and until when if it ends by itself."""

    mark: Mark
    starts_at: datetime
    ends_at: datetime
    holder: str
    expires: datetime | None

    def hinders(self, slot: SlotOffer, now: datetime) -> bool:
        """Tell whether it keeps others out of the slot's time."""
        return self.overlaps(slot) and (self.expires is None or self.expires > now)

    def overlaps(self, slot: SlotOffer) -> bool:
        """Tell whether it shares time with the slot."""
        return self.starts_at < slot.ends_at and slot.starts_at < self.ends_at


@dataclass(frozen=True, slots=True)
class Visit:
    """An appointment or hold; ``marks`` are the lanes it has, the patient's among them, ``unit`` its session place."""

    id: str
    patient: str
    slot: SlotOffer
    marks: frozenset[Mark]
    status: str
    version: int
    expires: datetime | None = None
    reason: str = ""
    unit: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """A session that was opened: so many places, and every lane of its clinician and room."""

    id: str
    clinician: str
    starts_at: datetime
    ends_at: datetime
    places: int
    marks: frozenset[Mark]


@dataclass(frozen=True, slots=True)
class Freed:
    """A place kept back for those who wait."""

    id: str
    slot: SlotOffer
    marks: frozenset[Mark]
    until: datetime
    state: str = "open"
    version: int = 1


@dataclass(slots=True)
class Model:
    """Everything booking knows. ``audits`` counts the entries that must have been written."""

    now: datetime
    visits: dict[str, Visit] = field(default_factory=dict)
    freed: dict[str, Freed] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    blocks: dict[str, tuple[str, datetime, datetime] | None] = field(default_factory=dict)
    waiting: bool = False
    merged: dict[str, str] = field(default_factory=dict)
    audits: int = 0

    def standing(self) -> Iterator[Standing]:
        """Yield every claim there must be."""
        for visit in self.visits.values():
            if visit.status != "cancelled":
                for mark in visit.marks:
                    yield Standing(mark, visit.slot.starts_at, visit.slot.ends_at, visit.id, visit.expires)
        for freed in self.freed.values():
            if freed.state == "open":
                for mark in freed.marks:
                    yield Standing(mark, freed.slot.starts_at, freed.slot.ends_at, freed.id, freed.until)

        for session in self.sessions.values():
            for mark in session.marks:
                yield Standing(mark, session.starts_at, session.ends_at, session.id, None)

    def places(self) -> Iterator[tuple[str, int, str | None]]:
        """Yield every place of a session there must be, and whose it is."""
        for session in self.sessions.values():
            taken = self.units(session.id)
            yield from ((session.id, unit, taken.get(unit)) for unit in range(1, session.places + 1))

    def units(self, session_id: str) -> dict[int, str]:
        """Return the places of a session that are taken, each with its visit."""
        living = [one for one in self.visits.values() if one.slot.slot_id == session_id and one.status != "cancelled"]
        return {one.unit: one.id for one in living if one.unit}

    def opens(self, slot: SlotOffer) -> bool:
        """Tell whether the slot is of a session that has yet to be opened as it is offered."""
        session = self.sessions.get(slot.slot_id)
        return slot.capacity > 0 and (
            session is None or session.places < slot.capacity or not whole(slot) <= session.marks
        )

    def open(self, slot: SlotOffer) -> None:
        """Open the slot's session, or give it the places and the room it lacks."""
        if self.opens(slot):
            session = self.sessions.get(slot.slot_id) or Session(
                slot.slot_id, slot.clinician_id, slot.starts_at, slot.ends_at, 0, frozenset()
            )
            self.close_empty(slot, whole(slot) - session.marks)
            places, marks = max(session.places, slot.capacity), session.marks | whole(slot)
            self.sessions[session.id] = replace(session, places=places, marks=marks)

    def patient(self, name: str) -> str:
        """Return whose record stands for ``name`` now."""
        return self.merged.get(name, name)

    def refusal(self, slot: SlotOffer, patient: str, own: str = "") -> str:
        """Return why the slot cannot be had, "" when it can."""
        return next(self.refusals(slot, patient, own), "")

    def refusals(self, slot: SlotOffer, patient: str, own: str = "") -> Iterator[str]:
        """Yield every reason why the slot cannot be had, what is told first."""
        if self.now >= slot.starts_at:
            yield "too-late"
        if any(
            block and block[0] in {slot.clinician_id, slot.facility_id}
            and block[1] < slot.ends_at and slot.starts_at < block[2]
            for block in self.blocks.values()
        ):  # fmt: skip
            yield "slot-withdrawn"
        if self.full(slot):
            yield "slot-taken"
        others = (one for one in self.standing() if one.holder != own and one.holder not in self.empty())
        taken = {one.mark for one in others if one.hinders(slot, self.now)}
        if any(kind == "patient" and name == patient for kind, name, _ in taken):
            yield "patient-busy"
        for wanted in of_visit(slot):
            if all((wanted.kind, wanted.id, lane) in taken for lane in range(wanted.depth)):
                yield "slot-taken"
        if self.opens(slot) and self.obstructed(slot):
            yield "slot-taken"

    def full(self, slot: SlotOffer) -> bool:
        """Tell whether the slot is of a session whose places, as many as are offered, are all taken."""
        session = self.sessions.get(slot.slot_id)
        if session is None or not 0 < slot.capacity <= session.places:
            return False
        return self.units(session.id).keys() >= set(range(1, slot.capacity + 1))

    def obstructed(self, slot: SlotOffer) -> bool:
        """Tell whether anything stands where a session lacks a lane: also what ran out and was not swept yet."""
        session = self.sessions.get(slot.slot_id)
        missing = whole(slot) - session.marks if session else whole(slot)
        others = (one for one in self.standing() if one.holder not in self.empty())
        return any(one.overlaps(slot) and one.mark in missing for one in others)

    def empty(self) -> set[str]:
        """Return the sessions in which nobody has a place: whoever needs their clinician or room closes them."""
        return {id_ for id_ in self.sessions if not self.units(id_)}

    def close_empty(self, slot: SlotOffer, marks: Set[Mark]) -> None:
        """Close the empty sessions that stand on any of ``marks`` in the slot's time."""
        ways = {one.holder for one in self.standing() if one.mark in marks and one.overlaps(slot)}
        for id_ in ways & self.empty():
            del self.sessions[id_]

    def take(self, visit: Visit) -> None:
        """Let it stand where it says; what ran out there ends. The lanes must be free, and every resource have one."""
        wanted = {(one.kind, one.id) for one in of_visit(visit.slot)} | {("patient", visit.patient)}
        assert {(kind, name) for kind, name, _ in visit.marks} == wanted, "all or nothing"
        assert len(visit.marks) == len(wanted)
        assert visit.unit in (range(1, visit.slot.capacity + 1) if visit.slot.capacity else (0,))
        self.make_room(visit)
        assert self.units(visit.slot.slot_id).get(visit.unit, visit.id) == visit.id, "a place given twice"
        for one in self.standing():
            assert one.holder == visit.id or one.mark not in visit.marks or not one.overlaps(visit.slot), "double"
        self.visits[visit.id] = visit

    def make_room(self, visit: Visit) -> None:
        """End what ran out and stands on a lane the visit might have had; close empty sessions there."""
        marks = {(one.kind, one.id, lane) for one in of_visit(visit.slot) for lane in range(one.depth)}
        marks |= {("patient", visit.patient, lane) for lane in range(8 if self.doubled(visit.patient) else 1)}
        self.close_empty(visit.slot, marks)
        gone = {
            one.holder for one in self.standing()
            if one.holder != visit.id and one.mark in marks and one.overlaps(visit.slot)
            and one.expires is not None and one.expires <= self.now
        }  # fmt: skip
        for holder in gone:
            self.end(holder)

    def doubled(self, patient: str) -> bool:
        """Tell whether another record's visits came to this patient."""
        return patient in self.merged.values()

    def end(self, holder: str) -> None:
        """End a hold or a freed slot that ran out."""
        if holder in self.visits:
            self.change(holder, status="cancelled", reason="hold-expired", expires=None)
        else:
            self.close(holder, "expired")

    def change(self, id_: str, audits: int = 1, **what: object) -> None:
        """Make the next version of a visit."""
        visit = self.visits[id_]
        self.visits[id_] = replace(visit, version=visit.version + 1, **what)  # type: ignore[arg-type]  # by name
        self.audits += audits

    def close(self, freed_id: str, state: str) -> None:
        """End a freed slot."""
        self.freed[freed_id] = replace(self.freed[freed_id], state=state, version=self.freed[freed_id].version + 1)

    def keeps_back(self, before: Visit, moved_to: Visit | None = None) -> datetime | None:
        """Return until when the place that is given up is kept for those who wait, None when it is not."""
        until = min(self.now + GRACE, before.slot.starts_at - NOTICE)
        if not self.waiting or until <= self.now or before.unit:
            return None
        if moved_to is not None and moved_to.slot.starts_at < before.slot.ends_at and (
            before.slot.starts_at < moved_to.slot.ends_at and resources(before.marks) & resources(moved_to.marks)
        ):  # fmt: skip
            return None
        return until

    def ran_out(self) -> set[str]:
        """Return the holds and freed slots whose time is over."""
        due = {visit.id for visit in self.visits.values() if visit.expires and visit.expires <= self.now}
        return due | {one.id for one in self.freed.values() if one.state == "open" and one.until <= self.now}

    def refusal_of_change(self, action: str, visit: Visit) -> str:
        """Return why the action cannot be done to the visit, "" when it can."""
        zone = ZoneInfo(visit.slot.timezone)
        ran_out = visit.status == "pending" and visit.expires is not None and visit.expires <= self.now
        if action == "confirm" and (ran_out or visit.reason == "hold-expired"):
            return "hold-expired"
        allowed = {
            "confirm": {"pending"}, "release": {"pending"}, "cancel": {"booked", "checked-in"}, "move": {"booked"},
            "check-in": {"booked"}, "no-show": {"booked"}, "complete": {"checked-in"},
        }  # fmt: skip
        if visit.status not in allowed[action]:
            return "not-in-this-status"
        limit = visit.slot.ends_at if visit.status == "checked-in" else visit.slot.starts_at
        if action in {"cancel", "move"} and self.now >= limit:
            return "too-late"
        if action == "no-show" and self.now < visit.slot.starts_at:
            return "too-early"
        days = (self.now.astimezone(zone).date(), visit.slot.starts_at.astimezone(zone).date())
        about_now = visit.slot.starts_at - timedelta(hours=1) <= self.now < visit.slot.ends_at
        another_day = days[0] != days[1] and not about_now
        return "not-the-day-of-the-visit" if action == "check-in" and another_day else ""


def resources(marks: frozenset[Mark]) -> frozenset[Mark]:
    """Return the lanes that are not the patient's."""
    return frozenset(mark for mark in marks if mark[0] != "patient")


def of_visit(slot: SlotOffer) -> tuple[OfferedResource, ...]:
    """Return what one visit occupies: of a session's place, who interprets for it alone."""
    return tuple(one for one in slot.resources if not slot.capacity or one.kind == "interpreter")


def whole(slot: SlotOffer) -> frozenset[Mark]:
    """Return what a session occupies: every lane there can be of its clinician and room."""
    kept = [one for one in slot.resources if one.kind != "interpreter"]
    return frozenset((one.kind, one.id, lane) for one in kept for lane in range(MOST_LANES))
