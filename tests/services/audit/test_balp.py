"""Entries as FHIR: valid AuditEvents, and the BALP profile they claim kept to the letter of its rules."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.domain.balp import ENTITY_TYPES, PROFILES, TERMINOLOGY, audit_event, interaction_of
from services.kernel.access import AccessPolicies
from services.kernel.audit import AuditEntry
from tests.services.audit.chains import KEY, entry

SCHEMA = jsonschema_rs.validator_for(json.loads(Path(__file__).with_name("auditevent.schema.json").read_text("utf-8")))
ACTIONS = sorted(AccessPolicies.from_folder(Path(__file__).parents[3] / "policies" / "access").actions)
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,40}", fullmatch=True)
maybe = st.just("") | ids


def entity(event: dict[str, Any], system: str, code: str) -> list[dict[str, Any]]:
    """Return the entities of this type: the slices of BALP."""
    return [one for one in event["entity"] if one["type"]["system"] == system and one["type"]["code"] == code]


def agents(event: dict[str, Any], system: str, *codes: str) -> list[dict[str, Any]]:
    """Return the agents of this type."""
    found = [(agent, agent["type"]["coding"][0]) for agent in event["agent"]]
    return [agent for agent, coding in found if coding["system"] == system and coding["code"] in codes]


def check_profile(event: dict[str, Any], of: AuditEntry) -> None:
    """Hold ``event`` to the constraints of the profile it claims (ITI BALP 1.1, input/fsh)."""
    [profile] = event["meta"]["profile"]
    name = profile.removeprefix(PROFILES)
    assert name in {f"{p}{n}" for p in ("", "Patient") for n in ("Read", "Query", "Create", "Update")}
    kind = name.removeprefix("Patient")
    assert event["type"] == {
        "system": f"{TERMINOLOGY}audit-event-type", "code": "rest", "display": "Restful Operation",
    }  # fmt: skip
    assert event["subtype"][0]["code"] == {"Query": "search"}.get(kind, kind.lower())
    assert event["action"] == {"Read": "R", "Query": "E", "Create": "C", "Update": "U"}[kind]
    assert event["outcome"] == "0"
    client, server = ("110152", "110153") if kind == "Read" else ("110153", "110152")
    for code in (client, server):
        [agent] = agents(event, DICOM, code)
        assert agent["who"] and agent["network"] and "media" not in agent
    users = agents(event, f"{TERMINOLOGY}v3-ParticipationType", "IRCP" if kind in {"Read", "Query"} else "AUT")
    assert len(users) == len(event["agent"]) - 2 <= 1
    assert all(user["who"] and user["requestor"] is True and "network" not in user for user in users)
    if name.startswith("Patient"):
        [patient] = entity(event, f"{TERMINOLOGY}audit-entity-type", "1")
        assert patient["role"]["code"] == "1" and patient["what"]["type"] == "Patient"
        assert patient["what"]["identifier"]["value"] == of.about
    [thing] = entity(event, f"{TERMINOLOGY}audit-entity-type", "2")
    if kind == "Query":
        assert thing["role"]["code"] == "24" and "what" not in thing and "_query" in thing and "detail" not in thing
    else:
        assert thing["role"]["code"] == "4" and thing["what"]
    assert all(one["what"]["identifier"]["value"] for one in entity(event, ENTITY_TYPES, "XrequestId"))


@given(
    st.builds(
        lambda action, outcome, subject, roles, person, kind, resource, about, reason, correlation: entry(
            action=action, outcome=outcome, subject=subject, roles=roles, person=person, resource_type=kind,
            resource_id=resource, about=about, reason=reason, correlation_id=correlation,
        ),
        st.sampled_from([*ACTIONS, "break-glass"]),
        st.sampled_from(["allowed", "refused", "unauthenticated"]),
        ids | st.just("system:booking"),
        st.sampled_from([(), ("auditor",), ("external-app",), ("front-desk", "scheduler")]),
        maybe,
        st.sampled_from(["Patient", "Appointment", "AuditTrail", "Preferences"]),
        maybe | st.just("search"),
        maybe,
        maybe,
        maybe,
    )
)  # fmt: skip
def test_any_entry_is_a_valid_audit_event(of: AuditEntry) -> None:
    event = json.loads(json.dumps(audit_event(of, KEY, 7)))
    SCHEMA.validate(event)
    assert event["id"] == str(of.id)
    assert event["extension"] == [{"url": "urn:careslot:audit-chain", "valueString": "booking/2027-01-04/7"}]
    if of.outcome == "allowed":
        check_profile(event, of)
    else:
        assert event["outcome"] == "4"
        assert "meta" not in event, "the profiles are for successes"


def test_an_unauthenticated_call_is_an_event_without_a_resource() -> None:
    nobody = entry(
        outcome="unauthenticated", subject="unknown", roles=(), resource_type="", resource_id="", about="",
        reason="token-expired", policies=(),
    )  # fmt: skip
    event = audit_event(nobody, KEY, 1)
    SCHEMA.validate(event)
    assert (event["outcomeDesc"], [one["type"]["code"] for one in event["entity"]]) == ("token-expired", ["XrequestId"])


def test_breaking_the_glass_is_the_purpose() -> None:
    event = audit_event(entry(reason="break-glass: emergency"), KEY, 1)
    assert event["purposeOfEvent"][0]["coding"][0]["code"] == "BTG"


def test_an_app_is_the_client_and_nobody_else() -> None:
    event = audit_event(entry(subject="app-1", roles=("external-app",)), KEY, 1)
    assert [agent["requestor"] for agent in event["agent"]] == [True, False]
    assert event["agent"][0]["who"]["identifier"]["value"] == "app-1"


@pytest.mark.parametrize(
    ("action", "resource", "interaction"),
    [
        ("read-appointment", "a", "read"), ("read-patient", "search", "search"), ("read-day", "f", "search"),
        ("search-slots", "s", "search"), ("follow-day", "f", "search"), ("export-audit", "export", "search"),
        ("book-appointment", "a", "create"), ("cancel-appointment", "a", "update"), ("move-appointment", "a", "update"),
    ],
)  # fmt: skip
def test_our_actions_are_restful_interactions(action: str, resource: str, interaction: str) -> None:
    assert interaction_of(entry(action=action, resource_id=resource)) == interaction
