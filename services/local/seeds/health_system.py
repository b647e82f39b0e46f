"""The whole made-up health system at once, the same for the same seed and sizes on every machine and day."""

from dataclasses import dataclass
from datetime import date

from services.availability.domain.templates import Template
from services.directory.domain.interpreters import Interpreter
from services.directory.domain.records import Clinician, Facility, Patient, Proxy, Record, Specialty, VisitType
from services.local.seeds.clinicians import clinicians as make_clinicians
from services.local.seeds.facilities import facilities as make_facilities
from services.local.seeds.interpreters import interpreters
from services.local.seeds.patients import patients as make_patients
from services.local.seeds.patients import proxies as make_proxies
from services.local.seeds.schedules import Room, schedules
from services.local.seeds.specialties import specialties, visit_types

SEED = 2026
AS_OF = date(2026, 1, 5)


@dataclass(frozen=True, slots=True)
class HealthSystem:
    """What there is: the directory's records, and rooms and templates for availability."""

    facilities: tuple[Facility, ...]
    specialties: tuple[Specialty, ...]
    visit_types: tuple[VisitType, ...]
    clinicians: tuple[Clinician, ...]
    interpreters: tuple[Interpreter, ...]
    patients: tuple[Patient, ...]
    proxies: tuple[Proxy, ...]
    rooms: tuple[Room, ...]
    templates: tuple[Template, ...]

    @property
    def directory_records(self) -> tuple[Record, ...]:
        """Everything the directory keeps, for ``bulk_record``."""
        return (
            *self.specialties, *self.visit_types, *self.facilities, *self.clinicians, *self.interpreters,
            *self.patients, *self.proxies,
        )  # fmt: skip


def health_system(
    seed: int = SEED, *, facilities: int = 212, clinicians: int = 4000, patients: int = 2000, as_of: date = AS_OF
) -> HealthSystem:
    """Return a health system of the given sizes; only the ends of proxy grants depend on ``as_of``.

    A smaller system is not a part of a larger one, except for its facilities. Raise Invalid for impossible sizes.
    """
    places = make_facilities(facilities)
    staff = make_clinicians(seed, clinicians, places)
    people = make_patients(seed, patients, places)
    rooms, templates = schedules(seed, staff)
    return HealthSystem(
        facilities=places,
        specialties=specialties(),
        visit_types=visit_types(),
        clinicians=staff,
        interpreters=interpreters(seed, places),
        patients=people,
        proxies=make_proxies(people, as_of),
        rooms=rooms,
        templates=templates,
    )
