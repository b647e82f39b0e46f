"""Pages of administrators, auditors and the desk's waitlist: what is asked of whom, and what is shown first."""

from __future__ import annotations

import pytest

from services.kernel.errors import Invalid, NotFound, StaleVersion, Unauthenticated
from tests.services.portal.conftest import Browser, hidden
from tests.services.portal.fakes import ACCESS, GLASS, KIND, REQUEST
from tests.services.portal.fakes_visits import APPOINTMENT

EDIT = "/visit-types/follow-up"


async def test_a_kind_of_visit_is_changed_after_its_effect_was_seen(browser: Browser) -> None:
    await browser.sign_in("administrator")
    fields = {
        "name": "Follow-up",
        "specialty": "family-medicine",
        "minutes": "45",
        "active": "1",
        "security_label": "N",
    }
    preview = await browser.send(EDIT, f"{EDIT}/preview", **fields)
    assert "15 visits of this kind are booked." in preview.text
    assert "begin at 310 times; after the change at 140" in preview.text
    assert not [asked for asked in browser.services.asked if asked.what.startswith("PUT")]
    done = await browser.http.post(EDIT, data=hidden(preview.text, EDIT))
    assert done.headers["location"] == "../visit-types?told=saved"
    sent = browser.services.last("PUT directory")
    body = {"name": "Follow-up", "specialty": "family-medicine", "minutes": 45, "active": True, "security_label": "N"}
    assert (sent.body, sent.headers["if-match"]) == (body, '"4"')
    browser.services.faults["PUT directory"] = StaleVersion("x")
    stale = await browser.http.post(EDIT, data=hidden(preview.text, EDIT))
    assert stale.status_code == 412
    assert "changed elsewhere in the meantime" in stale.text


async def test_a_kind_that_is_taken_out_says_what_can_no_longer_be_booked(browser: Browser) -> None:
    await browser.sign_in("administrator")
    fields = {"name": "Follow-up", "specialty": "family-medicine", "minutes": "20", "security_label": "R"}
    preview = await browser.send(EDIT, f"{EDIT}/preview", **fields)
    assert "None can be booked after the change." in preview.text
    assert "Confidential: shown to others as busy time" in preview.text
    assert "active" not in hidden(preview.text, EDIT)


async def test_a_new_kind_needs_a_short_name_of_its_own(browser: Browser) -> None:
    await browser.sign_in("administrator")
    new, fields = (
        "/visit-types/new",
        {"name": "Long", "specialty": "family-medicine", "minutes": "60", "active": "1", "security_label": "N"},
    )
    for code in ("", "Long visit", KIND["code"]):
        answer = await browser.send(new, new, code=str(code), **fields)
        assert (answer.status_code, 'href="#code"' in answer.text) == (422, True), code
    preview = await browser.send(new, new, code="long-visit", **fields)
    assert "Times open as soon as the schedules know the new kind." in preview.text
    await browser.http.post("/visit-types/long-visit", data=hidden(preview.text, "/visit-types/long-visit"))
    assert "if-match" not in browser.services.last("PUT directory").headers


@pytest.mark.parametrize(
    ("changes", "mended"),
    [
        ({"minutes": "42"}, "minutes"),
        ({"name": ""}, "name"),
        ({"specialty": ""}, "specialty"),
        ({"security_label": "X"}, "security_label"),
    ],
)
async def test_what_a_kind_cannot_be_is_told_beside_the_field(
    browser: Browser, changes: dict[str, str], mended: str
) -> None:
    await browser.sign_in("administrator")
    fields = {
        "name": "Follow-up",
        "specialty": "family-medicine",
        "minutes": "45",
        "active": "1",
        "security_label": "N",
        **changes,
    }
    answer = await browser.send(EDIT, f"{EDIT}/preview", **fields)
    assert (answer.status_code, f'href="#{mended}"' in answer.text) == (422, True)


async def test_openings_of_a_kind_availability_has_not_heard_of_are_none(browser: Browser) -> None:
    await browser.sign_in("administrator")
    browser.services.faults["GET availability /visit-types"] = Invalid("x")
    fields = {
        "name": "Follow-up",
        "specialty": "family-medicine",
        "minutes": "45",
        "active": "1",
        "security_label": "N",
    }
    assert (await browser.send(EDIT, f"{EDIT}/preview", **fields)).status_code == 200


