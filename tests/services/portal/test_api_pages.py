"""What each page sends on: the visit's, the desk's and the planners' pages, with what was seen and nothing more."""

from __future__ import annotations

import pytest

from services.kernel.errors import Forbidden, StaleVersion
from tests.services.portal.conftest import Browser, hidden
from tests.services.portal.fakes import PASSWORD
from tests.services.portal.fakes_visits import VISIT


async def test_cancelling_needs_a_reason_and_the_version_that_was_seen(browser: Browser) -> None:
    await browser.sign_in("patient")
    page = f"/visits/{VISIT}/cancel"
    answer = await browser.send(page, page)
    assert answer.status_code == 422
    assert 'href="#reason"' in answer.text
    answer = await browser.send(page, page, reason="pat-lt")
    assert answer.status_code == 303
    sent = browser.services.last("POST booking")
    assert (sent.body, sent.headers["if-match"]) == ({"reason": "pat-lt"}, '"2"')


async def test_moving_keeps_the_old_time_until_the_new_one_is_had(browser: Browser) -> None:
    await browser.sign_in("patient")
    answer = await browser.send(f"/visits/{VISIT}", f"/visits/{VISIT}/move")
    assert answer.headers["location"] == "../../slots"
    await browser.get("/slots")
    assert browser.services.last("GET availability").query["facility"] == "fac-0001"
    answer = await browser.send("/slots", "/hold", offer="nonsense")
    assert answer.status_code == 422
    assert not [asked for asked in browser.services.asked if asked.what.startswith("POST booking")]


