"""All of search in memory: records, working time, taken time; what was read last is what it answers by.

Every change is "this is what there is now in that stretch of time": taking it twice, or out of order with a later
reading, ends in the same state.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from services.availability.adapters.memory.axis import CELL, DAY, Axis, Outgrown
from services.availability.adapters.memory.exceptions import NEVER, Exceptions, Taken
from services.availability.adapters.memory.lanes import Lanes
from services.availability.adapters.memory.records import Clinicians, Facilities
from services.availability.adapters.memory.rooms import Room
from services.availability.adapters.memory.sessions import Profile, Session, Specialty
from services.availability.domain.directory import VisitType
from services.availability.domain.templates import MAX_DEPTH


class SearchIndex:
    """What a search reads, for the days of ``axis``."""

    def __init__(self, axis: Axis, clinicians: int) -> None:
        self.axis = axis
        # One in eight may have a second lane before the table of cells has to grow.
        self.lanes = Lanes(axis.days, clinicians + clinicians // 8)
        self.facilities = Facilities()
        self.clinicians = Clinicians(self.lanes)
        self.visit_types: dict[str, VisitType] = {}
        self.specialties: dict[str, Specialty] = {}
        self.exceptions: dict[int, Exceptions] = {}
        self._rooms: dict[tuple[str, str], Room] = {}
        # Rooms that were not heard of when the rest was read: what stands in them has to be read.
        self.unread_rooms: set[tuple[str, str]] = set()

    @property
    def bytes(self) -> int:
        """Memory in bytes; of Python's own objects only what grows with the data."""
        sessions = sum(one.bytes for one in self.specialties.values())
        exceptions = sum(one.bytes for one in self.exceptions.values())
        rooms = sum(one.bytes for one in self._rooms.values())
        return self.lanes.bytes + self.clinicians.bytes + sessions + exceptions + rooms

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return sum(specialty.count for specialty in self.specialties.values())

    def room(self, facility_id: str, room_id: str) -> Room:
        """Return the room, a new one when it was not heard of."""
        if (room := self._rooms.get((facility_id, room_id))) is None:
            room = self._rooms[facility_id, room_id] = Room()
            self.unread_rooms.add((facility_id, room_id))
        return room

    def profile(self, specialty: str, profile: Profile, facility_id: str) -> int:
        """Return the number of a profile of the specialty."""
        room = self.room(facility_id, profile.room_id) if profile.room_id else None
        return self.specialties.setdefault(specialty, Specialty()).number(profile, room)

    def put_sessions(
        self, clinician_id: str, first: int, last: int, sessions: Sequence[tuple[str, str, Session]]
    ) -> None:
        """Make ``sessions`` (with specialty and facility) the clinician's only ones that begin on these days.

        Raise Outgrown when one ends after the last day.
        """
        if any(one.end > self.axis.seconds for _, _, one in sessions):
            raise Outgrown
        numbered = [(name, one, self.profile(name, one.profile, place)) for name, place, one in sessions]
        clinician = self.clinicians.of(clinician_id)
        for name, specialty in self.specialties.items():
            own = [(one, number) for whose, one, number in numbered if whose == name]
            if own or clinician in specialty.columns()["clinician"]:
                specialty.replace(clinician, max(first, 0), min(last, self.axis.days), own)

    def put_taken(self, clinician_id: str, first: int, last: int, taken: Iterable[Taken]) -> None:
        """Make ``taken`` (all that touch these days, last included) the clinician's only taken times there."""
        first, last = max(first, 0), min(last, self.axis.days - 1)
        if first > last:
            return
        clinician, since, until = self.clinicians.of(clinician_id), first * DAY, (last + 1) * DAY
        for row in set(self.clinicians.rows[clinician].tolist()) - {0}:
            self.lanes.clear(row, since, until)
        exceptions: list[Taken] = []
        whole: list[tuple[int, int, int]] = []
        for one in taken:
            if one.lane >= MAX_DEPTH:
                continue
            if _in_cells(one):
                whole.append((self.clinicians.row(clinician, one.lane), max(one.start, since), min(one.end, until)))
            elif since <= one.start < until:
                exceptions.append(one)
        if whole:
            self.lanes.take(*np.array(whole).T)
        self.put_exceptions(clinician, since, until, exceptions)

    def put_exceptions(self, clinician: int, since: int, until: int, exceptions: Sequence[Taken]) -> None:
        """Make ``exceptions`` the clinician's only ones that begin in this time."""
        if exceptions or clinician in self.exceptions:
            self.exceptions.setdefault(clinician, Exceptions()).replace(since, until, exceptions)

    def put_in_room(self, facility_id: str, room_id: str, first: int, last: int, taken: Iterable[Taken]) -> None:
        """Make ``taken`` the only times of the room that begin on these days, last included."""
        self.room(facility_id, room_id).replace(first * DAY, (last + 1) * DAY, taken)


def _in_cells(one: Taken) -> bool:
    """Tell whether bits can say it; see lanes.py."""
    return one.expires == NEVER and not one.reserved and one.start % CELL == 0 and one.end % CELL == 0
