"""Who may do what, as one table a reviewer can read: the policies must give exactly this, no more and no less.

`own` means only inside the role assignment (own facility, own record, own grant, own scope), `all` everywhere,
`-` never. Regenerate with `python -m tests.policies.test_access` and read the difference before committing it.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from services.contracts.roles import Role
from services.kernel.access import AccessPolicies, AttributeValue, Resource
from services.kernel.actor import ANYBODY, Actor
from tests.policies.actors import ACTORS, SCOPES, everywhere

ROOT = Path(__file__).parents[2]
EXPECTED = Path(__file__).with_name("access_matrix.txt")
# What no token is asked for (policies/access/public.cedar), and what everyone may who has one.
PUBLIC = {"find-care", "find-open-times"}
OPEN_TO_ALL = {"read-facility", "read-catalogue", "search-slots"} | PUBLIC
POLICIES = AccessPolicies.from_folder(ROOT / "policies" / "access")


def resources(inside: bool, label: str = "N") -> dict[str, Mapping[str, AttributeValue]]:
    """Attributes of one resource a type, inside or outside of everything the actors are assigned to."""
    facility, patient, clinician, proxy = (
        ("fac-1", "pat-1", "cln-1", "prx-1") if inside else ("fac-2", "pat-2", "cln-2", "prx-2")
    )
    proxies = frozenset({proxy})
    return {
        "Facility": {"facility": facility},
        "Catalogue": {},
        "Slots": {},
        "Schedule": {"facility": facility, "clinician": clinician},
        "Patient": {"patient": patient, "proxies": proxies, "facilities": frozenset({facility})},
        "Appointment": {
            "patient": patient, "clinician": clinician, "facility": facility, "proxies": proxies, "confidants": proxies,
            "label": label,
        },
        "Disruption": {"facilities": frozenset({facility}), "clinician": clinician},
        "WaitlistRequest": {
            "patient": patient, "proxies": proxies, "confidants": proxies, "facilities": frozenset({facility}),
            "label": label,
        },
        "Preferences": {"patient": patient, "proxies": proxies, "label": label},
        "Person": {"person": proxy},
        "BreakGlass": {"subject": "a" if inside else "b"},
        "AuditTrail": {"facilities": frozenset({facility}), "everywhere": False},
    }  # fmt: skip


def permitted(actor: Actor, action: str, inside: bool) -> bool:
    """Tell whether any resource type lets ``actor`` do ``action``; the schema gives each action one type."""
    return any(
        POLICIES.decide(actor, action, Resource(kind, "r", attributes)).allowed
        for kind, attributes in resources(inside).items()
    )


def cell(actor: Actor, action: str) -> str:
    """Say how far ``actor``'s role reaches for ``action``; after the stroke, with an assignment for everywhere."""

    def reach(who: Actor) -> str:
        return "all" if permitted(who, action, inside=False) else "own" if permitted(who, action, inside=True) else "-"

    plain, wide = reach(actor), reach(everywhere(actor))
    return plain if plain == wide else f"{plain}/{wide}"


def matrix() -> str:
    """Render the table."""
    header = f"{'action':24}" + "".join(f"{role.value:>24}" for role in Role)
    rows = [
        f"{action:24}" + "".join(f"{cell(ACTORS[role], action):>24}" for role in Role)
        for action in sorted(POLICIES.actions)
    ]
    return "\n".join([header, *rows]) + "\n"


def test_the_policies_give_exactly_the_table() -> None:
    assert matrix() == EXPECTED.read_text("utf-8")


def test_nobody_without_a_role_may_touch_anything_that_holds_phi() -> None:
    nobody = Actor("x", frozenset(), person="pat-1", facilities=frozenset({"*"}), scopes=SCOPES)
    assert {action for action in POLICIES.actions if permitted(nobody, action, inside=True)} == OPEN_TO_ALL


def test_whoever_presents_no_token_sees_open_times_and_nothing_else() -> None:
    both = (permitted(ANYBODY, action, inside=True) for action in sorted(POLICIES.actions))
    assert {action for action, may in zip(sorted(POLICIES.actions), both, strict=True) if may} == PUBLIC
    pretends = replace(ANYBODY, roles=ANYBODY.roles | {role.value for role in Role}, facilities=frozenset({"*"}))
    assert {action for action in POLICIES.actions if permitted(pretends, action, inside=True)} == PUBLIC


@pytest.mark.parametrize("role", [Role.PATIENT, Role.PROXY, Role.CLINICIAN])
def test_an_account_without_a_person_owns_nothing(role: Role) -> None:
    blank = Actor("x", frozenset({role.value}))
    nameless: dict[str, AttributeValue] = {
        "patient": "", "clinician": "", "facility": "fac-2", "proxies": frozenset({""}), "facilities": frozenset(),
        "everywhere": False, "confidants": frozenset({""}), "label": "N", "person": "", "subject": "somebody",
    }  # fmt: skip
    for kind, attributes in resources(inside=False).items():
        resource = Resource(kind, "r", {name: nameless[name] for name in attributes})
        for action in POLICIES.actions - OPEN_TO_ALL:
            assert not POLICIES.decide(blank, action, resource).allowed, (action, kind)


def test_an_auditor_of_a_facility_sees_its_part_of_the_trail_alone() -> None:
    def may(auditor: Actor, *facilities: str, everything: bool = False) -> bool:
        part: dict[str, AttributeValue] = {"facilities": frozenset(facilities), "everywhere": everything}
        return POLICIES.decide(auditor, "read-audit", Resource("AuditTrail", "refusals", part)).allowed

    local = ACTORS[Role.AUDITOR]
    assert may(local, "fac-1")
    assert not any([may(local, "fac-1", "fac-2"), may(local, everything=True), may(local)])
    assert may(everywhere(local), everything=True)


def test_an_auditor_changes_nothing() -> None:
    auditor = everywhere(ACTORS[Role.AUDITOR])
    changing = {
        action
        for action in POLICIES.actions
        if not action.startswith(("read-", "search-", "explain-", "export-", "find-"))
    }
    assert not [action for action in changing if permitted(auditor, action, inside=True)]


if __name__ == "__main__":
    EXPECTED.write_text(matrix(), "utf-8")
