"""A slot that is open now, with what a person needs to choose it and booking needs to take it."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class SlotQuery:
    """What is looked for. Starts lie in [starts_at, ends_at) and, where days are given, on those local days.

    ``distances`` maps the facilities to look at to kilometres (or None); None itself means every facility.
    ``clinician_ids`` empty means any clinician; ``language`` empty means any language. ``urgent`` looks at places
    that are kept for urgent visits too.
    """

    specialty: str
    visit_type: str
    minutes: int
    starts_at: datetime
    ends_at: datetime
    first_day: date | None = None
    last_day: date | None = None
    distances: dict[str, float | None] | None = None
    clinician_ids: tuple[str, ...] = ()
    language: str = ""
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """An open slot; ``slot_id`` is derived from its content and ``distance_km`` None where no place was given.

    ``interpreter_id`` is who interprets the language ``interpreted`` in it, both "" where nobody was asked for.
    ``capacity`` is 0 but for a start of a clinic: how many patients may have it.
    """

    slot_id: str
    clinician_id: str
    clinician_name: str
    facility_id: str
    facility_name: str
    timezone: str
    specialty: str
    visit_type: str
    starts_at: datetime
    ends_at: datetime
    room_id: str
    depth: int
    schedule_version: int
    distance_km: float | None
    interpreter_id: str = ""
    interpreted: str = ""
    capacity: int = 0

    @property
    def rank(self) -> tuple[datetime, float, str]:
        """Order of "first available": start, then distance, then id."""
        return self.starts_at, self.distance_km if self.distance_km is not None else 0.0, self.slot_id

    @property
    def starts_local(self) -> datetime:
        """The start on the facility's wall clock, with its offset."""
        return self.starts_at.astimezone(ZoneInfo(self.timezone))
