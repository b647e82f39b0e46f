"""Facilities and clinicians by number, with what a search asks of them as columns.

A number is given once and kept: everything else in memory refers to a record by it.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from services.availability.adapters.memory.lanes import FREE, Flags, Lanes, Numbers
from services.availability.domain.directory import Clinician, Facility
from services.availability.domain.places import Box
from services.availability.domain.templates import MAX_DEPTH
from services.contracts.slot_offer import clinician_mark

Kind = TypeVar("Kind", bound=np.generic)
_ROOM = 1024
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"  # of a slot's id, in the order in which text sorts


@dataclass(frozen=True, slots=True)
class ClinicianRecord:
    """A clinician, the schedule's version (None without a schedule: no slots), their lengths by visit type."""

    clinician: Clinician
    version: int | None
    lengths: Mapping[str, int] = field(default_factory=dict)


class Facilities:
    """Facilities; one that is only heard of has no record, and no slots."""

    def __init__(self) -> None:
        self.number: dict[str, int] = {}
        self.records: list[Facility | None] = []
        self.zones: list[str] = []
        self.zone = np.zeros(_ROOM, np.int64)
        self.known = np.zeros(_ROOM, np.bool_)
        self._places = np.zeros((_ROOM, 2))

    def of(self, facility_id: str) -> int:
        """Return the facility's number, a new one for one not heard of."""
        if (number := self.number.get(facility_id)) is None:
            number = self.number[facility_id] = len(self.records)
            self.records.append(None)
            self.zone, self.known = _grown(self.zone, number), _grown(self.known, number)
            self._places = _grown(self._places, number)
        return number

    def put(self, facility_id: str, record: Facility | None) -> None:
        """Keep what is recorded of the facility, None when nothing is."""
        number = self.of(facility_id)
        self.records[number] = record
        self.known[number] = record is not None
        if record is not None:
            if record.timezone not in self.zones:
                self.zones.append(record.timezone)
            self.zone[number] = self.zones.index(record.timezone)
            self._places[number] = record.place.latitude, record.place.longitude

    def within(self, box: Box) -> Sequence[Facility]:
        """Return the active facilities in ``box``."""
        north, east = self._places[:, 0], self._places[:, 1]
        there = (north >= box.south) & (north <= box.north) & (east >= box.west) & (east <= box.east) & self.known
        found = [self.records[number] for number in np.flatnonzero(there).tolist()]
        return [record for record in found if record is not None and record.active]


class Clinicians:
    """Clinicians; ``rows`` says in which row of the cells each lane stands."""

    def __init__(self, lanes: Lanes) -> None:
        self.number: dict[str, int] = {}
        self.records: list[ClinicianRecord | None] = []
        self.known = np.zeros(_ROOM, np.bool_)
        self.rows = np.zeros((_ROOM, MAX_DEPTH), np.int64)
        self._lanes = lanes
        self._languages: dict[str, Flags] = {}
        self._minutes: dict[str, NDArray[np.int16]] = {}
        self._order: NDArray[np.int64] | None = None

    @property
    def bytes(self) -> int:
        """Memory of the columns in bytes."""
        columns = [self.rows, self.known, *self._languages.values(), *self._minutes.values()]
        return sum(column.nbytes for column in columns)

    def of(self, clinician_id: str) -> int:
        """Return the clinician's number, a new one for one not heard of."""
        if (number := self.number.get(clinician_id)) is None:
            number = self.number[clinician_id] = len(self.records)
            self.records.append(None)
            self.known, self.rows = _grown(self.known, number), _grown(self.rows, number)
            self.rows[number, 0] = self._lanes.new_row()
            self._order = None
        return number

    def row(self, number: int, lane: int) -> int:
        """Return the row of a lane below MAX_DEPTH, a new one for one that was always free."""
        if self.rows[number, lane] == FREE:
            self.rows[number, lane] = self._lanes.new_row()
        return int(self.rows[number, lane])

    def put(self, clinician_id: str, record: ClinicianRecord | None) -> None:
        """Keep what is recorded of the clinician, None when nothing is."""
        number = self.of(clinician_id)
        former, self.records[number] = self.records[number], record
        self.known[number] = record is not None and record.version is not None
        for language in former.clinician.languages if former else ():
            self._languages[language][number] = False
        for visit_type in former.lengths if former else ():
            self._minutes[visit_type][number] = 0
        for language in record.clinician.languages if record else ():
            spoken = _grown(self._languages.get(language, np.zeros(_ROOM, np.bool_)), number)
            spoken[number] = True
            self._languages[language] = spoken
        for visit_type, minutes in (record.lengths if record else {}).items():
            lengths = _grown(self._minutes.get(visit_type, np.zeros(_ROOM, np.int16)), number)
            lengths[number] = minutes
            self._minutes[visit_type] = lengths

    def who_speak(self, numbers: Numbers, language: str) -> Flags:
        """Return for each of ``numbers`` whether they speak the language."""
        column = self._languages.get(language)
        return np.zeros(len(numbers), np.bool_) if column is None else _read(column, numbers)

    def seconds(self, numbers: Numbers, visit_type: str, minutes: int) -> Numbers:
        """Return how long a visit is with each of ``numbers``, ``minutes`` where they have no length of their own."""
        column = self._minutes.get(visit_type)
        if column is None:
            return np.full(len(numbers), minutes * 60, np.int64)
        own = _read(column, numbers).astype(np.int64)
        return np.where(own > 0, own, minutes) * 60

    def order(self) -> NDArray[np.int64]:
        """Return the place of each clinician where ids of slots that differ in nothing else are put in order."""
        if self._order is None or len(self._order) < len(self.records):
            marks = np.array([_sorting_mark(clinician_id) for clinician_id in self.number], np.int64)
            self._order = np.unique(marks, return_inverse=True)[1].astype(np.int64)
        return self._order


def _read(column: NDArray[Kind], numbers: Numbers) -> NDArray[Kind]:
    """Return the places of ``numbers``; a column says nothing of those after its end."""
    known: NDArray[Kind] = np.where(numbers < len(column), column[np.minimum(numbers, len(column) - 1)], 0)
    return known.astype(column.dtype, copy=False)


def _grown(column: NDArray[Kind], number: int) -> NDArray[Kind]:
    """Return ``column`` with a place for ``number``."""
    if number < len(column):
        return column
    more = np.zeros((max(number + 1, 2 * len(column)) - len(column), *column.shape[1:]), column.dtype)
    return np.concatenate((column, more))


def _sorting_mark(clinician_id: str) -> int:
    """Return a number that sorts as the clinician's part of a slot's id does as text (see contracts.slot_offer)."""
    text = base64.b32encode(clinician_mark(clinician_id)).decode().lower()
    value = 0
    for letter in text:
        value = value * 32 + _ALPHABET.index(letter)
    return value