async def test_a_review_is_narrowed_paged_and_exported_as_it_is_shown(browser: Browser) -> None:
    await browser.sign_in("auditor")
    page = await browser.get("/reviews/patients/pat-000001?first=2027-01-01&last=2027-01-04&facility=fac-0001")
    asked = browser.services.last("GET audit").query
    assert (asked["from"], asked["to"]) == ("2027-01-01T00:00:00+00:00", "2027-01-05T00:00:00+00:00")
    assert asked["facility"] == "fac-0001"
    assert "booking 2027-01-04 #7" in page.text and "Refused" in page.text
    assert "cursor=older" in page.text
    await browser.get("/reviews/patients/pat-000001?first=2027-01-01&last=2027-01-04&cursor=older")
    assert browser.services.last("GET audit").query["cursor"] == "older"
    exported = await browser.get("/reviews/export.ndjson?first=2027-01-01&last=2027-01-04&patient=pat-000001")
    assert exported.headers["content-type"] == "application/fhir+ndjson"
    assert 'filename="audit-2027-01-01-2027-01-04.ndjson"' in exported.headers["content-disposition"]
    assert browser.services.last("DOWNLOAD audit").query["patient"] == "pat-000001"


async def test_an_export_that_is_too_long_is_not_offered(browser: Browser) -> None:
    await browser.sign_in("auditor")
    assert "export.ndjson" in (await browser.get("/reviews/refusals")).text
    longer = (await browser.get("/reviews/refusals?first=2026-10-01&last=2027-01-04")).text
    assert "export.ndjson" not in longer and "at most 31 days" in longer
    assert (await browser.get("/reviews/refusals?first=2027-01-04&last=2026-10-01")).status_code == 422
    assert (await browser.get("/reviews/refusals?first=tomorrow")).status_code == 422


async def test_a_review_begins_with_a_number_or_by_finding_one(browser: Browser) -> None:
    await browser.sign_in("auditor")
    answer = await browser.send("/reviews", "/reviews", patient="pat-000001")
    assert answer.headers["location"] == "reviews/patients/pat-000001"
    answer = await browser.send("/reviews", "/reviews", subject=ACCESS["subject"])
    assert answer.headers["location"] == f"reviews/users/{ACCESS['subject']}"
    for fields, mended in (({}, "patient"), ({"patient": "x y"}, "patient"), ({"subject": "/"}, "subject")):
        answer = await browser.send("/reviews", "/reviews", **fields)
        assert (answer.status_code, f'href="#{mended}"' in answer.text) == (422, True)
    found = await browser.send("/reviews", "/reviews/find", family_name="Pro", birth_date="1980-02-03")
    assert 'href="../reviews/patients/pat-000001"' in found.text
    assert (await browser.send("/reviews", "/reviews/find", family_name="Pro")).status_code == 422


async def test_a_changed_trail_is_told_as_such(browser: Browser) -> None:
    await browser.sign_in("auditor")
    finding = {"kind": "missing", "service": "booking", "seq": 3, "detail": "it is gone"}
    browser.services.known["POST audit /chains/2027-01-04/verification"] = {
        "day": "2027-01-04", "sound": False, "chains": 2, "entries": 12, "anchors": 1, "findings": [finding],
    }  # fmt: skip
    answer = await browser.send("/reviews/chains", "/reviews/chains/2027-01-04/verify")
    assert "The trail was changed" in answer.text and "missing: booking #3: it is gone" in answer.text
    assert (await browser.get("/reviews/chains?day=soon")).status_code == 422


