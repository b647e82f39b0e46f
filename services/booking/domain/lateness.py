"""When a cancellation counts as late: told before, recorded after, never a reason to refuse it.

A late cancellation leaves a slot that may go unused. It is held against nobody who could not help it: what the clinic
calls off, and a death, is never late, and staff can waive the rest.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.booking.domain.reasons import PATIENT_SIDE, CancelReason

LONGEST_HOURS = 336
_COUNTS = PATIENT_SIDE - {CancelReason.PATIENT_DECEASED} | {CancelReason.OTHER}


@dataclass(frozen=True, slots=True)
class LateRule:
    """Within ``hours`` before the start it is late, 0: never. Empty ids stand for every facility, every visit type.

    Of the rules that fit, the one that names both counts, then the facility's, then the visit type's, then the one
    for all.
    """

    facility_id: str
    visit_type: str
    hours: int


def late_from(starts_at: datetime, hours: int) -> datetime:
    """Return the instant from which cancelling is late."""
    return starts_at - timedelta(hours=hours)


def is_late(starts_at: datetime, now: datetime, hours: int, reason: CancelReason) -> bool:
    """Tell whether cancelling for ``reason`` at ``now`` is late by a rule of ``hours``."""
    return reason in _COUNTS and hours > 0 and now >= late_from(starts_at, hours)
