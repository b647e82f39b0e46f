"""Working time by specialty and day, as columns of numbers.

A session is four numbers: its start, end and anchor in seconds, and its profile, which says everything that sessions of
one template share. Sessions are kept by the day (UTC) they begin on; one day of one specialty is replaced as a whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.availability.adapters.memory.axis import DAY
from services.availability.adapters.memory.rooms import Room

Table = NDArray[np.int32]
# Sessions last 26 hours at most.
LONGEST_SESSION = 26 * 3600
START, END, ANCHOR, PROFILE = range(4)
EMPTY: Table = np.zeros((4, 0), np.int32)


@dataclass(frozen=True, slots=True)
class Profile:
    """What sessions share: numbers of clinician and facility, grid in seconds; "" is no room, () any visit type."""

    clinician: int
    facility: int
    template_id: str
    room_id: str
    grid: int
    depth: int
    visit_types: tuple[str, ...]


class Session(NamedTuple):
    """One session: seconds of the axis."""

    start: int
    end: int
    anchor: int
    profile: Profile


class Specialty:
    """Profiles and sessions of one specialty; ``kinds`` numbers the restrictions to visit types that occur."""

    def __init__(self) -> None:
        self.profiles: list[Profile] = []
        self.rooms: list[Room | None] = []
        self._number: dict[Profile, int] = {}
        self._columns: Mapping[str, NDArray[np.int64]] | None = None
        self.kinds: dict[tuple[str, ...], int] = {}
        self._days: dict[int, Table] = {}

    @property
    def bytes(self) -> int:
        """Memory in bytes, without the interpreter's part."""
        return sum(table.nbytes for table in self._days.values()) + 64 * len(self.profiles)

    @property
    def count(self) -> int:
        """How many sessions there are."""
        return sum(table.shape[1] for table in self._days.values())

    def day(self, day: int) -> Table:
        """Return the sessions that begin on a day of the axis."""
        return self._days.get(day, EMPTY)

    def columns(self) -> Mapping[str, NDArray[np.int64]]:
        """Return clinician, facility, grid, depth and number of the visit types of every profile."""
        if self._columns is None:
            names = ("clinician", "facility", "grid", "depth")
            found = {name: np.array([getattr(one, name) for one in self.profiles], np.int64) for name in names}
            found["kind"] = np.array([self.kinds[one.visit_types] for one in self.profiles], np.int64)
            self._columns = found
        return self._columns

    def number(self, profile: Profile, room: Room | None) -> int:
        """Return the number of a profile, a new one for a new profile."""
        if (number := self._number.get(profile)) is None:
            number = self._number[profile] = len(self.profiles)
            self.profiles.append(profile)
            self.rooms.append(room)
            self.kinds.setdefault(profile.visit_types, len(self.kinds))
            self._columns = None
        return number

    def load(self, table: Table) -> None:
        """Take all sessions at once."""
        table = table[:, np.argsort(table[START], kind="stable")]
        days, firsts = np.unique(table[START] // DAY, return_index=True)
        parts = np.split(table, firsts[1:], axis=1)
        self._days = {int(day): part.copy() for day, part in zip(days, parts, strict=True)} if len(days) else {}

    def replace(self, clinician: int, first: int, last: int, sessions: Iterable[tuple[Session, int]]) -> None:
        """Make ``sessions`` (with their profiles' numbers) the clinician's only ones on these days, last included."""
        new: dict[int, list[tuple[int, int, int, int]]] = {}
        for one, number in sessions:
            new.setdefault(one.start // DAY, []).append((one.start, one.end, one.anchor, number))
        whose = self.columns()["clinician"]
        for day in range(first, last + 1):
            table = self._days.get(day, EMPTY)
            kept = table[:, whose[table[PROFILE]] != clinician] if table.shape[1] else table
            added = np.array(new[day], np.int32).T if day in new else EMPTY
            if kept.shape[1] + added.shape[1]:
                self._days[day] = np.concatenate((kept, added), axis=1)
            else:
                self._days.pop(day, None)
