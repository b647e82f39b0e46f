"""What somebody who waits would take: from a search or a form, to what waitlist wants to hear."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from services.portal.api.fields import CODE, ZIP, Fields
from services.portal.api.wording import Wording
from services.portal.domain.wish import KM_A_MILE, Wish

DISTANCES = (5, 10, 25, 50, 100)
WEEKDAYS = {
    1: "Monday", 2: "Tuesday", 3: "Wednesday", 4: "Thursday", 5: "Friday", 6: "Saturday", 7: "Sunday",
}  # fmt: skip
# Parts of the day by the facility's clocks.
PARTS = {
    "morning": ("Morning, until noon", "00:00", "12:00"),
    "afternoon": ("Afternoon, noon to 5", "12:00", "17:00"),
    "evening": ("Evening, from 5", "17:00", "23:59"),
}
NOTICE = {
    0: "However short", 120: "At least two hours before", 1440: "At least a day before",
    2880: "At least two days before", 10080: "At least a week before",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Waiting:
    """The wishes of one request."""

    visit_type: str = ""
    specialty: str = ""
    facilities: tuple[str, ...] = ()
    clinicians: tuple[str, ...] = ()
    zip_code: str = ""
    within_miles: int = 25
    weekdays: tuple[int, ...] = ()
    parts: tuple[str, ...] = ()
    earliest: date | None = None
    latest: date | None = None
    notice: int = 120
    interpreter: str = ""

    @classmethod
    def of(cls, wish: Wish) -> "Waiting":
        """Return what a search asked for as wishes of a request."""
        return cls(
            visit_type=wish.visit_type, specialty=wish.specialty, zip_code=wish.zip_code,
            facilities=(wish.facility,) if wish.facility else (), within_miles=wish.within_miles,
            earliest=wish.first_day, latest=wish.last_day, interpreter=wish.interpreter,
        )  # fmt: skip

    def with_usual(self, kinds: Iterable[Mapping[str, Any]]) -> "Waiting":
        """Return it with the specialty's usual kind of visit (the shortest, as in search) where none was chosen."""
        of = [kind for kind in kinds if kind["specialty"] == self.specialty]
        if self.visit_type or not of:
            return self
        usual = min(of, key=lambda kind: (kind["minutes"], kind["code"]))
        return replace(self, visit_type=usual["code"])

    def body(self, patient_id: str, specialty: str) -> dict[str, Any]:
        """Return the request as waitlist takes it: named facilities go before a place and a distance."""
        near = {"zip_code": self.zip_code, "distance_km": round(self.within_miles * KM_A_MILE, 1)}
        return {
            "patient_id": patient_id, "specialty": specialty, "visit_type": self.visit_type,
            **({"facilities": list(self.facilities)} if self.facilities else {"near": near}),
            "clinicians": list(self.clinicians), "weekdays": list(self.weekdays),
            "windows": [{"starts": PARTS[part][1], "ends": PARTS[part][2]} for part in self.parts],
            "earliest": self.earliest.isoformat() if self.earliest else None,
            "latest": self.latest.isoformat() if self.latest else None,
            "notice_minutes": self.notice,
            **({"interpreter": self.interpreter} if self.interpreter else {}),
        }  # fmt: skip


def said_times(windows: Iterable[Mapping[str, str]], _: Wording) -> list[str]:
    """Return windows as people say them: by the part of the day, else by the clock."""
    names = {(starts, ends): name for name, starts, ends in PARTS.values()}
    told = ((window["starts"], window["ends"]) for window in windows)
    return [_(names[pair]) if pair in names else "–".join(pair) for pair in told]


def read_waiting(form: Mapping[str, object], _: Wording, wish: Wish) -> tuple[Waiting, dict[str, str]]:
    """Return the wishes a form says, and what is wrong with them by field."""
    fields = Fields(form, _)
    facilities = tuple(
        str(value) for name, value in form.items() if name.startswith("facility_") and len(str(value)) < 65
    )
    waiting = Waiting(
        visit_type=fields.matching("visit_type", CODE, _("Choose from the list.")),
        specialty=wish.specialty,
        facilities=facilities[:20],
        clinicians=(wish.clinician,) if wish.clinician and fields.text("only_clinician") else (),
        zip_code=fields.matching("zip_code", ZIP, _("Enter five digits, such as 02108.")),
        within_miles=fields.number("within_miles", 1, 120),
        weekdays=tuple(day for day in WEEKDAYS if fields.text(f"weekday_{day}")),
        parts=tuple(part for part in PARTS if fields.text(f"part_{part}")),
        earliest=fields.day("earliest"),
        latest=fields.day("latest"),
        notice=fields.number("notice", 0, 20160),
        interpreter=wish.interpreter if fields.text("with_interpreter") else "",
    )
    if not waiting.visit_type:
        fields.errors.setdefault("visit_type", _("Choose a kind of visit."))
    if not waiting.facilities and not waiting.zip_code:
        fields.errors.setdefault("zip_code", _("Choose a facility, or enter a ZIP code."))
    if waiting.earliest and waiting.latest and waiting.latest < waiting.earliest:
        fields.errors["latest"] = _("This day lies before the first one.")
    return waiting, fields.errors
