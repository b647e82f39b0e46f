"""Cedar decides, everything not permitted is refused, and a faulty policy set never starts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.kernel.access import (
    REMEMBERED,
    AccessPolicies,
    AccessRefused,
    AttributeValue,
    Gate,
    PolicyFault,
    Resource,
)
from services.kernel.actor import Actor
from services.kernel.clock import FixedClock

SCHEMA = """
namespace Careslot {
  entity Role;
  entity Actor in [Role] = {
    subject: String, person: String, facilities: Set<String>, everywhere: Bool, scopes: Set<String>,
    clearances: Set<String>, emergency: String
  };
  entity Room = { facility: String, floor?: Long };
  action "enter" appliesTo { principal: [Actor], resource: [Room] };
  action "leave", "clean" appliesTo { principal: [Actor], resource: [Room] };
}
"""
ENTER = """
@id("staff-enter")
permit (principal in Careslot::Role::"staff", action == Careslot::Action::"enter", resource)
when { principal.facilities.contains(resource.facility) };
"""
STAFF = Actor("s", frozenset({"staff"}), facilities=frozenset({"f1"}))


def room(facility: str) -> Resource:
    return Resource("Room", "r", {"facility": facility}, about="p-1")


def gate(actor: Actor) -> Gate:
    policies = AccessPolicies(ENTER, SCHEMA)
    clock = FixedClock(datetime(2027, 1, 1, tzinfo=UTC))
    return Gate(policies, clock, service="rooms", action="enter", actor=actor, correlation_id="c" * 32)


def test_a_permit_names_the_policy_that_gave_it() -> None:
    entry = gate(STAFF).require(room("f1"))
    assert (entry.outcome, entry.policies, entry.about, entry.subject) == ("allowed", ("staff-enter",), "p-1", "s")
    assert entry.payload()["at"] == "2027-01-01T00:00:00+00:00"


def test_everything_else_is_refused_and_the_refusal_can_be_audited() -> None:
    for actor, facility in ((STAFF, "f2"), (Actor("x", frozenset()), "f1"), (Actor("x", frozenset({"other"})), "f1")):
        opened = gate(actor)
        with pytest.raises(AccessRefused) as caught:
            opened.require(room(facility))
        assert caught.value.entry.outcome == "refused"
        assert opened.decided
        assert "f1" not in caught.value.detail


@pytest.mark.parametrize(
    ("attributes", "facilities"),
    [({"facility": "f1"}, ("f1",)), ({"facility": "f1", "facilities": frozenset({"f3", "f2"})}, ("f1", "f2", "f3"))],
)
def test_an_entry_names_the_facilities_of_what_was_touched(
    attributes: dict[str, AttributeValue], facilities: tuple[str, ...]
) -> None:
    # The schema knows no second attribute, so this is refused; a refusal tells them as well.
    with pytest.raises(AccessRefused) as caught:
        gate(Actor("x", frozenset())).require(Resource("Room", "r", attributes))
    assert caught.value.entry.facilities == facilities


def test_asking_without_requiring_does_not_count_as_a_decision() -> None:
    opened = gate(STAFF)
    assert opened.allows(room("f1")) and not opened.allows(room("f2"))
    assert not opened.decided


def test_an_error_while_evaluating_refuses() -> None:
    risky = ENTER.replace("when {", "when { resource has floor && resource.floor * 9223372036854775807 > 1 ||")
    policies = AccessPolicies(risky, SCHEMA)
    overflowing = Resource("Room", "r", {"facility": "f1", "floor": True})
    assert not policies.decide(STAFF, "enter", overflowing).allowed
    assert not policies.decide(STAFF, "no-such-action", room("f1")).allowed


def test_actions_come_from_the_schema() -> None:
    assert AccessPolicies(ENTER, SCHEMA).actions == {"enter", "leave", "clean"}


@pytest.mark.parametrize(
    "policies",
    [
        ENTER.replace("facilities.contains", "facilitys.contains"),
        ENTER.replace('"enter"', '"entre"'),
        ENTER.replace('@id("staff-enter")', ""),
        ENTER + ENTER,
        "permit (",
    ],
    ids=["unknown attribute", "unknown action", "no id", "same id twice", "not cedar"],
)
def test_faulty_policies_do_not_start(policies: str) -> None:
    with pytest.raises(PolicyFault):
        AccessPolicies(policies, SCHEMA)


def test_a_folder_without_policies_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyFault, match="must hold"):
        AccessPolicies.from_folder(tmp_path)
    (tmp_path / "schema.cedarschema").write_text(SCHEMA)
    (tmp_path / "a.cedar").write_text(ENTER)
    assert AccessPolicies.from_folder(tmp_path).decide(STAFF, "enter", room("f1")).allowed


def test_the_same_question_has_the_same_answer_and_another_its_own() -> None:
    """What is remembered must never answer for somebody, something or some place else."""
    other = Actor("t", frozenset({"staff"}), facilities=frozenset({"f2"}))
    policies = AccessPolicies(ENTER, SCHEMA)
    asked = [
        (who, action, room(facility))
        for who in (STAFF, other)
        for action in ("enter", "leave")
        for facility in ("f1", "f2")
    ]
    first = [policies.decide(*question) for question in asked]
    assert [policies.decide(*question) for question in asked] == first
    assert [decision.allowed for decision in first] == [True, False, False, False, False, True, False, False]


def test_more_questions_than_are_remembered() -> None:
    policies = AccessPolicies(ENTER, SCHEMA)
    for number in range(REMEMBERED + 2):
        resource = Resource("Room", f"r-{number}", {"facility": "f1"})
        assert policies.decide(STAFF, "enter", resource).allowed
    assert not policies.decide(STAFF, "enter", room("f2")).allowed
