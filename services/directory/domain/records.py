"""The directory's records. Each checks itself when made, so that whatever door it came through it can be trusted.

A record is what people say about something; its version counts how often that changed (``Recorded``).
"""

import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar, Generic, TypeVar

from services.contracts.roles import Role
from services.contracts.security_labels import CLEARANCES, SecurityLabel
from services.directory.domain.identities import BusinessIdentifier, PatientMerge
from services.directory.domain.interpreters import Interpreter
from services.directory.domain.places import STATES
from services.directory.domain.values import (
    CODE,
    EMAIL,
    ID,
    LANGUAGE,
    PHONE,
    USERNAME,
    ZIP,
    Findings,
    search_key,
    zones,
)

KINDS = ("hospital", "outpatient-centre")
PATIENT_LANGUAGES = ("en", "es")
EVERYWHERE = "*"
EARLIEST_BIRTH = date(1900, 1, 1)
LATEST_BIRTH = date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Facility:
    """A hospital or outpatient centre. Coordinates in degrees (WGS 84); ``timezone`` an IANA name; phone in E.164."""

    KEY: ClassVar[str] = "facility_id"

    facility_id: str
    name: str
    kind: str
    address: str
    city: str
    state: str
    zip_code: str
    latitude: float
    longitude: float
    timezone: str
    phone: str = ""
    active: bool = True

    def __post_init__(self) -> None:
        found = Findings()
        found.matches(ID, self.facility_id, "facility_id", "must look like fac-0001")
        found.text(self.name, "name")
        found.unless(self.kind in KINDS, "kind", f"must be one of {', '.join(KINDS)}")
        found.text(self.address, "address", empty=True)
        found.text(self.city, "city")
        found.unless(self.state in STATES, "state", "must be a USPS abbreviation of a state or territory")
        found.matches(ZIP, self.zip_code, "zip_code", "must be five digits")
        found.unless(_within(self.latitude, 90), "latitude", "must be between -90 and 90 degrees")
        found.unless(_within(self.longitude, 180), "longitude", "must be between -180 and 180 degrees")
        found.unless(self.timezone in zones(), "timezone", "must be an IANA time zone such as America/New_York")
        found.matches(PHONE, self.phone, "phone", "must be E.164, such as +16175550100")
        found.settle()


@dataclass(frozen=True, slots=True)
class Specialty:
    """A field of medicine that clinicians work in and visit types belong to."""

    KEY: ClassVar[str] = "code"

    code: str
    name: str

    def __post_init__(self) -> None:
        found = Findings()
        found.unless(_is_code(self.code), "code", "must be lower-case words joined by hyphens")
        found.text(self.name, "name")
        found.settle()


@dataclass(frozen=True, slots=True)
class VisitType:
    """A kind of visit; ``minutes`` is its usual length, a multiple of five, ``security_label`` says who may know."""

    KEY: ClassVar[str] = "code"

    code: str
    name: str
    specialty: str
    minutes: int
    active: bool = True
    security_label: SecurityLabel = SecurityLabel.NORMAL

    def __post_init__(self) -> None:
        found = Findings()
        found.unless(_is_code(self.code), "code", "must be lower-case words joined by hyphens")
        found.text(self.name, "name")
        found.unless(_is_code(self.specialty), "specialty", "must be lower-case words joined by hyphens")
        found.unless(5 <= self.minutes <= 480 and self.minutes % 5 == 0, "minutes", "must be 5 to 480 in steps of 5")
        found.settle()


@dataclass(frozen=True, slots=True)
class Clinician:
    """Someone who sees patients, at one or more facilities, in one or more languages (BCP 47)."""

    KEY: ClassVar[str] = "clinician_id"

    clinician_id: str
    name: str
    specialty: str
    languages: tuple[str, ...]
    facility_ids: tuple[str, ...]
    active: bool = True

    def __post_init__(self) -> None:
        found = Findings()
        found.matches(ID, self.clinician_id, "clinician_id", "must look like cln-00001")
        found.text(self.name, "name")
        found.unless(_is_code(self.specialty), "specialty", "must be lower-case words joined by hyphens")
        found.several(self.languages, LANGUAGE, "languages", "must be language tags such as en, es or zh-Hant")
        found.several(self.facility_ids, ID, "facility_ids", "must be facility ids")
        found.settle()


