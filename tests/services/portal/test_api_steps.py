"""Signing in by steps, and going on where one was when the session had ended."""

from __future__ import annotations

import httpx

from services.portal.domain.session import IDLE
from tests.services.portal.conftest import Browser, hidden
from tests.services.portal.fakes import CODE, LATE
from tests.services.portal.fakes_visits import VISIT

STEP = "/sign-in/challenge"


async def answer(browser: Browser, page: httpx.Response, **fields: str) -> httpx.Response:
    return await browser.http.post(STEP, data={**hidden(page.text, STEP), **fields})


async def test_a_code_is_asked_for_and_only_the_right_one_opens(browser: Browser) -> None:
    asked = await browser.sign_in("twofactor")
    assert asked.status_code == 200 and "authenticator app" in asked.text
    assert "ticket" not in asked.text, "the pool's session travels sealed"
    assert (await browser.get("/home")).status_code == 401
    for code, status in (("", 422), ("000000", 401)):
        wrong = await answer(browser, asked, answer=code)
        assert (wrong.status_code, 'href="#answer"' in wrong.text) == (status, True)
    done = await answer(browser, wrong, answer=f" {CODE[:3]} {CODE[3:]} ")
    assert done.headers["location"] == "../home"
    assert (await browser.get("/home")).status_code == 200


async def test_a_text_message_says_where_it_went(browser: Browser) -> None:
    assert "+*******0100" in (await browser.sign_in("texted")).text


async def test_a_first_password_is_replaced_and_the_next_step_follows(browser: Browser) -> None:
    asked = await browser.sign_in("newcomer")
    for fields, mended in (
        ({"answer": "", "again": ""}, "answer"), ({"answer": "Long-enough-1", "again": "other"}, "again"),
        ({"answer": "short", "again": "short"}, "answer"),
    ):  # fmt: skip
        wrong = await answer(browser, asked, **fields)
        assert (wrong.status_code, f'href="#{mended}"' in wrong.text) == (422, True)
        assert "Long-enough-1" not in wrong.text
    following = await answer(browser, asked, answer="Long-enough-1", again="Long-enough-1")
    assert "authenticator app" in following.text
    assert (await answer(browser, following, answer=CODE)).status_code == 303


async def test_a_step_that_took_too_long_or_was_made_up_begins_again(browser: Browser) -> None:
    asked = await browser.sign_in("twofactor")
    late = await answer(browser, asked, answer=LATE)
    assert late.status_code == 401 and "That took too long." in late.text
    made_up = await browser.http.post(STEP, data={**hidden(asked.text, STEP), "challenge": "made-up", "answer": CODE})
    assert made_up.headers["location"] == "../sign-in"
    assert (await browser.get(STEP)).headers["location"] == "../sign-in"
    assert (await browser.http.post(STEP, data={"answer": CODE})).status_code == 403


async def ended(browser: Browser, **fields: str) -> httpx.Response:
    """Send a form of a page drawn before the session ended; return the page that says so."""
    page = f"/visits/{VISIT}/cancel"
    kept = hidden((await browser.get(page)).text, page)
    browser.clock.at += IDLE * 2
    return await browser.http.post(page, data={**kept, "reason": "other", **fields})


async def again(browser: Browser, page: httpx.Response, who: str) -> httpx.Response:
    data = {**hidden(page.text, "/sign-in"), "username": who, "password": "right"}
    return await browser.http.post("/sign-in", data=data)


async def test_what_was_typed_is_kept_over_signing_in_again_and_sent_by_a_click(browser: Browser) -> None:
    await browser.sign_in("patient")
    page = await ended(browser)
    assert page.status_code == 401 and "what you typed is kept" in page.text
    assert not [asked for asked in browser.services.asked if asked.what.startswith("POST")]
    shown = await again(browser, page, "patient")
    assert "Send it now" in shown.text
    assert not [asked for asked in browser.services.asked if asked.what.startswith("POST")], "nothing is sent unasked"
    path = f"/visits/{VISIT}/cancel"
    sent = await browser.http.post(path, data=hidden(shown.text, path))
    assert sent.status_code == 303
    assert browser.services.last("POST booking").body == {"reason": "other"}


async def test_somebody_else_does_not_get_what_was_typed(browser: Browser) -> None:
    await browser.sign_in("patient")
    shown = await again(browser, await ended(browser), "frontdesk")
    assert shown.headers["location"] == "home"


async def test_a_form_that_was_not_ours_is_not_kept(browser: Browser) -> None:
    await browser.sign_in("patient")
    page = await ended(browser, csrf="guessed")
    assert page.status_code == 401 and "what you typed is kept" not in page.text
    assert (await again(browser, page, "patient")).headers["location"] == "home"


async def test_after_signing_in_one_comes_back_with_the_same_view(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    browser.clock.at += IDLE * 2
    page = await browser.get("/desk/fac-0001?date=2027-01-05")
    assert (await again(browser, page, "frontdesk")).headers["location"] == "desk/fac-0001?date=2027-01-05"


async def test_signing_out_of_an_ended_session_leads_home_afterwards(browser: Browser) -> None:
    await browser.sign_in("patient")
    fields = hidden((await browser.get("/home")).text, "/sign-out")
    browser.clock.at += IDLE * 2
    page = await browser.http.post("/sign-out", data=fields)
    assert (await again(browser, page, "patient")).headers["location"] == "home"
