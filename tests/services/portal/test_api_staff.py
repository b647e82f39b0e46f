"""Pages of administrators, auditors and the desk's waitlist: what is asked of whom, and what is shown first."""

from __future__ import annotations

import pytest

from services.kernel.errors import Invalid, StaleVersion
from tests.services.portal.conftest import Browser, hidden
from tests.services.portal.fakes import ACCESS, KIND, REQUEST

EDIT = "/visit-types/follow-up"


async def test_a_kind_of_visit_is_changed_after_its_effect_was_seen(browser: Browser) -> None:
    await browser.sign_in("administrator")
    fields = {"name": "Follow-up", "specialty": "family-medicine", "minutes": "45", "active": "1"}
    preview = await browser.send(EDIT, f"{EDIT}/preview", **fields)
    assert "15 visits of this kind are booked." in preview.text
    assert "begin at 310 times; after the change at 140" in preview.text
    assert not [asked for asked in browser.services.asked if asked.what.startswith("PUT")]
    done = await browser.http.post(EDIT, data=hidden(preview.text, EDIT))
    assert done.headers["location"] == "../visit-types?told=saved"
    sent = browser.services.last("PUT directory")
    body = {"name": "Follow-up", "specialty": "family-medicine", "minutes": 45, "active": True}
    assert (sent.body, sent.headers["if-match"]) == (body, '"4"')
    browser.services.faults["PUT directory"] = StaleVersion("x")
    stale = await browser.http.post(EDIT, data=hidden(preview.text, EDIT))
    assert stale.status_code == 412
    assert "changed elsewhere in the meantime" in stale.text


async def test_a_kind_that_is_taken_out_says_what_can_no_longer_be_booked(browser: Browser) -> None:
    await browser.sign_in("administrator")
    fields = {"name": "Follow-up", "specialty": "family-medicine", "minutes": "20"}
    preview = await browser.send(EDIT, f"{EDIT}/preview", **fields)
    assert "None can be booked after the change." in preview.text
    assert "active" not in hidden(preview.text, EDIT)


async def test_a_new_kind_needs_a_short_name_of_its_own(browser: Browser) -> None:
    await browser.sign_in("administrator")
    new, fields = "/visit-types/new", {"name": "Long", "specialty": "family-medicine", "minutes": "60", "active": "1"}
    for code in ("", "Long visit", KIND["code"]):
        answer = await browser.send(new, new, code=code, **fields)
        assert (answer.status_code, 'href="#code"' in answer.text) == (422, True), code
    preview = await browser.send(new, new, code="long-visit", **fields)
    assert "Times open as soon as the schedules know the new kind." in preview.text
    await browser.http.post("/visit-types/long-visit", data=hidden(preview.text, "/visit-types/long-visit"))
    assert "if-match" not in browser.services.last("PUT directory").headers


@pytest.mark.parametrize(
    ("changes", "mended"), [({"minutes": "42"}, "minutes"), ({"name": ""}, "name"), ({"specialty": ""}, "specialty")]
)
async def test_what_a_kind_cannot_be_is_told_beside_the_field(
    browser: Browser, changes: dict[str, str], mended: str
) -> None:
    await browser.sign_in("administrator")
    fields = {"name": "Follow-up", "specialty": "family-medicine", "minutes": "45", "active": "1", **changes}
    answer = await browser.send(EDIT, f"{EDIT}/preview", **fields)
    assert (answer.status_code, f'href="#{mended}"' in answer.text) == (422, True)


async def test_openings_of_a_kind_availability_has_not_heard_of_are_none(browser: Browser) -> None:
    await browser.sign_in("administrator")
    browser.services.faults["GET availability /visit-types"] = Invalid("x")
    fields = {"name": "Follow-up", "specialty": "family-medicine", "minutes": "45", "active": "1"}
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
