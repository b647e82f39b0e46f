"""Disruptions in the portal: followed by planners, called about by the desk, answered by patients."""

from __future__ import annotations

import pytest

from services.kernel.errors import Conflict, NotFound, Unavailable
from tests.services.portal.conftest import Browser
from tests.services.portal.fakes_disruption import DISRUPTED, DISRUPTED_ID
from tests.services.portal.fakes_visits import APPOINTMENT, VISIT

PAGE = f"/alternatives/{DISRUPTED_ID}"


async def test_recording_leave_or_a_closure_leads_to_what_becomes_of_the_visits(browser: Browser) -> None:
    await browser.sign_in("administrator")
    days = {"first_day": "2027-01-04", "last_day": "2027-01-04"}
    for start, where in (("/schedules/cln-00001", "leave"), ("/closures/fac-0001", "")):
        preview = f"{start}/{where}/preview".replace("//", "/")
        drawn = await browser.send(start, preview, **days)
        confirm = preview.removesuffix("/preview")
        token = drawn.text.split('name="csrf" value="')[1].split('"')[0]
        answer = await browser.http.post(confirm, data={"csrf": token, **days})
        assert answer.status_code == 303
        assert "disruptions/" in answer.headers["location"]


@pytest.mark.parametrize("language", ["en", "es"])
async def test_progress_and_the_record_of_who_was_told_when(browser: Browser, language: str) -> None:
    await browser.sign_in("frontdesk")
    browser.http.headers["accept-language"] = language
    text = (await browser.get("/disruptions/leave-1")).text
    told = {"en": ("No e-mail and no phone on file", "could not be delivered"), "es": ("Sin correo", "no pudo entreg")}
    for words in (*told[language], "&lt;Probe&gt;", 'data-from="../disruptions/leave-1/progress"'):
        assert words in text
    numbers = await browser.get("/disruptions/leave-1/progress")
    assert "<dl" in numbers.text and "<html" not in numbers.text
    assert "set-cookie" not in numbers.headers, "a screen left alone must not keep its session alive"
    listed = await browser.get("/disruptions/at/fac-0001")
    assert "disruptions/leave-1" in listed.text
    assert (await browser.get("/disruptions")).headers["location"] == "disruptions/at/fac-0001"


async def test_a_moment_after_recording_the_page_waits_for_booking(browser: Browser) -> None:
    await browser.sign_in("scheduler")
    browser.services.faults["GET booking /disruptions/leave-1"] = NotFound("not yet")
    answer = await browser.get("/disruptions/leave-1?told=leave")
    assert (answer.status_code, "being looked for" in answer.text) == (200, True)


async def test_the_desk_notes_its_calls(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    page, action = "/calls/fac-0001", f"/calls/fac-0001/{DISRUPTED_ID}"
    assert "after=1-0" in (await browser.get(page)).text
    answer = await browser.send(page, action, outcome="left-message")
    assert answer.status_code == 303
    assert browser.services.last("POST booking").body == {"outcome": "left-message"}
    assert (await browser.send(page, action, outcome="sang")).status_code == 422


async def test_a_patient_sees_the_notice_and_takes_another_time(browser: Browser) -> None:
    await browser.sign_in("patient")
    assert f"alternatives/{DISRUPTED_ID}" in (await browser.get("/home")).text
    shown = (await browser.get(PAGE)).text
    assert "Same clinician" in shown and not [a for a in browser.services.asked if a.what.startswith("POST booking")]
    answer = await browser.send(PAGE, f"{PAGE}/accept")
    assert answer.headers["location"] == f"../../visits/{VISIT}?told=moved"
    sent = browser.services.last("POST booking")
    assert sent.body == {"slot_id": "slot-2"}
    assert sent.headers["idempotency-key"].endswith("-slot-2"), "another time is another intent"
    answer = await browser.send(PAGE, f"{PAGE}/decline")
    assert answer.headers["location"] == f"../../alternatives/{DISRUPTED_ID}?told=declined"


async def test_who_was_slower_is_told_kindly_and_sees_what_is_open_now(browser: Browser) -> None:
    await browser.sign_in("patient")
    browser.services.faults[f"POST booking /disrupted-visits/{DISRUPTED_ID}/accept"] = Conflict("", slug="slot-taken")
    answer = await browser.send(PAGE, f"{PAGE}/accept")
    assert (answer.status_code, "a moment faster" in answer.text, "Take this time" in answer.text) == (409, True, True)
    settled = {**DISRUPTED, "still_open": False, "state": "rebooked", "alternatives": []}
    browser.services.faults[f"POST booking /disrupted-visits/{DISRUPTED_ID}/accept"] = Conflict("", slug="settled")
    page = (await browser.get(PAGE)).text
    browser.services.known[f"GET booking /disrupted-visits/{DISRUPTED_ID}"] = settled
    token = page.split('name="csrf" value="')[1].split('"')[0]
    answer = await browser.http.post(f"{PAGE}/accept", data={"csrf": token, "key": "k", "slot": "slot-2"})
    assert (answer.status_code, "This has been settled" in answer.text) == (200, True)


async def test_without_booking_the_first_page_says_so_once(browser: Browser) -> None:
    await browser.sign_in("patient")
    browser.services.faults["GET booking /disrupted-visits"] = Unavailable("out")
    assert (await browser.get("/home")).status_code == 200


async def test_late_is_shown_before_and_waived_by_the_desk_after(browser: Browser) -> None:
    await browser.sign_in("patient")
    text = (await browser.get(f"/visits/{VISIT}/cancel")).text
    assert "noted as a late cancellation" in text and 'value="pat-lt"' in text and 'value="prov-pers"' not in text
    late = {**APPOINTMENT, "status": "cancelled", "reason": "pat-lt", "late_cancel": True, "late_waived": ""}
    browser.services.known[f"GET booking /appointments/{VISIT}"] = late
    assert f"visits/{VISIT}/waive" not in (await browser.get(f"/visits/{VISIT}")).text
    await browser.sign_in("frontdesk")
    page, action = f"/visits/{VISIT}", f"/visits/{VISIT}/waive"
    assert (await browser.send(page, action, reason="")).status_code == 422
    assert (await browser.send(page, action, reason="weather")).status_code == 303
    assert browser.services.last("POST booking").body == {"reason": "weather"}