async def test_the_desk_sets_priorities_and_takes_off_the_list(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    page = "/desk/fac-0001/waitlist"
    assert "after=5_f" in (await browser.get(page)).text
    answer = await browser.send(page, f"{page}/{REQUEST}/priority", priority="urgent")
    assert answer.headers["location"] == "../../../../desk/fac-0001/waitlist?told=saved"
    assert browser.services.last("PUT waitlist").body == {"referral_priority": "urgent"}
    answer = await browser.send(page, f"/waitlist/{REQUEST}/withdraw")
    assert answer.headers["location"] == "../../desk/fac-0001/waitlist?told=left"


async def test_the_desk_puts_a_patient_on_the_list(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    await browser.send("/patients/pat-000001", "/patients/pat-000001/book")
    fields = {"visit_type": "follow-up", "facility_1": "fac-0001", "within_miles": "10", "notice": "0"}
    answer = await browser.send("/waitlist/new", "/waitlist/new", **fields)
    assert answer.headers["location"] == "../patients/pat-000001?told=joined"
    sent = browser.services.last("POST waitlist /requests")
    assert (sent.body["patient_id"], sent.body["facilities"]) == ("pat-000001", ["fac-0001"])


OPEN = {"patient": "pat-000001", "reason": "patient-safety", "note": "found unconscious"}


async def test_a_record_is_opened_in_an_emergency_read_and_closed(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    opened = await browser.send("/emergency", "/emergency", **OPEN)
    path = f"/emergency/{GLASS['grant_id']}"
    assert opened.headers["location"] == path.lstrip("/")
    body = {"patient_id": "pat-000001", "reason": "patient-safety", "note": "found unconscious"}
    assert browser.services.last("POST directory").body == body
    page = await browser.get(path)
    assert "Emergency access until 10:00" in page.text and "found unconscious" in page.text
    assert "sealed-glass" not in page.text, "the token is given to no browser"
    for what in ("GET directory /patients/pat-000001", "GET booking /appointments"):
        assert browser.services.last(what).headers["X-Careslot-Break-Glass"] == "sealed-glass"
    ended = await browser.send(path, f"{path}/end")
    assert ended.headers["location"] == "../../emergency?told=emergency-ended"
    browser.services.known[f"GET directory /break-glass/{GLASS['grant_id']}"] = {**GLASS, "token": ""}
    over = await browser.get(path)
    assert over.status_code == 410 and "Probe" not in over.text


async def test_an_old_sign_in_is_asked_for_again_and_what_was_typed_is_kept(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    browser.services.faults["POST directory /break-glass"] = Unauthenticated(
        "x", slug="insufficient-user-authentication"
    )
    asked = await browser.send("/emergency", "/emergency", **OPEN)
    assert asked.status_code == 401 and "Confirm that it is you" in asked.text
    assert "found unconscious" not in asked.text
    assert (await browser.get("/home")).status_code == 200, "the session goes on meanwhile"
    browser.services.faults.clear()
    data = {**hidden(asked.text, "/sign-in"), "username": "frontdesk", "password": "right"}
    shown = await browser.http.post("/sign-in", data=data)
    opened = await browser.http.post("/emergency", data=hidden(shown.text, "/emergency"))
    assert opened.headers["location"] == f"emergency/{GLASS['grant_id']}"


@pytest.mark.parametrize(
    ("changes", "mended"),
    [({"reason": "curious"}, "reason"), ({"note": "short"}, "note"), ({"patient": "x y"}, "patient"),
     ({"patient": ""}, "family_name")],
)  # fmt: skip
async def test_opening_a_record_needs_a_reason_and_a_patient(
    browser: Browser, changes: dict[str, str], mended: str
) -> None:
    await browser.sign_in("frontdesk")
    answer = await browser.send("/emergency", "/emergency", **{**OPEN, **changes})
    assert (answer.status_code, f'href="#{mended}"' in answer.text) == (422, True)
    browser.services.faults["POST directory /break-glass"] = NotFound("x")
    named = {**OPEN, "patient": "", "family_name": "Pro", "birth_date": "1980-02-03"}
    answer = await browser.send("/emergency", "/emergency", **named)
    assert (answer.status_code, 'href="#family_name"' in answer.text) == (422, True)


async def test_busy_time_shows_nobody(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    busy = {**APPOINTMENT, "busy": True, "patient_id": "", "visit_type": "", "reason": ""}
    browser.services.known["GET booking /facilities/fac-0001/day"] = {"appointments": [busy], "next": None}
    day = (await browser.get("/desk/fac-0001")).text
    assert "Busy" in day and "check-in" not in day and "Probe" not in day
