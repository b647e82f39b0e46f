"""Clinics: a clinician's session whose every start has a number of places, which ordinary templates have not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.availability.domain.sessions import Period
from services.contracts.slot_offer import MOST_PLACES
from services.kernel.errors import FieldError, Invalid

LONGEST = timedelta(hours=16)


@dataclass(frozen=True, slots=True)
class Clinic:
    """Starts every ``minutes`` within ``period``, each for ``capacity`` patients; ``room_id`` empty for none."""

    clinic_id: UUID
    clinician_id: str
    facility_id: str
    room_id: str
    visit_type: str
    period: Period
    minutes: int
    capacity: int

    def __post_init__(self) -> None:
        wrong = [FieldError(f"body/{where}", what) for where, what, fine in self._rules() if not fine]
        if wrong:
            raise Invalid("The clinic breaks a rule.", errors=wrong)

    def _rules(self) -> Iterator[tuple[str, str, bool]]:
        length = self.period.ends_at - self.period.starts_at
        yield "minutes", "must be 5 to 480", 5 <= self.minutes <= 480
        yield "capacity", f"must be 1 to {MOST_PLACES}", 1 <= self.capacity <= MOST_PLACES
        yield "ends_at", "must leave time for one start at least", length >= timedelta(minutes=self.minutes)
        yield "ends_at", "must be 16 hours after starts_at at most", length <= LONGEST
