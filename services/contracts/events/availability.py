"""What availability tells: who is away and what is closed, so that booking can refuse by itself."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import AwareDatetime

from services.contracts.events.base import Event


class LeaveRecorded(Event):
    """A clinician is away in [starts_at, ends_at)."""

    TYPE: ClassVar[str] = "availability.leave-recorded.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "leave_id": "0197a000-0000-7000-8000-000000000001", "clinician_id": "cln-00001",
        "starts_at": "2027-01-04T05:00:00Z", "ends_at": "2027-01-05T05:00:00Z",
    }  # fmt: skip

    leave_id: str
    clinician_id: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class LeaveWithdrawn(Event):
    """The leave never was, or is no more."""

    TYPE: ClassVar[str] = "availability.leave-withdrawn.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "leave_id": "0197a000-0000-7000-8000-000000000001",
        "clinician_id": "cln-00001",
    }

    leave_id: str
    clinician_id: str


class ClosureRecorded(Event):
    """A facility is closed in [starts_at, ends_at)."""

    TYPE: ClassVar[str] = "availability.closure-recorded.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "closure_id": "0197a000-0000-7000-8000-000000000002", "facility_id": "fac-0001",
        "starts_at": "2027-01-04T05:00:00Z", "ends_at": "2027-01-05T05:00:00Z",
    }  # fmt: skip

    closure_id: str
    facility_id: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class ClosureWithdrawn(Event):
    """The closure never was, or is no more."""

    TYPE: ClassVar[str] = "availability.closure-withdrawn.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "closure_id": "0197a000-0000-7000-8000-000000000002",
        "facility_id": "fac-0001",
    }

    closure_id: str
    facility_id: str
