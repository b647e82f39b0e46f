"""What booking's use cases need from outside, each as small as it can be."""

from services.booking.ports.disruptions import (
    DisruptionStore,
    DisruptionWork,
    Facilities,
    Progress,
    Replacements,
    Telling,
    Wanted,
)
from services.booking.ports.open_slots import OpenSlot, OpenSlots, TakenPlaces
from services.booking.ports.projections import Projections
from services.booking.ports.register import (
    Answer,
    Decide,
    DecideTogether,
    Look,
    Question,
    Register,
    Replay,
    SeriesRegister,
    Stored,
    Submission,
    Together,
    Writing,
)
from services.booking.ports.stores import (
    DoubleBookings,
    Feed,
    FreedStore,
    FreedWork,
    LateRuleStore,
    LateRuleWork,
    PatientRecord,
    RecordedChange,
    Store,
    UnitOfWork,
)

__all__ = [
    "Answer", "Decide", "DecideTogether", "DisruptionStore", "DisruptionWork", "DoubleBookings", "Facilities", "Feed",
    "FreedStore", "FreedWork", "LateRuleStore", "LateRuleWork", "Look", "OpenSlot", "OpenSlots", "PatientRecord",
    "Progress", "Projections", "Question", "RecordedChange", "Register", "Replacements", "Replay", "SeriesRegister",
    "Store", "Stored", "Submission", "TakenPlaces", "Telling", "Together", "UnitOfWork", "Wanted", "Writing",
]  # fmt: skip
