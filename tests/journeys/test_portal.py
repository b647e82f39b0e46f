"""People use the portal in a real browser: with keys only on a phone, at the front desk, as planners."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from tests.fixtures.browsing import DESK, PHONE, Screen, browser
from tests.journeys.running import Running, slots

Windows = Callable[..., Screen]
SOON = datetime.now(UTC).date() + timedelta(days=9)


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """One browser for all of these."""
    with browser() as running:
        yield running


@pytest.fixture
def window(chrome: Browser, platform: Running) -> Iterator[Windows]:
    """Open windows, each a person with cookies of their own; all are closed at the end."""
    opened: list[Screen] = []

    def password(username: str) -> str:
        return platform.state.user(username).password

    def open_one(size: tuple[int, int] = PHONE) -> Screen:
        opened.append(Screen(chrome, f"{platform.state.gateway}/portal/", password, size))
        return opened[-1]

    yield open_one
    for screen in opened:
        screen.close()


def test_a_patient_books_moves_and_cancels_on_a_phone_with_keys_only(window: Windows) -> None:
    me = window()
    me.open("sign-in")
    me.see("patient-01-sign-in")
    me.press("main button")
    me.see("patient-02-sign-in-errors")
    me.sign_in("patient")
    me.see("patient-03-home")
    me.press("main a[href$=find]")
    me.see("patient-04-find")
    me.reach("#specialty")
    me.page.keyboard.type("Family")
    me.reach("#first_day")
    me.page.keyboard.type(f"{SOON:%m%d%Y}")
    me.press("main form button")
    me.see("patient-05-slots")
    me.press("button.slot")
    expect(me.page.locator("h1")).to_have_text("Look over and book")
    me.see("patient-06-review")
    me.press("main button.primary")
    expect(me.page.locator("[role=status]")).to_have_text("The visit is booked.")
    me.see("patient-07-booked")
    me.reach("a[href$='calendar.ics']")
    with me.page.expect_download() as download:
        me.page.keyboard.press("Enter")
    assert "BEGIN:VEVENT" in download.value.path().read_text("utf-8")
    before = me.page.locator("dd.strong").inner_text()

    me.press("form[action$=move] button")
    me.see("patient-08-choose-new-time")
    me.press("ul.slots li:nth-child(3) button")
    me.see("patient-09-review-move")
    me.press("main button.primary")
    expect(me.page.locator("[role=status]")).to_have_text("The visit was moved.")
    me.see("patient-10-moved")
    assert me.page.locator("dd.strong").inner_text() != before

    me.press("a[href$=cancel]")
    me.see("patient-11-cancel")
    me.press("button.danger")
    me.see("patient-12-cancel-error")
    me.reach("#reason")
    me.page.keyboard.press("Space")
    me.press("button.danger")
    expect(me.page.locator("[role=status]")).to_have_text("The visit was cancelled.")
    me.see("patient-13-cancelled")
    assert not re.search(r"pat-|specialty|zip|family", me.page.url), "nothing about a person stands in an address"


def test_a_patient_reads_spanish_and_sets_preferences(window: Windows) -> None:
    me = window()
    me.sign_in("patient2")
    me.press("button[lang=es]")
    assert me.page.locator("html").get_attribute("lang") == "es"
    me.see("patient-20-home-spanish")
    me.open("find")
    me.see("patient-21-find-spanish")
    me.open("preferences")
    me.see("patient-22-preferences-spanish")
    me.press("main button.primary")
    expect(me.page.locator("[role=status]")).to_have_text("Guardado.")
    me.open("nothing-here")
    me.see("patient-23-not-found")
    me.open("desk/fac-0001")
    me.see("patient-24-forbidden")


def test_a_lost_race_offers_other_times_as_buttons(window: Windows, platform: Running) -> None:
    me = window()
    me.sign_in("patient")
    me.open("find")
    me.page.select_option("#specialty", "family-medicine")
    me.page.fill("#first_day", f"{SOON + timedelta(days=5):%Y-%m-%d}")
    me.page.click("main button.primary")
    button = me.page.locator("button.slot").first
    other = platform.person("scheduler")
    offer = button.get_attribute("value")
    # The same offer until the last lane of the slot is gone.
    for number in range(9):
        answer = other.command("/booking/appointments", {"offer": offer, "patient_id": f"pat-{20 + number:06d}"})
        if answer.status_code == 409:
            break
    button.click()
    expect(me.page.locator("h1")).to_have_text("This time cannot be had any more")
    me.see("patient-30-lost-race")
    me.page.locator("button.slot").first.click()
    expect(me.page.locator("h1")).to_have_text("Look over and book")
    me.page.locator("form[action$=release] button").click()
    expect(me.page.locator("h1")).to_have_text("Choose a time")


def test_the_front_desk_sees_what_others_book(window: Windows, platform: Running) -> None:
    desk, phone = window(DESK), window(PHONE)
    desk.sign_in("frontdesk")
    desk.see("desk-01-home")
    scheduler = platform.person("scheduler")
    slot = slots(scheduler, 1, facility="fac-0001", specialty="family-medicine", **{"from": f"{SOON}"})[0]
    day = slot["starts_local"][:10]
    desk.open(f"desk/fac-0001?date={day}")
    expect(desk.page.locator("#live")).to_contain_text("Live")
    before = desk.page.locator("#day tbody tr").count()
    body = {"offer": slot["offer"], "patient_id": "pat-000040"}
    booked = scheduler.command("/booking/appointments", body)
    assert booked.status_code == 201, booked.text
    row = desk.page.locator(f"#row-{booked.json()['id']}")
    expect(row).to_contain_text("Booked")
    expect(desk.page.locator("#day tbody tr")).to_have_count(before + 1)
    desk.see("desk-02-day")
    headers = {"If-Match": booked.headers["etag"], "Idempotency-Key": f"cancel-{booked.json()['id']}"}
    path = f"/booking/appointments/{booked.json()['id']}/cancel"
    assert scheduler.http.post(path, json={"reason": "other"}, headers=headers).status_code == 200
    expect(row).to_have_count(0)
    phone.sign_in("frontdesk")
    phone.open(f"desk/fac-0001?date={day}")
    phone.see("desk-03-day-phone")


def test_a_walk_in_is_registered_found_and_booked(window: Windows) -> None:
    desk = window(DESK)
    desk.sign_in("frontdesk")
    desk.open("patients")
    desk.see("desk-10-patients")
    desk.press("a[href$='patients/new']")
    desk.see("desk-11-register")
    desk.press("main button.primary")
    desk.see("desk-12-register-errors")
    for field, value in (("#given_name", "Walter"), ("#family_name", "Walkin"), ("#birth_date", "1980-02-03")):
        desk.page.fill(field, value)
    desk.press("main button.primary")
    expect(desk.page.locator("h1")).to_have_text("Walkin, Walter")
    desk.see("desk-13-patient")
    desk.open("patients")
    desk.page.fill("#family_name", "Walk")
    desk.page.fill("#birth_date", "1980-02-03")
    desk.press("main button.primary")
    expect(desk.page.locator("main")).to_contain_text("Walkin, Walter")
    desk.see("desk-14-found")
    desk.page.locator("main .list a").first.click()
    desk.page.get_by_role("button", name="Walk-in today").click()
    desk.see("desk-15-walk-in")
    # Whatever the hour these tests run at: the next days are as good as today.
    desk.page.fill("#last_day", f"{SOON}")
    desk.page.select_option("#specialty", "family-medicine")
    desk.page.locator("main button.primary").click()
    desk.page.locator("button.slot").first.click()
    desk.page.locator("main button.primary").click()
    expect(desk.page.locator("p[role=status]")).to_have_text("The visit is booked.")
    expect(desk.page.locator("main")).to_contain_text("Walkin, Walter")
    desk.see("desk-16-booked")


def test_planners_see_whom_a_change_touches_before_it_is_made(window: Windows) -> None:
    planner = window(DESK)
    planner.sign_in("scheduler")
    planner.open("schedules")
    planner.see("planner-01-choose")
    planner.page.locator("main .tile").first.click()
    planner.see("planner-02-clinicians")
    planner.open("schedules/cln-00001")
    planner.see("planner-03-schedule")
    planner.page.fill("#first_day", f"{SOON + timedelta(days=60)}")
    planner.page.fill("#last_day", f"{SOON + timedelta(days=61)}")
    planner.press("main button.primary")
    planner.see("planner-04-leave-preview")
    planner.press("main button.primary")
    expect(planner.page.locator("p.news")).to_have_text("The leave is recorded.")
    planner.see("planner-05-leave")
    planner.open("schedules/cln-00001")
    planner.page.get_by_role("button", name="Take back").click()
    planner.page.locator("main .list a.button").first.click()
    planner.see("planner-06-working-time")
    planner.press("main button.primary")
    planner.see("planner-07-working-time-preview")
    planner.press("main button.primary")
    expect(planner.page.locator("[role=status]")).to_have_text("Saved.")
    administrator = window(DESK)
    administrator.sign_in("administrator")
    administrator.open("closures/fac-0001")
    administrator.see("administrator-01-closures")
    administrator.page.fill("#first_day", f"{SOON}")
    administrator.page.fill("#last_day", f"{SOON}")
    administrator.press("main button.primary")
    administrator.see("administrator-02-preview")
    administrator.press("main .actions a")
    expect(administrator.page.locator("main")).to_contain_text("There are none.")


def test_without_scripts_everything_but_liveness_works(chrome: Browser, platform: Running) -> None:
    context = chrome.new_context(java_script_enabled=False)
    page = context.new_page()
    user = platform.state.user("frontdesk")
    page.goto(f"{platform.state.gateway}/portal/")
    page.fill("#username", user.username)
    page.fill("#password", user.password)
    page.click("main button")
    page.goto(f"{platform.state.gateway}/portal/desk")
    expect(page.locator("#live")).to_have_text("Load the page again to see changes made elsewhere.")
    context.close()


def test_whoever_signed_out_is_asked_to_sign_in(window: Windows) -> None:
    me = window()
    me.sign_in("patient")
    me.press("form[action$=sign-out] button")
    expect(me.page.locator("[role=status]")).to_have_text("You are signed out.")
    me.open("home")
    expect(me.page.locator("h1")).to_have_text("Sign in first")
    me.see("signed-out")


def test_booking_out_is_told_with_what_still_works(window: Windows, platform: Running) -> None:
    me = window()
    me.sign_in("patient")
    assert platform.verb("stop", "booking").returncode == 0
    try:
        me.open("home")
        expect(me.page.locator("main")).to_contain_text("You can still search for times.")
        me.faults.clear()  # the browser notes the 503, which is meant
        me.see("booking-out")
        me.open("find")
        me.page.select_option("#specialty", "family-medicine")
        me.page.click("main button.primary")
        expect(me.page.locator("h1")).to_have_text("Choose a time")
    finally:
        assert platform.verb("start", "booking").returncode == 0


def test_waiting_kinds_of_visits_and_reviews_with_the_services_behind(window: Windows) -> None:
    me = window()
    me.sign_in("patient2")
    me.open("waitlist/new")
    me.page.select_option("#visit_type", "family-medicine-follow-up")
    me.page.check("#facility_1")
    me.press("main button.primary")
    expect(me.page.locator("p[role=status]")).to_contain_text("You are on the waitlist.")
    me.open("people")
    expect(me.page.locator("main")).to_contain_text("pat-000002")

    chief = window(DESK)
    chief.sign_in("administrator")
    chief.open("visit-types/family-medicine-follow-up")
    chief.page.fill("#minutes", "40")
    chief.press("main button.primary")
    expect(chief.page.locator("main")).to_contain_text("In the next seven days a visit can begin at")

    auditor = window(DESK)
    auditor.sign_in("auditor")
    auditor.open("reviews/patients/pat-000002")
    # Entries wait in each service's outbox for a moment before they arrive.
    for _ in range(20):
        if auditor.page.locator("tbody tr").count():
            break
        auditor.page.wait_for_timeout(500)
        auditor.page.reload()
    expect(auditor.page.locator("tbody")).to_contain_text("join-waitlist")
    auditor.open("reviews/chains")
    auditor.press("main form button")
    expect(auditor.page.locator("p[role=status]")).to_contain_text("Whole and unchanged")
