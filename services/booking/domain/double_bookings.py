"""Visits of one patient at one time, as staff are shown them: what resolving needs, and nothing about the visit."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Side:
    """One visit of a double booking."""

    id: UUID
    version: int
    status: str
    facility_id: str
    clinician_id: str
    starts_at: datetime
    ends_at: datetime
    timezone: str


@dataclass(frozen=True, slots=True)
class DoubleBooking:
    """Two visits of one patient at one time, left by a merge of two records."""

    patient_id: str
    one: Side
    other: Side