async def test_the_calendar_file_holds_the_least(browser: Browser) -> None:
    await browser.sign_in("patient")
    answer = await browser.get(f"/visits/{VISIT}/calendar.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    assert "DTSTART:20270104T150000Z" in answer.text
    assert "Boston General" in answer.text
    for secret in ("Lee", "Follow", "family", "pat-000001", "cln-"):
        assert secret not in answer.text


async def test_preferences_are_saved_as_they_were_read(browser: Browser) -> None:
    await browser.sign_in("patient")
    answer = await browser.send("/preferences", "/preferences", language="es", first="sms")
    assert answer.status_code == 422
    answer = await browser.send(
        "/preferences", "/preferences", language="es", first="sms", channel_sms="1", channel_email="1",
        consent_offers="1",
    )  # fmt: skip
    assert answer.status_code == 303
    sent = browser.services.last("PUT notifications")
    assert sent.body["channels"] == ["sms", "email"]
    assert sent.body["consent"] == {"reminders": False, "offers": True, "marketing": False}
    assert sent.headers["if-match"] == '"2"'
    assert '<html lang="es">' in (await browser.get("/home")).text
    browser.services.faults["PUT notifications"] = StaleVersion("no")
    answer = await browser.send("/preferences", "/preferences", channel_sms="1")
    assert answer.status_code == 412


async def test_the_desk_checks_in_and_comes_back_to_its_day(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    text = (await browser.get("/desk/fac-0001")).text
    assert "&lt;Probe&gt;" in text and "<Probe>" not in text
    answer = await browser.send("/desk/fac-0001", f"/visits/{VISIT}/check-in")
    assert answer.headers["location"] == "../../desk/fac-0001?date=2027-01-04"
    assert browser.services.last("POST booking").what.endswith("/check-in")
    one = await browser.get(f"/desk/fac-0001/rows/{VISIT}?date=2027-01-04")
    assert one.text.count("<tr") == 1
    assert "<tr" not in (await browser.get(f"/desk/fac-0001/rows/{VISIT}?date=2027-01-05")).text


async def test_the_desk_follows_bookings_events(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    answer = await browser.http.get("/desk/fac-0001/stream", headers={"last-event-id": "12-3"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "event: ready" in answer.text
    assert "set-cookie" not in answer.headers, "following is not using"
    assert browser.services.last("STREAM").query == {"last": "12-3"}


async def test_a_walk_in_is_searched_registered_and_booked_for(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    answer = await browser.send("/patients", "/patients", family_name="Pro", birth_date="1980-02-03")
    assert "&lt;Probe&gt;" in answer.text
    assert str(answer.url).endswith("/patients")
    answer = await browser.send("/patients", "/patients", family_name="Pro", birth_date="yesterday")
    assert answer.status_code == 422
    fields = {"given_name": "Ana", "family_name": "Probe", "birth_date": "1980-02-03", "facility": "fac-0001"}
    answer = await browser.send("/patients/new", "/patients/new", **fields, phone="123")
    assert 'href="#phone"' in answer.text
    answer = await browser.send("/patients/new", "/patients/new", **fields)
    assert answer.headers["location"] == "../patients/pat-000001?told=registered"
    assert browser.services.last("POST directory").body["timezone"] == "America/New_York"
    await browser.send("/patients/pat-000001", "/patients/pat-000001/book", facility="fac-0001")
    await browser.send("/find", "/find", specialty="family-medicine", within_miles="10", only_here="1")
    await browser.send("/slots", "/hold", offer="a.b.c")
    assert browser.services.last("GET availability").query["facility"] == "fac-0001"
    assert browser.services.last("POST booking /holds").body["patient_id"] == "pat-000001"


async def test_leave_and_closures_show_first_whom_they_touch(browser: Browser) -> None:
    await browser.sign_in("administrator")
    days = {"first_day": "2027-01-04", "last_day": "2027-01-04"}
    for home, kind in (("/schedules/cln-00001", "leave"), ("/closures/fac-0001", "closures")):
        preview = f"{home}/leave/preview" if kind == "leave" else f"{home}/preview"
        answer = await browser.send(home, preview, **days)
        assert "Booked visits touched: 1." in answer.text
        assert not [asked for asked in browser.services.asked if asked.what.startswith("POST availability")
                    and kind in asked.what]  # fmt: skip
        confirm = f"{home}/leave" if kind == "leave" else home
        done = await browser.http.post(confirm, data=hidden(answer.text, confirm))
        assert done.status_code == 303
        assert browser.services.last("POST availability").body == days
        answer = await browser.send(home, preview, first_day="2027-01-04", last_day="2027-09-04")
        assert "Choose at most 31 days at once." in answer.text


async def test_working_time_shows_first_whom_it_touches(browser: Browser) -> None:
    await browser.sign_in("scheduler")
    page = "/schedules/cln-00001/templates/weekly"
    answer = await browser.send(page, f"{page}/preview", day_mon="1", starts="11:00", ends="17:00", grid_minutes="20")
    assert "Booked visits touched: 28." in answer.text
    done = await browser.http.post(page, data=hidden(answer.text, page))
    assert done.status_code == 303
    sent = browser.services.last("PUT availability")
    assert (sent.body["weekdays"], sent.body["starts"], sent.headers["if-match"]) == (["mon"], "11:00", '"3"')
    assert "template_id" not in sent.body
    answer = await browser.send(page, f"{page}/preview", starts="x", ends="17:00", grid_minutes="1")
    assert answer.status_code == 422
    assert 'href="#weekdays"' in answer.text and 'href="#starts"' in answer.text


async def test_a_patient_booking_does_not_know_yet_is_shown(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    browser.services.faults["GET booking /appointments"] = Forbidden("no")
    answer = await browser.get("/patients/pat-000001")
    assert answer.status_code == 200
    assert "Visits cannot be read right now." in answer.text


async def test_a_booking_link_leads_through_signing_in_to_the_times_of_that_place_and_day(browser: Browser) -> None:
    link = "/book?facility=fac-0001&visit_type=family-medicine-follow-up&day=2027-01-04&source=elsewhere"
    first = await browser.get(link)
    assert first.status_code == 401
    fields = {**hidden(first.text, "/sign-in"), "username": "patient", "password": PASSWORD}
    signed_in = await browser.http.post("/sign-in", data=fields)
    assert signed_in.headers["location"] == link.removeprefix("/")
    led = await browser.get(link)
    assert (led.status_code, led.headers["location"]) == (303, "slots")
    assert (await browser.get("/slots")).status_code == 200
    asked = browser.services.last("GET availability /slots").query
    assert asked == {
        "visit_type": "family-medicine-follow-up", "from": "2027-01-04", "to": "2027-01-04", "facility": "fac-0001",
        "limit": "40",
    }  # fmt: skip


@pytest.mark.parametrize(
    "query", ["", "?facility=fac-0001", "?facility=../x&visit_type=a", "?visit_type=a&facility=b&day=x"]
)
async def test_a_link_that_cannot_be_read_leads_to_the_form(browser: Browser, query: str) -> None:
    await browser.sign_in("patient")
    assert (await browser.get(f"/book{query}")).headers["location"] == "find"
