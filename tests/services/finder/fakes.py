"""Directory and availability as the finder sees them: two places, two specialties, open times on two days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.finder.domain.care import Facility, OpenTime, VisitType
from services.kernel.errors import FieldError, Invalid, Unavailable

TODAY = datetime(2027, 1, 4, 15, 0, 30, tzinfo=UTC)
BOSTON = Facility(
    "fac-1", "Boston <Medical> Center", "hospital", "100 Maple Avenue", "Boston", "MA", "02116", 42.35, -71.08,
    "America/New_York", "+16175550100",
)  # fmt: skip
HONOLULU = replace(
    BOSTON, facility_id="fac-2", name="Honolulu Center", state="HI", timezone="Pacific/Honolulu", phone="", address=""
)
FOLLOW_UP = VisitType("family-follow-up", "Follow-up visit", "family-medicine", "Family medicine", 20)
PHYSICAL = VisitType("family-physical", "Physical", "family-medicine", "Family medicine", 40)
ECHO = VisitType("cardiology-echo", "Echocardiogram", "cardiology", "Cardiology", 30)


def open_time(hours: float, kind: VisitType = FOLLOW_UP, places: int = 1) -> OpenTime:
    """Return a time so many hours from TODAY on."""
    starts = TODAY.replace(second=0) + timedelta(hours=hours)
    return OpenTime(kind.code, starts, starts + timedelta(minutes=kind.minutes), places)


@dataclass
class FakeCare:
    """Answers from memory; ``asked`` counts, ``silent`` are the facilities (or ``everything``) that do not answer."""

    places: list[Facility] = field(default_factory=lambda: [BOSTON, HONOLULU])
    times: dict[str, list[OpenTime]] = field(
        default_factory=lambda: {
            "fac-1": [open_time(1, places=3), open_time(26), open_time(2, ECHO)], "fac-2": [open_time(14)],
        }
    )  # fmt: skip
    asked: list[str] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if {what, "everything"} & self.silent:
            raise Unavailable(f"{what} does not answer.", retry_after=3)

    async def facilities(self) -> Sequence[Facility]:
        """Return every place."""
        self._ask("facilities")
        return tuple(self.places)

    async def near(self, zip_code: str, within_km: float, limit: int) -> Sequence[Facility]:
        """Return every place, three kilometres further each."""
        self._ask("near")
        if zip_code == "00000":
            raise Invalid("Give another ZIP code.", errors=[FieldError("query/zip", "is not known")])
        return tuple(replace(one, distance_km=3.0 * n) for n, one in enumerate(self.places[:limit], 1))

    async def visit_types(self) -> Sequence[VisitType]:
        """Return all three."""
        self._ask("visit-types")
        return (PHYSICAL, FOLLOW_UP, ECHO)

    async def open_times(self, facility_id: str, visit_types: Sequence[str]) -> Sequence[OpenTime]:
        """Return those of the kinds asked for."""
        self._ask(facility_id)
        return tuple(time for time in self.times[facility_id] if time.visit_type in visit_types)
