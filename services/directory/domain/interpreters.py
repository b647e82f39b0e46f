"""Interpreters: who they interpret for and when they can be had (45 CFR 92.201 asks for qualified ones).

What FHIR R4 says with PractitionerRole.availableTime and notAvailable, kept to one span a day.
"""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from services.directory.domain.values import ID, LANGUAGE, Findings, zones

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WALL_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
DAY = r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Someone who interprets between English and ``languages`` (BCP 47; sign languages too, ``ase`` is American).

    In the room at ``facility_ids``, or ``remote`` by video or phone: for these facilities, or for all where none is
    named. On ``weekdays`` (FHIR's codes) from ``starts`` to ``ends`` by the clocks of ``timezone``; an ``ends`` not
    after ``starts`` is the next day's. Not on ``days_off`` (dates in that zone).
    """

    KEY: ClassVar[str] = "interpreter_id"

    interpreter_id: str
    name: str
    languages: tuple[str, ...]
    facility_ids: tuple[str, ...]
    remote: bool
    timezone: str
    weekdays: tuple[str, ...]
    starts: str
    ends: str
    days_off: tuple[str, ...] = ()
    active: bool = True

    def __post_init__(self) -> None:
        found = Findings()
        found.matches(ID, self.interpreter_id, "interpreter_id", "must look like int-00001")
        found.text(self.name, "name")
        found.several(self.languages, LANGUAGE, "languages", "must be language tags such as es, vi or ase")
        least = 0 if self.remote else 1
        found.several(self.facility_ids, ID, "facility_ids", "must be facility ids", least=least)
        found.unless(self.timezone in zones(), "timezone", "must be an IANA time zone such as America/New_York")
        found.several(self.weekdays, f"^({'|'.join(WEEKDAYS)})$", "weekdays", "must be mon, tue, wed ... sun")
        found.matches(WALL_TIME, self.starts, "starts", "must be a time such as 08:00")
        found.matches(WALL_TIME, self.ends, "ends", "must be a time such as 17:00")
        found.several(self.days_off, DAY, "days_off", "must be days such as 2027-01-18", least=0)
        found.unless(all(_is_day(day) for day in self.days_off), "days_off", "must be days of the calendar")
        found.settle()


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
