"""What someone is looking for while they go from page to page: kept encrypted on their side, never in an address."""

from dataclasses import dataclass
from datetime import date

SHOWN = 40
KM_A_MILE = 1.609344


@dataclass(frozen=True, slots=True)
class Wish:
    """A search for slots. ``patient`` is for whom; ``moving`` the appointment that is to be moved, "" for none.

    ``language`` is the clinician's, ``interpreter`` the one somebody has to interpret.
    """

    patient: str = ""
    specialty: str = ""
    visit_type: str = ""
    zip_code: str = ""
    within_miles: int = 25
    first_day: date | None = None
    last_day: date | None = None
    language: str = ""
    facility: str = ""
    clinician: str = ""
    moving: str = ""
    interpreter: str = ""

    def query(self) -> dict[str, str]:
        """Return the parameters of availability's search."""
        asked = {
            "specialty": self.specialty,
            "visit_type": self.visit_type,
            "zip": self.zip_code,
            "within_km": str(round(self.within_miles * KM_A_MILE, 1)) if self.zip_code else "",
            "from": self.first_day.isoformat() if self.first_day else "",
            "to": self.last_day.isoformat() if self.last_day else "",
            "language": self.language,
            "interpreter": self.interpreter,
            "facility": self.facility,
            "clinician": self.clinician,
            "limit": str(SHOWN),
        }
        return {name: value for name, value in asked.items() if value}
