"""Rooms and weekly templates: full weeks, short weeks, evenings, every second Saturday; never two places at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time
from random import Random

from services.availability.domain.templates import Template, Weekday
from services.directory.domain.records import Clinician
from services.local.seeds.specialties import OFFERED

# A Monday long past, so that weeks count the same whenever a platform is seeded.
BEGAN = date(2025, 1, 6)
MON, TUE, WED, THU, FRI, SAT = list(Weekday)[:6]
GRIDS = {offered.code: offered.grid_minutes for offered in OFFERED}
MORNING, AFTERNOON = (time(8), time(12)), (time(13), time(17))


@dataclass(frozen=True, slots=True)
class Room:
    """An examination room of a facility."""

    room_id: str
    facility_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Session:
    """Days and hours (facility's wall clock) of every ``interval_weeks``-th week."""

    weekdays: frozenset[Weekday]
    starts: time
    ends: time
    interval_weeks: int = 1


def _week(days: str, *hours: tuple[time, time]) -> tuple[Session, ...]:
    weekdays = frozenset(Weekday(day) for day in days.split())
    return tuple(Session(weekdays, starts, ends) for starts, ends in hours)


_FULL = _week("mon tue wed thu fri", MORNING, AFTERNOON)
# (share, sessions): how people work at one facility.
PATTERNS: tuple[tuple[int, tuple[Session, ...]], ...] = (
    (40, _FULL),
    (18, _week("mon tue wed thu", (time(7), time(12)), (time(13), time(17)))),
    (14, _week("tue wed thu fri", (time(12), time(16)), (time(17), time(20)))),
    (12, _week("mon wed fri", MORNING, AFTERNOON)),
    (10, _week("mon tue wed thu fri", MORNING)),
    (
        6,
        (*_week("tue wed thu fri", MORNING, AFTERNOON), Session(frozenset({SAT}), time(9), time(13), interval_weeks=2)),
    ),
)
AT_TWO = (_week("mon tue wed", MORNING, AFTERNOON), _week("thu fri", MORNING, AFTERNOON))


def schedules(seed: int, clinicians: Sequence[Clinician]) -> tuple[tuple[Room, ...], tuple[Template, ...]]:
    """Return a room for each clinician at each of their facilities, and their templates there."""
    rooms: list[Room] = []
    templates: list[Template] = []
    taken: dict[str, int] = {}
    for n, clinician in enumerate(clinicians):
        random = Random(f"{seed}:schedule:{clinician.clinician_id}")
        pattern = _FULL if n == 0 else random.choices([p for _, p in PATTERNS], [share for share, _ in PATTERNS])[0]
        weeks = AT_TWO if len(clinician.facility_ids) > 1 else (pattern,)
        for facility_id, sessions in zip(clinician.facility_ids, weeks, strict=True):
            taken[facility_id] = number = taken.get(facility_id, 0) + 1
            room = Room(f"room-{facility_id.removeprefix('fac-')}-{number:03}", facility_id, f"Exam room {number}")
            rooms.append(room)
            templates += _templates(clinician, room, sessions, len(templates))
    return tuple(rooms), tuple(templates)


def _templates(clinician: Clinician, room: Room, sessions: Sequence[Session], before: int) -> Iterator[Template]:
    for n, session in enumerate(sessions, before + 1):
        yield Template(
            template_id=f"tpl-{n:06}",
            clinician_id=clinician.clinician_id,
            facility_id=room.facility_id,
            room_id=room.room_id,
            weekdays=session.weekdays,
            starts=session.starts,
            ends=session.ends,
            valid_from=BEGAN,
            interval_weeks=session.interval_weeks,
            grid_minutes=GRIDS[clinician.specialty],
        )
