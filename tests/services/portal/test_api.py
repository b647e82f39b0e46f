"""Pages over HTTP: who gets in, what is sent on with whose token, what a form must prove, what failures look like."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.kernel.errors import Conflict, Forbidden, Invalid, StaleVersion, Unavailable
from services.portal.api.entrance import SESSION
from services.portal.domain.session import IDLE, OLDEST
from tests.services.portal.conftest import Browser, hidden
from tests.services.portal.fakes import ACCESS, OFFER, PASSWORD, SLOT
from tests.services.portal.fakes_visits import APPOINTMENT, VISIT

PAGES = {
    "patient": ["/home", "/find", f"/visits/{VISIT}", f"/visits/{VISIT}/cancel", "/preferences", "/past",
                "/waitlist", "/waitlist/new", f"/offers/{OFFER}", "/people"],
    "frontdesk": ["/home", "/desk/fac-0001", "/patients", "/patients/new", "/patients/pat-000001", "/find",
                  "/desk/fac-0001/waitlist", "/emergency"],
    "scheduler": ["/schedules", "/schedules/at/fac-0001", "/schedules/cln-00001",
                  "/schedules/cln-00001/templates/weekly", "/desk"],
    "administrator": ["/closures", "/closures/fac-0001", "/visit-types", "/visit-types/new", "/visit-types/follow-up"],
    "auditor": ["/home", "/reviews", "/reviews/patients/pat-000001", "/reviews/refusals", "/reviews/break-glass",
                f"/reviews/users/{ACCESS['subject']}", "/reviews/chains"],
}  # fmt: skip


@pytest.mark.parametrize(("who", "path"), [(who, path) for who, paths in PAGES.items() for path in paths])
async def test_every_page_is_drawn_in_both_languages_with_its_protections(
    browser: Browser, who: str, path: str
) -> None:
    await browser.sign_in(who)
    for language in ("en", "es"):
        await browser.http.post("/language", data={"language": language, "back": "home"})
        answer = await browser.get(path)
        assert answer.status_code == 200, answer.text
        assert f'<html lang="{language}">' in answer.text
        assert "<main" in answer.text and "<h1>" in answer.text
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "style=" not in answer.text and "onclick" not in answer.text


@pytest.mark.parametrize("path", [path for paths in PAGES.values() for path in paths])
async def test_nobody_gets_in_without_a_session(browser: Browser, path: str) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 401
    assert "Sign in" in answer.text and 'action="' in answer.text
    assert not browser.services.asked


async def test_the_users_own_token_goes_with_every_request(browser: Browser) -> None:
    await browser.sign_in("patient")
    await browser.get("/home")
    assert browser.services.asked
    assert {asked.token for asked in browser.services.asked} == {"token-patient-0"}


async def test_cookies_tell_scripts_and_other_sites_nothing(browser: Browser) -> None:
    answer = await browser.sign_in("patient")
    cookies = answer.headers.get_list("set-cookie")
    assert any(cookie.startswith(SESSION) for cookie in cookies)
    for cookie in cookies:
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie
        assert "token-patient" not in cookie and "pat-000001" not in cookie


async def test_a_wrong_password_is_told_without_saying_which_was_wrong(browser: Browser) -> None:
    answer = await browser.send("/sign-in", "/sign-in", username="patient", password="wrong")
    assert answer.status_code == 401
    assert "The user name or the password is wrong." in answer.text
    assert 'href="#username"' in answer.text


async def test_a_form_from_elsewhere_is_refused(browser: Browser) -> None:
    await browser.sign_in("patient")
    fields = hidden((await browser.get(f"/visits/{VISIT}/cancel")).text, f"/visits/{VISIT}/cancel")
    fields["reason"] = "other"
    path = f"/visits/{VISIT}/cancel"
    for answer in (
        await browser.http.post(path, data={**fields, "csrf": "guessed"}),
        await browser.http.post(path, data={k: v for k, v in fields.items() if k != "csrf"}),
        await browser.http.post(path, data=fields, headers={"sec-fetch-site": "cross-site"}),
    ):
        assert answer.status_code == 403
    assert not [asked for asked in browser.services.asked if asked.what.startswith("POST booking")]
    assert (await browser.http.post(path, data=fields)).status_code == 303


async def test_signing_in_needs_our_own_form_too(browser: Browser) -> None:
    answer = await browser.http.post("/sign-in", data={"username": "patient", "password": PASSWORD})
    assert answer.status_code == 403


async def test_a_cookie_that_was_tampered_with_is_no_session(browser: Browser) -> None:
    await browser.sign_in("patient")
    value = browser.http.cookies[SESSION]
    browser.http.cookies.clear()
    browser.http.cookies.set(SESSION, value[:-6] + "AAAAAA")
    assert (await browser.get("/home")).status_code == 401


async def test_an_idle_session_ends_kindly(browser: Browser) -> None:
    await browser.sign_in("patient")
    browser.clock.at += IDLE + timedelta(seconds=1)
    answer = await browser.get("/home")
    assert answer.status_code == 401
    assert "Your session has ended" in answer.text


async def test_a_used_session_is_renewed_until_it_is_old(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    begun = browser.clock.at
    while browser.clock.at - begun < OLDEST - timedelta(minutes=10):
        browser.clock.at += timedelta(minutes=10)
        assert (await browser.get("/home")).status_code == 200
    assert browser.pool.renewals > 20
    browser.clock.at += timedelta(minutes=15)
    assert (await browser.get("/home")).status_code == 401


async def test_a_withdrawn_renewal_ends_the_session_with_its_token(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    browser.pool.renewable = False
    browser.clock.at += timedelta(minutes=14)
    assert (await browser.get("/home")).status_code == 200
    browser.clock.at += timedelta(minutes=2)
    assert (await browser.get("/home")).status_code == 401


async def test_signing_out_takes_the_cookies_away(browser: Browser) -> None:
    await browser.sign_in("patient")
    answer = await browser.send("/home", "/sign-out")
    assert answer.headers["location"] == "sign-in?told=signed-out"
    assert SESSION not in browser.http.cookies
    assert (await browser.get("/home")).status_code == 401


@pytest.mark.parametrize(("language", "words"), [("en", "I need an interpreter"), ("es", "Necesito un intérprete")])
async def test_an_interpreter_can_be_asked_for(browser: Browser, language: str, words: str) -> None:
    await browser.sign_in("patient")
    await browser.http.post("/language", data={"language": language, "back": "home"})
    form = (await browser.get("/find")).text
    assert words in form and ">Xx<" in form, "a language nobody has named is said by its tag"
    assert ('<option value="es" selected>' in form) == (language == "es"), "filled in with the language of the page"
    wish = {"specialty": "family-medicine", "within_miles": "10"}
    assert (await browser.send("/find", "/find", **wish, with_interpreter="1")).status_code == 422
    answer = await browser.send("/find", "/find", **wish, with_interpreter="1", interpreter="ase")
    assert (answer.status_code, answer.headers["location"]) == (303, "slots")
    page = (await browser.get("/slots")).text
    assert browser.services.last("GET availability /slots").query["interpreter"] == "ase"
    assert ("American Sign Language" if language == "en" else "Lengua de señas americana") in page
    await browser.send("/find", "/find", **wish, interpreter="ase")
    await browser.get("/slots")
    assert "interpreter" not in browser.services.last("GET availability /slots").query, "chosen, but not asked for"


async def test_from_wish_to_booked_without_a_word_in_an_address(browser: Browser) -> None:
    await browser.sign_in("patient")
    answer = await browser.send(
        "/find", "/find", specialty="family-medicine", zip_code="02108", within_miles="10", language="es"
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "slots")
    page = await browser.get("/slots")
    assert browser.services.last("GET availability /slots").query["zip"] == "02108"
    assert "10:00" in page.text and "EST" in page.text and "2 miles" in page.text
    answer = await browser.http.post("/hold", data={**hidden(page.text, "/hold"), "offer": SLOT["offer"]})
    assert answer.headers["location"] == f"review/{VISIT}"
    held = browser.services.last("POST booking /holds")
    assert held.body == {"offer": "a.b.c", "patient_id": "pat-000001"}
    assert held.headers["idempotency-key"]
    browser.services.known[f"GET booking /appointments/{VISIT}"] = {**APPOINTMENT, "status": "pending"}
    answer = await browser.send(f"/review/{VISIT}", f"/review/{VISIT}/confirm")
    assert answer.headers["location"] == f"../../visits/{VISIT}?told=booked"
    assert browser.services.last("POST booking").headers["if-match"] == '"2"'


async def test_a_lost_race_shows_the_nearest_times_as_buttons(browser: Browser) -> None:
    await browser.sign_in("patient")
    await browser.send("/find", "/find", specialty="family-medicine", within_miles="10")
    lost = Conflict("taken", slug="slot-taken", extra={"alternatives": [SLOT], "alternatives_status": "ok"})
    browser.services.faults["POST booking /holds"] = lost
    answer = await browser.send("/slots", "/hold", offer="a.b.c")
    assert answer.status_code == 409
    assert "Somebody was quicker" in answer.text
    assert '<button class="slot" name="offer" value="a.b.c">' in answer.text


@pytest.mark.parametrize(
    ("service", "path", "words"),
    [
        ("availability", "/slots", "Searching for times does not work right now."),
        ("booking", "/home", "Booking does not work right now."),
        ("waitlist", "/waitlist", "The waitlist cannot be read right now."),
        ("notifications", "/preferences", "Preferences cannot be read right now."),
        ("directory", "/find", "Names of facilities and patients cannot be read right now."),
    ],
)
async def test_an_outage_says_which_part_is_out(browser: Browser, service: str, path: str, words: str) -> None:
    await browser.sign_in("patient")
    await browser.send("/find", "/find", specialty="family-medicine", within_miles="10")
    for method in ("GET", "POST"):
        browser.services.faults[f"{method} {service}"] = Unavailable("x", extra={"service": service}, retry_after=3)
    answer = await browser.get(path)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "3"
    assert words in answer.text


async def test_visits_are_shown_when_the_directory_is_out(browser: Browser) -> None:
    await browser.sign_in("patient")
    browser.services.faults["GET directory"] = Unavailable("x", extra={"service": "directory"})
    answer = await browser.get("/home")
    assert answer.status_code == 200
    assert "fac-0001" in answer.text


@pytest.mark.parametrize("fault", [Forbidden("no"), StaleVersion("no"), Invalid("no"), ValueError("pat-000001")])
async def test_refusals_and_faults_are_pages_without_inner_words(browser: Browser, fault: Exception) -> None:
    await browser.sign_in("patient")
    browser.services.faults["GET booking"] = fault  # type: ignore[assignment]  # a programming error, on purpose
    answer = await browser.get("/home")
    assert answer.status_code == getattr(fault, "status", 500)
    assert answer.headers["content-type"].startswith("text/html")
    assert "pat-000001" not in answer.text and "ValueError" not in answer.text


@pytest.mark.parametrize("path", ["/nothing", "/visits/not-a-uuid", "/desk/fac-0001?date=x", "/static/../main.py"])
async def test_odd_addresses_are_told_as_pages(browser: Browser, path: str) -> None:
    await browser.sign_in("patient")
    answer = await browser.get(path)
    assert answer.status_code in {404, 422}
    assert "<h1>" in answer.text


@pytest.mark.parametrize("back", ["https://example.org", "//example.org", "../x", "javascript:x"])
async def test_the_language_leads_back_to_our_own_pages_only(browser: Browser, back: str) -> None:
    answer = await browser.http.post("/language", data={"language": "es", "back": back})
    assert answer.headers["location"] == "./"
