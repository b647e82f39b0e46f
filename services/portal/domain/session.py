"""A signed-in session: who, since when, until when. It ends by idleness or age, whatever its token still says.

NIST SP 800-63B section 4.2.3 (AAL2) asks for at most 12 hours and 30 idle minutes; ours are shorter.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

IDLE = timedelta(minutes=20)
OLDEST = timedelta(hours=8)
RENEW_BEFORE = timedelta(minutes=2)
Language = Literal["en", "es"]
DESK = frozenset({"front-desk", "scheduler", "facility-administrator", "clinician"})
PATIENT_DESK = frozenset({"front-desk", "scheduler"})
CARED_FOR = frozenset({"patient", "proxy"})
BREAK_GLASS = frozenset({"front-desk", "clinician"})
PLANNERS = frozenset({"scheduler", "facility-administrator"})


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in. ``csrf`` is the synchroniser token of every form of this session.

    ``acting_for`` is the patient whose proxy they are being just now, "" for nobody; the services decide whether they
    may, here it only says whose visits the pages show.
    """

    token: str = field(repr=False)
    csrf: str = field(repr=False)
    started_at: datetime
    seen_at: datetime
    token_ends_at: datetime
    username: str = ""
    roles: frozenset[str] = frozenset()
    person: str = ""
    facilities: tuple[str, ...] = ()
    acting_for: str = ""
    acting_name: str = ""

    def ended(self, now: datetime) -> bool:
        """Tell whether the session is over at ``now``."""
        return now - self.seen_at > IDLE or now - self.started_at > OLDEST or now >= self.token_ends_at

    def wants_renewal(self, now: datetime) -> bool:
        """Tell whether the token should be renewed, which neither idleness nor age allow for ever."""
        young = now - self.seen_at <= IDLE and now - self.started_at <= OLDEST
        return young and self.token_ends_at - now < RENEW_BEFORE

    def seen(self, now: datetime) -> "Session":
        """Return the session as used at ``now``."""
        return replace(self, seen_at=now)

    def acts(self, patient_id: str, name: str) -> "Session":
        """Return the session as acting for a patient; for nobody but themselves with ""."""
        return replace(self, acting_for=patient_id, acting_name=name)

    @property
    def patient(self) -> str:
        """The patient whose pages are shown: the one acted for, else themselves, "" for whoever is no patient."""
        return self.acting_for or (self.person if "patient" in self.roles else "")

    @property
    def everywhere(self) -> bool:
        """Whether the role is for every facility."""
        return "*" in self.facilities

    def may(self, roles: frozenset[str]) -> bool:
        """Tell whether one of ``roles`` is held: for menus only, the services decide."""
        return bool(self.roles & roles)
