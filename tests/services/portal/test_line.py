"""The line in a rush: who stands in it, that it is fair, that it moves, and that several processes have one line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.errors import Overloaded, Unavailable
from services.portal.api.entrance import SESSION
from services.portal.api.failures import busy_page
from services.portal.api.line import TICKET
from services.portal.domain.line import GONE_AFTER, REFRESH, Line, Standing, Ticket
from tests.services.portal.conftest import Browser

NOON = datetime(2027, 1, 4, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BUSY = Overloaded("availability has too much to do.", retry_after=2)


def ticket(number: int, arrived: datetime, told: datetime | None = None, front: datetime | None = None) -> Ticket:
    """Return the ticket of somebody who waits."""
    return Ticket(f"{number:04}", "s", arrived, told or arrived, front)


def test_nobody_waits_while_nobody_is_turned_away() -> None:
    line = Line()
    assert line.open
    assert line.stands(ticket(1, NOON), NOON) is None


def test_first_come_first_served_whoever_asks_first() -> None:
    line = Line()
    line.turned_away(NOON)
    tickets = [ticket(n, NOON + n * SECOND / 10) for n in range(1, 40)]
    for one in reversed(tickets):
        line.stands(one, NOON + 4 * SECOND)
    inside: list[Ticket] = []
    now = NOON + 4 * SECOND
    while len(inside) < len(tickets):
        now += SECOND
        for one in tickets[::-1]:
            if one not in inside and line.stands(one, now) is None:
                inside.append(one)
        assert {one.number for one in inside} == {one.number for one in tickets[: len(inside)]}
        assert now < NOON + timedelta(minutes=5), "the line does not move"


def test_a_place_gets_nearer_and_loading_again_keeps_it() -> None:
    line = Line()
    line.turned_away(NOON)
    for number in range(20):
        line.stands(ticket(number, NOON + number * SECOND / 100 + SECOND / 100), NOON + SECOND)
    last = ticket(99, NOON + SECOND)
    first, again = line.stands(last, NOON + SECOND), line.stands(last, NOON + SECOND)
    assert first is not None
    assert first == again
    assert 10 < first.before <= 20
    later = line.stands(last, NOON + 6 * SECOND)
    assert later is not None
    assert later.before < first.before
    assert later.wait is not None


def test_whoever_went_away_is_not_waited_for() -> None:
    line = Line()
    line.turned_away(NOON)
    for number in range(1, 300):
        line.stands(ticket(number, NOON + number * SECOND / 1000), NOON + SECOND)
    now = NOON + GONE_AFTER + 2 * SECOND
    assert line.stands(ticket(999, NOON + SECOND), now) is None


def test_it_slows_down_while_people_inside_are_turned_away_and_speeds_up_when_not() -> None:
    line = Line()
    line.turned_away(NOON)
    at_first = line.rate
    line.turned_away(NOON + 2 * SECOND)
    assert line.rate < at_first
    slow = line.rate
    for second in range(3, 40):
        line.stands(ticket(second, NOON + second * SECOND), NOON + second * SECOND)
    assert line.rate > slow


def test_a_rush_begins_with_what_was_possible_before() -> None:
    line = Line()
    for number in range(1000):
        line.entered(NOON + number * SECOND / 20)
    line.turned_away(NOON + 50 * SECOND)
    assert 8 < line.rate < 20


def test_it_opens_again_when_nobody_waits_and_all_is_calm() -> None:
    line = Line()
    line.turned_away(NOON)
    assert line.stands(ticket(1, NOON + SECOND), NOON + SECOND) is None or not line.open
    for second in range(2, 15):
        line.stands(ticket(1, NOON), NOON + second * SECOND)
    assert line.open


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 3)), min_size=40, max_size=150))
def test_processes_that_never_speak_have_one_line(turns: list[tuple[int, int]]) -> None:
    """Whoever asks whichever process: where one goes in, all who came before may; no front goes back."""
    lines = [Line() for _ in range(4)]
    lines[0].turned_away(NOON)
    waiting = {number: ticket(number, NOON + number * SECOND + SECOND) for number in range(20)}
    now = NOON + 30 * SECOND
    for number, process in turns:
        now += REFRESH / 20
        if number not in waiting:
            continue
        one, line = waiting[number], lines[process]
        line.heard(one, now)
        if line.stands(one, now) is not None:
            assert one.front is None or (line.front is not None and line.front >= one.front)
            waiting[number] = ticket(number, one.arrived, now, line.front)
            continue
        del waiting[number]
        for other in waiting.values():
            assert other.arrived > one.arrived or line.stands(other, now) is None


def test_a_process_learns_from_whoever_comes_by_how_far_the_others_are() -> None:
    here, there = Line(), Line()
    there.turned_away(NOON)
    early, late, later = (ticket(n, NOON + n * SECOND / 10) for n in (1, 60, 61))
    for number in range(1, 60):
        there.stands(ticket(number, NOON + number * SECOND / 10), NOON + 7 * SECOND)
    at = NOON + 12 * SECOND
    assert there.stands(late, at) is not None
    assert there.front is not None
    assert there.front >= early.arrived
    here.heard(ticket(60, late.arrived, at, there.front), at)
    assert here.stands(early, at) is None
    assert here.stands(late, at) is not None
    behind = here.stands(later, at)
    assert behind is not None
    assert behind.before == 1


def test_a_ticket_of_long_ago_starts_no_line() -> None:
    line = Line()
    line.heard(ticket(1, NOON, NOON, NOON), NOON + timedelta(minutes=5))
    assert line.open
    line.heard(ticket(1, NOON, NOON, NOON), NOON + SECOND)
    assert not line.open


def test_no_more_are_known_than_memory_is_set_aside_for() -> None:
    line = Line(most=10)
    line.turned_away(NOON)
    for number in range(50):
        line.stands(ticket(number, NOON + SECOND + number * SECOND / 1000), NOON + SECOND)
    assert isinstance(line.stands(ticket(99, NOON + 2 * SECOND), NOON + SECOND), Standing)


# In the browser


@pytest.fixture
async def patient(browser: Browser) -> Browser:
    """A patient who looks for a visit."""
    await browser.sign_in("patient")
    answer = await browser.send("/find", "/find", specialty="family-medicine", zip_code="02108", within_miles="10")
    assert answer.status_code == 303, answer.text
    return browser


def rush(browser: Browser, waiting: int = 30) -> None:
    """Let people stand in line."""
    line = browser.line
    line.turned_away(browser.clock.now())
    for number in range(waiting):
        line.stands(ticket(number, browser.clock.now() + SECOND / 1000), browser.clock.now())


async def test_a_patient_in_a_rush_waits_and_goes_in(patient: Browser) -> None:
    rush(patient)
    patient.clock.at += 1 * SECOND
    led = await patient.get("/slots")
    assert (led.status_code, led.headers["location"]) == (303, "line")
    page = await patient.get("/line")
    assert page.status_code == 200
    assert "You are in line" in page.text
    assert "people are before you" in page.text
    assert 'http-equiv="refresh" content="5;url=line"' in page.text
    assert page.headers["retry-after"] == "5"
    assert "pat-000001" not in page.text, "the page knows nothing about anybody"
    part = await patient.get("/line/place")
    assert part.status_code == 200
    assert "<html" not in part.text
    for _ in range(30):
        patient.clock.at += 5 * SECOND
        if (await patient.get("/line/place")).status_code == 204:
            break
    assert (await patient.get("/line")).headers["location"] == "slots"
    assert (await patient.get("/slots")).status_code == 200


async def test_the_first_to_be_turned_away_try_again_and_the_next_stand_in_line(patient: Browser) -> None:
    patient.services.faults["GET availability /slots"] = BUSY
    answer = await patient.get("/slots")
    assert answer.status_code == 503
    assert "You are next." in answer.text
    assert not patient.line.open
    assert (await patient.get("/slots")).status_code == 503, "no loop from page to page"
    del patient.services.faults["GET availability /slots"]
    assert (await patient.get("/slots")).status_code == 200


async def test_a_ticket_cannot_be_made_or_borrowed(patient: Browser) -> None:
    rush(patient)
    patient.clock.at += SECOND

    async def place_with(ticket: str) -> str:
        """Return the place of this session with another ticket in its cookie."""
        session = patient.http.cookies[SESSION]
        headers = {"cookie": f"{TICKET}={ticket}; {SESSION}={session}"}
        answer = await patient.http.get("/line", headers=headers)
        return str(re.findall(r"About (\d+) people", answer.text)[0])

    assert await place_with("forged") == "29"
    await patient.get("/line")
    mine = patient.http.cookies[TICKET]
    mine_at_first = await place_with(mine)
    await patient.sign_in("patient")
    # Who comes at the same moment stands in an order left to chance.
    patient.clock.at += SECOND / 1000
    assert int(await place_with(mine)) > int(mine_at_first), "a ticket is its session's, a new one stands behind"


async def test_a_desk_never_sees_the_line(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    rush(browser)
    await browser.send("/find", "/find", specialty="family-medicine", within_miles="10")
    assert (await browser.get("/slots")).status_code == 200
    browser.services.faults["GET availability /slots"] = BUSY
    failed = await browser.get("/slots")
    assert failed.status_code == 503
    assert "Too many people are here right now" in failed.text
    assert (await browser.get("/line")).status_code == 303


async def test_an_outage_is_no_rush(patient: Browser) -> None:
    patient.services.faults["GET availability /slots"] = Unavailable("x", extra={"service": "availability"})
    assert (await patient.get("/slots")).status_code == 503
    assert patient.line.open


def test_whoever_is_turned_away_at_the_portal_itself_reads_it_in_their_language() -> None:
    for headers, words in (
        ({}, b"Too much is going on"),
        ({b"accept-language": b"es-US"}, b"Hay demasiada actividad"),
        ({b"accept-language": b"es", b"cookie": b"a=b; careslot_language=en"}, b"Too much is going on"),
    ):
        kind, body = busy_page(headers)
        assert kind.startswith("text/html")
        assert words in body
