"""Which role assignments make sense, and over which facilities whoever makes one must have authority.

Nobody gives what they do not hold: an assignment needs authority over every facility it names, and over every one it
takes away. A person's own record is reached through ``person``, so that is bound to facilities as well.
"""

from collections.abc import Iterable

from services.contracts.roles import Role
from services.directory.domain.records import EVERYWHERE, Clinician, Patient, RoleAssignment
from services.directory.domain.values import Findings

HUMAN_ROLES = tuple(role for role in Role if role is not Role.EXTERNAL_APP)
AS_PATIENT = frozenset({Role.PATIENT, Role.PROXY})


def check_assignment(wanted: RoleAssignment, person: Patient | Clinician | None, known: Iterable[str]) -> None:
    """Raise Invalid unless ``wanted`` makes sense.

    ``person`` is the record that ``wanted.person`` names, None when there is none; ``known`` the facilities among
    ``wanted.facilities`` that exist.
    """
    found = Findings()
    facilities = set(wanted.facilities) - {EVERYWHERE}
    found.unless(wanted.role in HUMAN_ROLES, "role", "must be a role of a person")
    found.unless(facilities <= set(known), "facilities", "must be facilities of the directory")
    if wanted.role in AS_PATIENT:
        found.unless(isinstance(person, Patient), "person", "must be a patient of the directory")
        found.unless(not wanted.facilities, "facilities", "must be empty: the person decides what is reached")
        found.unless(not wanted.clearances, "clearances", "must be empty: the person decides what is reached")
    elif wanted.role is Role.CLINICIAN:
        found.unless(isinstance(person, Clinician), "person", "must be a clinician of the directory")
        own = set(person.facility_ids) if isinstance(person, Clinician) else set()
        inside = bool(facilities) and EVERYWHERE not in wanted.facilities and facilities <= own
        found.unless(inside, "facilities", "must be facilities the clinician works at")
    else:
        found.unless(not wanted.person, "person", "must be empty for this role")
        found.unless(bool(wanted.facilities), "facilities", "must name at least one facility, or '*'")
    if wanted.role is Role.AUDITOR:
        found.unless(wanted.facilities == (EVERYWHERE,), "facilities", "must be '*': auditors read everywhere")
    found.settle()


def authority_needed(facilities: Iterable[str], people: Iterable[Patient | Clinician | None]) -> list[tuple[str, ...]]:
    """Return what an assigner needs: of each tuple, authority over at least one facility (``*``: over all).

    ``facilities`` are those given and those taken away; ``people`` whoever the account acts as, before and after, None
    for one that is not on record. A patient registered at several facilities is known at each of them, so authority
    over one is enough; a clinician's account reaches the visits at all of them, so it takes authority over all.
    """
    needs: list[tuple[str, ...]] = [(facility,) for facility in sorted(set(facilities))]
    for person in people:
        if isinstance(person, Patient):
            needs.append(person.facility_ids)
        else:
            needs += [(facility,) for facility in (person.facility_ids if person else (EVERYWHERE,))]
    return list(dict.fromkeys(needs)) or [(EVERYWHERE,)]
