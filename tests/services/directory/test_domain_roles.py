"""Which assignments make sense, and what it takes to make them."""

from __future__ import annotations

import pytest

from services.contracts.roles import Role
from services.directory.domain.records import Clinician, Patient, RoleAssignment
from services.directory.domain.roles import HUMAN_ROLES, authority_needed, check_assignment
from services.kernel.errors import Invalid
from tests.services.directory.fakes import ANA, MARIA

KNOWN = ("fac-0001", "fac-0002")


def test_seven_roles_are_for_people() -> None:
    assert len(HUMAN_ROLES) == 7
    assert Role.EXTERNAL_APP not in HUMAN_ROLES


@pytest.mark.parametrize(
    ("role", "facilities", "person"),
    [
        (Role.PATIENT, (), MARIA), (Role.PROXY, (), MARIA), (Role.FRONT_DESK, ("fac-0001", "fac-0002"), None),
        (Role.SCHEDULER, ("*",), None), (Role.CLINICIAN, ("fac-0001",), ANA),
        (Role.FACILITY_ADMINISTRATOR, ("fac-0001",), None), (Role.AUDITOR, ("*",), None),
    ],
)  # fmt: skip
def test_sensible(role: Role, facilities: tuple[str, ...], person: Patient | Clinician | None) -> None:
    wanted = RoleAssignment("someone", role, facilities, _id(person))
    check_assignment(wanted, person, KNOWN)
    assert wanted.role is role


@pytest.mark.parametrize(
    ("role", "facilities", "person", "where"),
    [
        (Role.EXTERNAL_APP, ("*",), None, "role"),
        (Role.PATIENT, (), None, "person"),
        (Role.PATIENT, (), ANA, "person"),
        (Role.PATIENT, ("fac-0001",), MARIA, "facilities"),
        (Role.PROXY, ("*",), MARIA, "facilities"),
        (Role.CLINICIAN, ("fac-0001",), MARIA, "person"),
        (Role.CLINICIAN, (), ANA, "facilities"),
        (Role.CLINICIAN, ("*",), ANA, "facilities"),
        (Role.CLINICIAN, ("fac-0002",), ANA, "facilities"),
        (Role.FRONT_DESK, (), None, "facilities"),
        (Role.FRONT_DESK, ("fac-0001",), MARIA, "person"),
        (Role.SCHEDULER, ("fac-9999",), None, "facilities"),
        (Role.AUDITOR, ("fac-0001",), None, "facilities"),
    ],
)
def test_senseless(role: Role, facilities: tuple[str, ...], person: Patient | Clinician | None, where: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_assignment(RoleAssignment("someone", role, facilities, _id(person)), person, KNOWN)
    assert where in {error.where for error in refused.value.errors}


@pytest.mark.parametrize("facilities", [("*", "fac-0001"), ("fac-0001", "fac-0001"), ("all",)])
def test_facilities_are_ids_or_the_star_alone(facilities: tuple[str, ...]) -> None:
    with pytest.raises(Invalid):
        RoleAssignment("someone", Role.FRONT_DESK, facilities, "")


def test_user_names_are_no_addresses() -> None:
    with pytest.raises(Invalid):
        RoleAssignment("maria@example.org", Role.PATIENT, (), "pat-000001")


def test_authority_over_everything_given_and_taken() -> None:
    assert authority_needed(["fac-0002", "fac-0001", "fac-0002"], []) == [("fac-0001",), ("fac-0002",)]
    assert authority_needed([], [MARIA]) == [("fac-0001",)]
    assert authority_needed([], [ANA, MARIA, None]) == [("fac-0001",), ("*",)]
    assert authority_needed([], []) == [("*",)]


def _id(person: Patient | Clinician | None) -> str:
    if person is None:
        return ""
    return person.patient_id if isinstance(person, Patient) else person.clinician_id