@dataclass(frozen=True, slots=True)
class Patient:
    """The minimum about a patient: whom to reach, how, in which language and zone, and where they are registered."""

    KEY: ClassVar[str] = "patient_id"

    patient_id: str
    given_name: str
    family_name: str
    birth_date: date
    email: str
    phone: str
    language: str
    timezone: str
    facility_ids: tuple[str, ...]
    active: bool = True

    def __post_init__(self) -> None:
        found = Findings()
        found.matches(ID, self.patient_id, "patient_id", "must look like pat-000001")
        found.text(self.given_name, "given_name")
        found.text(self.family_name, "family_name")
        found.unless(EARLIEST_BIRTH <= self.birth_date <= LATEST_BIRTH, "birth_date", "must be a day since 1900")
        found.matches(EMAIL, self.email, "email", "must be an e-mail address, or empty")
        found.matches(PHONE, self.phone, "phone", "must be E.164, such as +16175550100, or empty")
        found.unless(self.language in PATIENT_LANGUAGES, "language", "must be en or es")
        found.unless(self.timezone in zones(), "timezone", "must be an IANA time zone such as America/New_York")
        found.several(self.facility_ids, ID, "facility_ids", "must be facility ids")
        found.settle()

    @property
    def family_key(self) -> str:
        """The family name as the front desk's search compares it."""
        return search_key(self.family_name)


@dataclass(frozen=True, slots=True)
class Proxy:
    """``person`` may act for ``patient_id`` until ``expires_at`` (45 CFR 164.502(g)), unless withdrawn before.

    As parent or guardian of a minor (``parental``) until ``confidential_until`` also in what is confidential; as
    whom an adult named (``granted``) never: consent to that is given elsewhere (42 CFR 2.31). See domain/proxies.py.
    """

    KEY: ClassVar[str] = "proxy_id"

    proxy_id: str
    patient_id: str
    person: str
    expires_at: datetime
    active: bool = True
    kind: str = "granted"
    confidential_until: datetime | None = None

    def __post_init__(self) -> None:
        found = Findings()
        found.matches(ID, self.proxy_id, "proxy_id", "must look like prx-000001")
        found.matches(ID, self.patient_id, "patient_id", "must look like pat-000001")
        found.matches(ID, self.person, "person", "must look like pat-000001")
        found.unless(self.person != self.patient_id, "person", "must be someone other than the patient")
        found.unless(self.expires_at.tzinfo is not None, "expires_at", "must carry an offset")
        found.settle()

    def lasts(self, now: datetime) -> bool:
        """Tell whether the proxy may act at ``now``."""
        return self.active and self.expires_at > now


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """What an account may do: one role, for some facilities (``*``: all), as some person ("" where none).

    ``clearances`` are the labels of visits it covers there, beside the unlabelled.
    """

    KEY: ClassVar[str] = "username"

    username: str
    role: Role
    facilities: tuple[str, ...]
    person: str
    clearances: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        found = Findings()
        found.unless(set(self.clearances) <= set(CLEARANCES), "clearances", "must be labels: R, ETH")
        found.unless(len(set(self.clearances)) == len(self.clearances), "clearances", "must not repeat a value")
        found.matches(USERNAME, self.username, "username", "must be lower-case letters, digits, '.', '_' or '-'")
        if self.facilities != (EVERYWHERE,):
            found.several(self.facilities, ID, "facilities", "must be facility ids, or '*' alone for all", least=0)
        if self.person:
            found.matches(ID, self.person, "person", "must look like pat-000001 or cln-00001")
        found.settle()


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """An account opened a patient's record in an emergency, for ``reason`` and in ``note``'s words, until it ends."""

    KEY: ClassVar[str] = "grant_id"

    grant_id: str
    subject: str
    role: str
    patient_id: str
    reason: str
    note: str
    opened_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None

    def lasts(self, now: datetime) -> bool:
        """Tell whether it opens anything at ``now``."""
        return self.ended_at is None and self.expires_at > now


Record = (
    BreakGlass
    | Facility
    | Specialty
    | VisitType
    | Clinician
    | Interpreter
    | Patient
    | Proxy
    | RoleAssignment
    | PatientMerge
    | BusinessIdentifier
)
R = TypeVar(
    "R",
    BreakGlass,
    Facility,
    Specialty,
    VisitType,
    Clinician,
    Interpreter,
    Patient,
    Proxy,
    RoleAssignment,
    PatientMerge,
    BusinessIdentifier,
)


@dataclass(frozen=True, slots=True)
class Recorded(Generic[R]):
    """A record as it is kept, with the number of the change that made it so (1 for the first)."""

    record: R
    version: int


def key_of(record: Record) -> str:
    """Return the id that ``record`` is kept under."""
    return str(getattr(record, record.KEY))


def _is_code(value: str) -> bool:
    return len(value) <= 60 and re.fullmatch(CODE, value) is not None


def _within(degrees: float, limit: float) -> bool:
    return math.isfinite(degrees) and -limit <= degrees <= limit
