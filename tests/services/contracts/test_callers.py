"""Everybody has a class, the one their role deserves, and people come before programs."""

from dataclasses import replace

import pytest

from services.contracts.callers import APPS, CALLERS, CLASSES, NEWCOMERS, class_of
from services.contracts.clients import CLIENTS
from services.contracts.roles import Role
from services.kernel.actor import Actor, Emergency


def app(*scopes: str) -> Actor:
    """Return a program with ``scopes``, as the user pool writes them."""
    return Actor("app", frozenset({Role.EXTERNAL_APP}), scopes=frozenset(scopes))


@pytest.mark.parametrize("role", Role)
def test_every_role_has_a_class_that_a_doorkeeper_knows(role: Role) -> None:
    assert class_of(Actor("a", frozenset({role}))) in {kind.name for kind in CLASSES} - {NEWCOMERS.name}


def test_of_several_roles_the_one_that_goes_first_counts_and_an_emergency_before_all() -> None:
    actor = Actor("a", frozenset({Role.PATIENT, Role.FRONT_DESK}))
    assert class_of(actor) == "desk"
    assert class_of(replace(actor, emergency=Emergency("btg-1", "pat-000001"))) == "emergency"


def test_services_of_ours_are_told_from_other_programs_by_their_scopes() -> None:
    waitlist = next(client for client in CLIENTS if client.name == "waitlist")
    external = next(client for client in CLIENTS if client.name == "external-app")
    assert class_of(app(*waitlist.asked_as)) == "services"
    assert class_of(app(*external.asked_as)) == APPS.name
    assert class_of(app()) == APPS.name


def test_people_come_before_programs() -> None:
    weights = {kind.name: kind.weight for kind in CLASSES}
    people = {"emergency", "desk", "clinicians", "patients", "office"}
    assert min(weights[name] for name in people) > max(weights["services"], weights["apps"])
    assert CALLERS.newcomers in weights
