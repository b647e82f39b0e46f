"""Late cancellation: told before, recorded after, waived with a reason, and never in the way of cancelling."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.booking.domain.lateness import is_late
from services.booking.domain.reasons import DISPLAY, NO_SLOT_LEFT, PATIENT_SIDE, PATIENTS_OWN, CancelReason
from tests.services.booking.world import NOW, START, World, offer

RULES = "/late-cancel-rules"


@given(st.sampled_from(CancelReason), st.integers(0, 336), st.integers(0, 400))
def test_only_patients_cancel_late_and_only_close_to_the_start(reason: CancelReason, hours: int, ahead: int) -> None:
    late = is_late(NOW + timedelta(hours=ahead), NOW, hours, reason)
    assert late <= (reason in PATIENT_SIDE or reason is CancelReason.OTHER)
    assert late <= (0 < hours >= ahead)
    assert not (late and reason is CancelReason.PATIENT_DECEASED)


def test_reasons_are_fhirs_and_each_has_its_words() -> None:
    # http://hl7.org/fhir/R4/valueset-appointment-cancellation-reason.html lists 32 codes.
    assert (len(CancelReason), set(DISPLAY)) == (32, set(CancelReason))
    assert PATIENTS_OWN - {CancelReason.OTHER} < PATIENT_SIDE
    assert not NO_SLOT_LEFT & PATIENT_SIDE


async def outlook(world: World, appointment: dict[str, Any], who: str = "maria") -> dict[str, Any]:
    answer = await world.client(who).get(f"/appointments/{appointment['id']}/cancellation")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_late_is_told_before_recorded_after_and_stays_in_the_history(world: World) -> None:
    visit = (await world.book(offer(START + timedelta(days=2)))).json()
    assert (await outlook(world, visit))["late"] is False
    world.clock.at = START + timedelta(days=1, minutes=1)
    told = await outlook(world, visit)
    assert (told["late"], told["late_hours"], told["late_from"]) == (True, 24, "2027-01-05T15:00:00Z")
    own = {reason["code"] for reason in told["reasons"]}
    assert "pat-lt" in own and not own & {"prov", "pat-dec"}
    assert {"prov", "pat-dec"} < {r["code"] for r in (await outlook(world, visit, "frontdesk"))["reasons"]}
    gone = (await world.do(visit, "cancel", {"reason": "pat-lt"}, who="maria")).json()
    assert (gone["status"], gone["late_cancel"], gone["late_waived"]) == ("cancelled", True, "")
    waived = await world.do(gone, "waive-late-cancel", {"reason": "transportation"})
    assert (waived.status_code, waived.json()["late_waived"], waived.json()["reason"]) == (
        200,
        "transportation",
        "pat-lt",
    )
    history = (await world.client("frontdesk").get(f"/appointments/{visit['id']}/history")).json()["entries"]
    assert [(h["action"], h["late"], h["reason"], h["actor_subject"]) for h in history[1:]] == [
        ("cancel", True, "pat-lt", "sub-maria"), ("waive-late", False, "transportation", "sub-frontdesk"),
    ]  # fmt: skip
    answer = await world.client("maria").get(f"/appointments/{visit['id']}/cancellation")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:careslot:problem:not-in-this-status")


async def test_what_the_clinic_calls_off_is_never_late_and_only_late_ones_are_waived(world: World) -> None:
    visit = (await world.book(offer())).json()
    gone = (await world.do(visit, "cancel", {"reason": "prov-pers"})).json()
    assert gone["late_cancel"] is False
    refused = await world.do(gone, "waive-late-cancel", {"reason": "other"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:careslot:problem:not-cancelled-late")


async def test_patients_give_their_own_reasons_and_waive_nothing(world: World) -> None:
    visit = (await world.book(offer())).json()
    refused = await world.do(visit, "cancel", {"reason": "prov-pers"}, who="maria")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:careslot:problem:reason-not-yours")
    gone = (await world.do(visit, "cancel", {"reason": "other"}, who="maria")).json()
    assert gone["late_cancel"] is True
    assert (await world.do(gone, "waive-late-cancel", {"reason": "other"}, who="maria")).status_code == 403


async def put(world: World, who: str, **rule: Any) -> int:
    return (await world.client(who).put(RULES, json=rule)).status_code


async def test_the_rule_that_says_most_counts(world: World) -> None:
    visit = (await world.book(offer(START + timedelta(hours=30)))).json()
    kind = visit["visit_type"]
    for who, rule, hours in (
        ("root", {"facility_id": "every", "hours": 1}, 1),
        ("root", {"facility_id": "every", "visit_type": kind, "hours": 2}, 2),
        ("admin", {"facility_id": "fac-0001", "hours": 3}, 3),
        ("admin", {"facility_id": "fac-0001", "visit_type": kind, "hours": 48}, 48),
    ):
        assert await put(world, who, **rule) == 200
        told = await outlook(world, visit)
        assert (told["late_hours"], told["late"]) == (hours, hours == 48)
    listed = (await world.client("admin").get(RULES, params={"facility_id": "fac-0001"})).json()
    assert [(rule["facility_id"], rule["hours"]) for rule in listed["rules"]] == [
        ("every", 1), ("every", 2), ("fac-0001", 3), ("fac-0001", 48),
    ]  # fmt: skip
    named = {"facility_id": "fac-0001", "visit_type": kind}
    gone = await world.client("admin").delete(RULES, params=named)
    assert (gone.status_code, (await outlook(world, visit))["late_hours"]) == (204, 3)
    assert (
        await world.client("admin").delete(RULES, params={"facility_id": "fac-0001", "visit_type": kind})
    ).status_code == 404
    assert await put(world, "admin", facility_id="fac-0001", hours=0) == 200
    assert (await outlook(world, visit))["late_from"] is None


async def test_rules_are_set_by_who_administers_there(world: World) -> None:
    assert await put(world, "admin", facility_id="every", hours=1) == 403
    assert await put(world, "admin", facility_id="fac-0002", hours=1) == 403
    assert await put(world, "frontdesk", facility_id="fac-0001", hours=1) == 403
    assert await put(world, "admin", facility_id="fac-0001", hours=337) == 422
