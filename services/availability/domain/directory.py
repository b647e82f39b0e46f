"""What availability knows of the directory: projections, each with the version it was last told."""

from dataclasses import dataclass

from services.availability.domain.places import Place


@dataclass(frozen=True, slots=True)
class Facility:
    """A hospital or outpatient centre; ``timezone`` is an IANA name."""

    facility_id: str
    version: int
    name: str
    place: Place
    timezone: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Clinician:
    """A clinician, with one specialty and the facilities they work at."""

    clinician_id: str
    version: int
    name: str
    specialty: str
    languages: tuple[str, ...]
    facility_ids: tuple[str, ...]
    active: bool = True


@dataclass(frozen=True, slots=True)
class VisitType:
    """A kind of visit of one specialty and its usual length in minutes."""

    visit_type: str
    version: int
    specialty: str
    minutes: int
    active: bool = True
