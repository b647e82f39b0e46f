"""Screens in a real Chromium, before services that are fakes: each is checked for accessibility and width, and kept.

What people do with the real services behind is shown in tests/journeys/test_portal.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import expect

from services.kernel.errors import Conflict, Overloaded
from services.portal.domain.line import REFRESH as LINE_REFRESH
from services.portal.domain.session import IDLE
from tests.fixtures.browsing import DESK, PHONE, Screen
from tests.services.portal.fakes import CODE, OFFER, OFFERED, PASSWORD, REQUEST, SLOT
from tests.services.portal.fakes_visits import APPOINTMENT, RECURRING, VISIT
from tests.services.portal.serving import Served, chrome, portal, window

__all__ = ["chrome", "portal", "window"]

PAST = {**APPOINTMENT, "starts_at": "2026-12-01T15:00:00Z", "ends_at": "2026-12-01T15:20:00Z", "status": "fulfilled"}
CANCELLED = {**APPOINTMENT, "starts_at": "2027-02-01T15:00:00Z", "status": "cancelled", "reason": "patient-unwell"}


Windows = Callable[..., Screen]


def test_waiting_for_an_earlier_time_with_keys_only(window: Windows, portal: Served) -> None:
    me = window()
    me.sign_in("patient")
    me.open(f"visits/{VISIT}")
    me.see("waiting-01-visit")
    me.press("form[action$=earlier] button")
    expect(me.page.locator("h1")).to_have_text("Wait for an earlier time")
    me.see("waiting-02-wishes")
    me.reach("#facility_1")
    me.page.keyboard.press("Space")
    me.press("main button.primary")
    me.see("waiting-03-wishes-error")
    me.reach("#facility_1")
    me.page.keyboard.press("Space")
    me.reach("#weekday_1")
    me.page.keyboard.press("Space")
    me.press("main button.primary")
    expect(me.page.locator("p[role=status]")).to_contain_text("You are on the waitlist.")
    me.see("waiting-04-list")
    asked = portal.services.last("POST waitlist /requests")
    assert (asked.body["weekdays"], asked.body["facilities"]) == ([1], ["fac-0001"])
    me.press("form[action$=withdraw] button")
    expect(me.page.locator("p[role=status]")).to_have_text("The request is off the waitlist.")
    assert portal.services.last("POST waitlist").what.endswith(f"{REQUEST}/withdraw")


def test_an_offer_is_shown_after_signing_in_and_the_loser_is_told_kindly(window: Windows, portal: Served) -> None:
    me = window()
    me.open(f"offers/{OFFER}")
    expect(me.page.locator("h1")).to_have_text("Sign in to see the offer")
    me.see("offer-01-sign-in-first")
    me.reach("#username")
    me.page.keyboard.type("patient")
    me.page.keyboard.press("Tab")
    me.page.keyboard.type(PASSWORD)
    me.go("Enter")
    expect(me.page.locator("h1")).to_have_text("An earlier visit for you")
    me.see("offer-02-shown")
    portal.services.faults[f"POST waitlist /offers/{OFFER}/accept"] = Conflict("x", slug="offer-gone")
    me.press("form[action$=accept] button")
    expect(me.page.locator("main")).to_contain_text("Somebody else was a moment faster.")
    me.see("offer-03-lost")
    portal.services.faults.clear()
    portal.services.known[f"GET waitlist /offers/{OFFER}"] = {**OFFERED, "state": "expired"}
    me.open(f"offers/{OFFER}")
    expect(me.page.locator("main")).to_contain_text("The time to answer this offer is over.")
    me.see("offer-04-expired")
    portal.services.known[f"GET waitlist /offers/{OFFER}"] = OFFERED
    me.open(f"offers/{OFFER}")
    me.press("form[action$=accept] button")
    expect(me.page.locator("p[role=status]")).to_have_text("The earlier visit is booked.")


def test_past_visits_and_acting_for_a_child(window: Windows, portal: Served) -> None:
    me = window()
    me.sign_in("parent")
    me.open("people")
    me.see("people-01-acts-for")
    me.press("form[action$=act] button")
    expect(me.page.locator(".acting")).to_contain_text("You act for Lía")
    me.see("people-02-acting")
    portal.services.known["GET booking /appointments"] = {"appointments": [PAST, APPOINTMENT, CANCELLED], "next": None}
    me.open("past")
    me.see("past-01")
    assert portal.services.last("GET booking /appointments").query["patient_id"] == "pat-000004"
    me.press(".acting button")
    expect(me.page.locator(".acting")).to_have_count(0)
    me.open("people")
    me.press("main form[action$=grant] button")
    me.see("people-03-grant-error")


def test_further_steps_and_an_ended_session(window: Windows, portal: Served) -> None:
    me = window()
    me.sign_in("newcomer")
    me.see("steps-01-new-password")
    for selector in ("#answer", "#again"):
        me.reach(selector)
        me.page.keyboard.type("Long-enough-1")
    me.go("Enter")
    me.see("steps-02-authenticator")
    me.reach("#answer")
    me.page.keyboard.type("000000")
    me.go("Enter")
    me.see("steps-03-wrong-code")
    me.reach("#answer")
    me.page.keyboard.type(CODE)
    me.go("Enter")
    expect(me.page.locator("h1")).to_have_text("My visits")
    me.open(f"visits/{VISIT}/cancel")
    me.reach("#reason")
    me.page.keyboard.press("Space")
    portal.clock.at += IDLE + timedelta(seconds=1)
    me.press("button.danger")
    expect(me.page.locator("h1")).to_have_text("Your session has ended")
    me.see("steps-04-session-ended")
    me.reach("#username")
    me.page.keyboard.type("newcomer")
    me.page.keyboard.press("Tab")
    me.page.keyboard.type(PASSWORD)
    me.go("Enter")
    for answer in ("Long-enough-1", ""):
        me.page.fill("#answer", answer or CODE)
        if answer:
            me.page.fill("#again", answer)
        me.press("main button.primary")
    expect(me.page.locator("h1")).to_have_text("Go on where you were")
    me.see("steps-05-go-on")
    me.press("main button.primary")
    expect(me.page.locator("p[role=status]")).to_have_text("The visit was cancelled.")
    assert portal.services.last("POST booking").body == {"reason": "pat"}


def test_the_desk_checks_in_with_a_click_and_sees_who_waits(window: Windows, portal: Served) -> None:
    desk = window(DESK)
    desk.sign_in("frontdesk")
    desk.open("desk/fac-0001")
    desk.see("desk-20-day")
    with desk.page.expect_navigation():
        desk.page.get_by_role("button", name="Check in").click()
    assert portal.services.last("POST booking").what.endswith("/check-in")
    desk.press("main a[href$=waitlist]")
    desk.see("desk-21-waitlist")
    desk.page.select_option("#priority-1", "urgent")
    desk.press("form[action$=priority] button")
    assert portal.services.last("PUT waitlist").body == {"referral_priority": "urgent"}


def test_an_administrator_sees_what_a_longer_visit_does_first(window: Windows, portal: Served) -> None:
    chief = window(DESK)
    chief.sign_in("administrator")
    chief.open("visit-types")
    chief.see("visit-types-01-list")
    chief.press("tbody a")
    chief.page.fill("#minutes", "43")
    chief.press("main button.primary")
    chief.see("visit-types-02-error")
    chief.page.fill("#minutes", "45")
    chief.press("main button.primary")
    expect(chief.page.locator("main")).to_contain_text("15 visits of this kind are booked.")
    chief.see("visit-types-03-preview")
    chief.press("main button.primary")
    expect(chief.page.locator("p[role=status]")).to_have_text("Saved.")
    assert portal.services.last("PUT directory").body["minutes"] == 45


def test_an_auditor_reviews_exports_and_verifies(window: Windows, portal: Served) -> None:
    auditor = window(DESK)
    auditor.sign_in("auditor")
    auditor.see("auditor-01-home")
    auditor.open("reviews")
    auditor.see("auditor-02-reviews")
    auditor.reach("#patient")
    auditor.page.keyboard.type("pat-000001")
    auditor.go("Enter")
    auditor.see("auditor-03-who-saw")
    with auditor.page.expect_download() as download:
        auditor.page.get_by_text("Export (FHIR AuditEvents)").click()
    assert "AuditEvent" in download.value.path().read_text("utf-8")
    assert portal.services.last("DOWNLOAD audit").query["patient"] == "pat-000001"
    phone = window(PHONE)
    phone.sign_in("auditor")
    phone.press("button[lang=es]")
    phone.open("reviews/patients/pat-000001")
    phone.see("auditor-04-who-saw-phone-spanish")
    auditor.open("reviews/chains")
    auditor.press("main form button")
    expect(auditor.page.locator("p[role=status]")).to_contain_text("Whole and unchanged")
    auditor.see("auditor-05-chains")


def test_finding_in_spanish_on_a_phone(window: Windows, portal: Served) -> None:
    portal.services.known["GET availability /slots"] = {"slots": [SLOT] * 3}
    me = window()
    me.sign_in("patient")
    me.press("button[lang=es]")
    me.open("find")
    me.page.select_option("#specialty", "family-medicine")
    me.press("main button.primary")
    me.see("find-01-slots-spanish")
    me.press("a[href$='waitlist/new']")
    me.see("find-02-waitlist-spanish")


def test_a_patient_cancels_the_rest_of_a_series_with_keys_only(window: Windows, portal: Served) -> None:
    me = window()
    me.sign_in("patient")
    me.open(f"visits/{RECURRING[1]['id']}")
    me.press("main a[href*='series/']")
    me.see("series-01-all")
    me.press("main li a[href*='cancel']")
    me.press("button.danger")
    me.see("series-02-cancel-error")
    me.reach("#reason")
    me.page.keyboard.press("Space")
    me.press("button.danger")
    expect(me.page.locator("p[role=status]")).to_have_text("The visits were cancelled.")
    assert portal.services.last("POST booking").body["from_appointment_id"] == RECURRING[2]["id"]


def test_late_rules_and_double_bookings(window: Windows, portal: Served) -> None:
    chief = window(DESK)
    chief.sign_in("administrator")
    chief.open("late-rules/fac-0001")
    chief.reach("#hours")
    chief.page.keyboard.type("400")
    chief.go("Enter")
    chief.see("late-rules-01-error")
    chief.page.fill("#hours", "48")
    chief.press("main button.primary")
    expect(chief.page.locator("p[role=status]")).to_have_text("Saved.")
    desk = window(PHONE)
    desk.sign_in("frontdesk")
    desk.press("button[lang=es]")
    desk.open("desk/fac-0001/double-bookings")
    desk.see("double-bookings-01-phone-spanish")


def test_in_a_rush_the_page_keeps_its_place_and_goes_on_by_itself(window: Windows, portal: Served) -> None:
    began = portal.clock.at
    portal.services.known["GET availability /slots"] = {"slots": [SLOT] * 3}
    portal.services.faults["GET availability /slots"] = Overloaded("x", retry_after=2)
    _, me, later = people = [window() for _ in range(3)]
    for screen in people:
        screen.sign_in("patient")
        screen.page.clock.install()
        screen.open("find")
        screen.page.select_option("#specialty", "family-medicine")
    for screen in people:
        screen.press("main button.primary")
        expect(screen.page.locator("h1")).to_have_text("You are in line")
        portal.clock.at += timedelta(milliseconds=1)
    me.see("line-01-next")
    later.press("button[lang=es]")
    later.see("line-02-spanish")
    expect(later.page.locator("#place")).to_contain_text("Hay una persona antes que usted.")
    portal.services.faults.clear()
    portal.clock.at += LINE_REFRESH
    me.page.clock.run_for(LINE_REFRESH // timedelta(milliseconds=1))
    me.page.wait_for_url(f"{portal.root}slots")
    me.see("line-03-inside")
    portal.clock.at += LINE_REFRESH
    later.page.clock.run_for(LINE_REFRESH // timedelta(milliseconds=1))
    later.page.wait_for_url(f"{portal.root}slots")
    portal.clock.at = began
