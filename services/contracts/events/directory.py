"""What the directory tells: state-carrying records, so that others can keep projections and need not ask.

Each carries ``version``; a projection keeps the highest it has seen, whatever order events arrive in.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from services.contracts.events.base import Event
from services.contracts.security_labels import SecurityLabel


class FacilityRecorded(Event):
    """A hospital or outpatient centre was registered or changed."""

    TYPE: ClassVar[str] = "directory.facility-recorded.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "facility_id": "fac-0001", "version": 1, "name": "Careslot Boston Medical Center", "kind": "hospital",
        "city": "Boston", "state": "MA", "zip_code": "02108", "latitude": 42.3576, "longitude": -71.0684,
        "timezone": "America/New_York", "active": True,
    }  # fmt: skip

    facility_id: str
    version: int
    name: str
    kind: str
    city: str
    state: str
    zip_code: str
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    timezone: str
    active: bool


class ClinicianRecorded(Event):
    """A clinician was registered or changed."""

    TYPE: ClassVar[str] = "directory.clinician-recorded.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "clinician_id": "cln-00001", "version": 1, "name": "Dr. Ana Flores", "specialty": "family-medicine",
        "languages": ["en", "es"], "facility_ids": ["fac-0001"], "active": True,
    }  # fmt: skip

    clinician_id: str
    version: int
    name: str
    specialty: str
    languages: tuple[str, ...]
    facility_ids: tuple[str, ...]
    active: bool


class InterpreterRecorded(Event):
    """An interpreter was registered or changed. Without facilities they interpret from afar, for all of them.

    They can be had on ``weekdays`` from ``starts`` to ``ends`` by the clocks of ``timezone`` (an ``ends`` not after
    ``starts`` is the next day's), but not on ``days_off``.
    """

    TYPE: ClassVar[str] = "directory.interpreter-recorded.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "interpreter_id": "int-00001", "version": 1, "name": "Lucía Ortega", "languages": ["es"],
        "facility_ids": ["fac-0001"], "remote": False, "timezone": "America/New_York",
        "weekdays": ["mon", "tue", "wed", "thu", "fri"], "starts": "08:00", "ends": "17:00",
        "days_off": ["2027-01-18"], "active": True,
    }  # fmt: skip

    interpreter_id: str
    version: int
    name: str
    languages: tuple[str, ...]
    facility_ids: tuple[str, ...]
    remote: bool
    timezone: str
    weekdays: tuple[str, ...]
    starts: str
    ends: str
    days_off: tuple[str, ...]
    active: bool


class VisitTypeRecorded(Event):
    """A kind of visit was defined or changed; ``minutes`` is its usual length, ``security_label`` who may know."""

    TYPE: ClassVar[str] = "directory.visit-type-recorded.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "visit_type": "family-medicine-follow-up", "version": 1, "name": "Follow-up visit",
        "specialty": "family-medicine", "minutes": 20, "active": True, "security_label": "N",
    }  # fmt: skip

    visit_type: str
    version: int
    name: str
    specialty: str
    minutes: int = Field(ge=5, le=480)
    active: bool
    security_label: SecurityLabel = SecurityLabel.NORMAL


class PatientRecorded(Event):
    """A patient's minimal record was registered or changed: who to reach, how, in which language and zone."""

    TYPE: ClassVar[str] = "directory.patient-recorded.v1"
    PHI: ClassVar[bool] = True
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "patient_id": "pat-000001", "version": 1, "given_name": "Maria", "family_name": "Example",
        "birth_date": "1980-02-03", "email": "maria@example.org", "phone": "+16175550100", "language": "es",
        "timezone": "America/New_York", "facility_ids": ["fac-0001"], "active": True,
    }  # fmt: skip

    patient_id: str
    version: int
    given_name: str
    family_name: str
    birth_date: date
    email: str
    phone: str
    language: Literal["en", "es"]
    timezone: str
    facility_ids: tuple[str, ...]
    active: bool


class PatientMerged(Event):
    """Two records were found to be one person: ``survivor_id`` stands for ``replaced_id`` from now on.

    Told again, with a higher version, when the survivor is itself replaced later.
    """

    TYPE: ClassVar[str] = "directory.patient-merged.v1"
    PHI: ClassVar[bool] = True
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "replaced_id": "pat-000002", "version": 1, "survivor_id": "pat-000001", "merged_at": "2027-01-03T14:00:00Z",
    }  # fmt: skip

    replaced_id: str
    version: int
    survivor_id: str
    merged_at: AwareDatetime


class ProxyRecorded(Event):
    """Someone may act for a patient until ``expires_at``, or no longer may.

    Until ``confidential_until`` (None: never) they know of restricted visits too. The ends are computed by the
    directory, so that nobody else needs a birth date for them.
    """

    TYPE: ClassVar[str] = "directory.proxy-recorded.v1"
    PHI: ClassVar[bool] = True
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "proxy_id": "prx-000001", "version": 1, "patient_id": "pat-000002", "person": "pat-000001",
        "expires_at": "2033-01-01T00:00:00Z", "active": True, "confidential_until": "2027-01-01T00:00:00Z",
    }  # fmt: skip

    proxy_id: str
    version: int
    patient_id: str
    person: str
    expires_at: AwareDatetime
    active: bool
    confidential_until: AwareDatetime | None = None


class BreakGlassRecorded(Event):
    """Somebody opened a patient's record in an emergency, or ended that. Neither patient nor account is named."""

    TYPE: ClassVar[str] = "directory.break-glass-recorded.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "grant_id": "btg-0197a000000070008000000000000001", "version": 1, "role": "clinician",
        "reason": "emergency-treatment", "opened_at": "2027-01-04T12:00:00Z", "expires_at": "2027-01-04T13:00:00Z",
        "ended_at": None,
    }  # fmt: skip

    grant_id: str
    version: int
    role: str
    reason: str
    opened_at: AwareDatetime
    expires_at: AwareDatetime
    ended_at: AwareDatetime | None


class RoleAssigned(Event):
    """An account was given a role for some facilities, covering visits with the labels ``clearances``."""

    TYPE: ClassVar[str] = "directory.role-assigned.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "username": "frontdesk", "role": "front-desk", "facilities": ["fac-0001"], "person": "", "clearances": ["R"],
    }  # fmt: skip

    username: str
    role: str
    facilities: tuple[str, ...]
    person: str
    clearances: tuple[SecurityLabel, ...] = ()
