"""A clinician calls in sick: the planner follows it live, the patient takes another time, with keys on a phone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from services.local.demo.client import Person, expected
from tests.fixtures.browsing import DESK, PHONE, Screen, browser
from tests.journeys.running import Running

NUMBERS = "#progress dl > div:nth-child({}) dd"


@pytest.fixture
def scheduler(platform: Running) -> Person:
    """Someone who books for patients everywhere."""
    return Person(platform.state, "scheduler")


def test_a_sick_day_from_the_form_to_another_time(platform: Running, scheduler: Person) -> None:
    # A day on which nobody else here books.
    later = (datetime.now(UTC) + timedelta(days=37)).isoformat()
    [slot, *_] = scheduler.slots(**{"facility": "fac-0001", "specialty": "family-medicine", "limit": 1, "from": later})
    body = {"offer": slot["offer"], "patient_id": "pat-000002"}
    visit = expected(scheduler.command("/booking/appointments", body), 201).json()
    clinician, day = visit["clinician_id"], slot["starts_local"][:10]

    def password_of(username: str) -> str:
        return platform.state.user(username).password

    with browser() as chrome:
        root = f"{platform.state.gateway}/portal/"
        planner, patient = Screen(chrome, root, password_of, DESK), Screen(chrome, root, password_of, PHONE)
        planner.sign_in("scheduler")
        planner.open(f"schedules/{clinician}")
        for field in ("#first_day", "#last_day"):
            planner.reach(field)
            planner.page.keyboard.type(f"{day[5:7]}{day[8:]}{day[:4]}")
        planner.press("form[action$='leave/preview'] button")
        planner.press("main form[action$=leave] button")
        expect(planner.page.locator(NUMBERS.format(1))).to_have_text("1", timeout=30_000)
        # Nobody loads the page again: the numbers change by themselves.
        expect(planner.page.locator(NUMBERS.format(2))).to_have_text("1", timeout=60_000)
        planner.see("sick-day-01-progress")
        disruption = planner.page.url.split("?")[0]

        patient.sign_in("patient2")
        patient.see("sick-day-02-patient-home")
        patient.press("p.notice a")
        patient.see("sick-day-03-alternatives")
        patient.press("header form[action$=language] button")
        assert patient.page.locator("html").get_attribute("lang") == "es"
        patient.see("sick-day-04-alternativas")
        patient.press("form[action$=decline] button")
        patient.see("sick-day-05-declined")

        planner.open("calls/fac-0001")
        planner.see("sick-day-06-calls")
        planner.press("button[value=left-message]")
        patient.press("form[action$=accept] button")
        expect(patient.page.locator("[role=status]")).to_have_text("La cita fue cambiada.")
        patient.see("sick-day-07-moved")
        planner.page.goto(disruption)
        expect(planner.page.locator(NUMBERS.format(5))).to_have_text("1")
        planner.see("sick-day-08-record")
        planner.open("disruptions/at/fac-0001")
        planner.see("sick-day-09-list")
        for screen in (planner, patient):
            screen.close()
    moved = scheduler.get(f"/booking/appointments/{visit['id']}")
    assert (moved["status"], moved["clinician_id"] == clinician and moved["starts_at"][:10] == day) == ("booked", False)
    scheduler.http.delete(f"/availability/clinicians/{clinician}/leave/{disruption.rpartition('/')[2]}")
