"""The patient's further pages: waiting, offers, acting for others, what was; each sends on what was said, no more."""

from __future__ import annotations

import pytest

from services.kernel.errors import Conflict, FieldError, Forbidden, Invalid
from tests.services.portal.conftest import Browser, hidden
from tests.services.portal.fakes import OFFER, OFFERED, REQUEST, WAITING
from tests.services.portal.fakes_visits import APPOINTMENT, VISIT


async def test_waiting_says_what_would_do_and_nothing_in_an_address(browser: Browser) -> None:
    await browser.sign_in("patient")
    answer = await browser.send(f"/visits/{VISIT}", f"/visits/{VISIT}/earlier")
    assert answer.headers["location"] == "../../waitlist/new"
    wishes = {
        "visit_type": "follow-up", "only_clinician": "1", "zip_code": "02108", "within_miles": "10", "weekday_2": "1",
        "part_evening": "1", "latest": "2027-01-20", "notice": "1440",
    }  # fmt: skip
    answer = await browser.send("/waitlist/new", "/waitlist/new", **wishes)
    assert answer.headers["location"] == "../waitlist?told=joined"
    sent = browser.services.last("POST waitlist /requests")
    assert sent.body == {
        "patient_id": "pat-000001", "specialty": "family-medicine", "visit_type": "follow-up",
        "near": {"zip_code": "02108", "distance_km": 16.1}, "clinicians": ["cln-00001"], "weekdays": [2],
        "windows": [{"starts": "17:00", "ends": "23:59"}], "earliest": None, "latest": "2027-01-20",
        "notice_minutes": 1440,
    }  # fmt: skip
    assert sent.headers["idempotency-key"]


@pytest.mark.parametrize(
    ("fields", "mended"),
    [
        ({"visit_type": "follow-up", "zip_code": "x"}, "zip_code"),
        ({"visit_type": "", "zip_code": "02108"}, "visit_type"),
        ({"visit_type": "follow-up"}, "zip_code"),
        ({"visit_type": "follow-up", "zip_code": "02108", "earliest": "2027-02-02", "latest": "2027-02-01"}, "latest"),
        ({"visit_type": "follow-up", "zip_code": "02108", "notice": "-1"}, "notice"),
    ],
)
async def test_wishes_that_make_no_sense_are_mended_beside_the_field(
    browser: Browser, fields: dict[str, str], mended: str
) -> None:
    await browser.sign_in("patient")
    usual = {"within_miles": "10", "notice": "0"}
    answer = await browser.send("/waitlist/new", "/waitlist/new", **{**usual, **fields})
    assert answer.status_code == 422
    assert f'href="#{mended}"' in answer.text
    assert not [asked for asked in browser.services.asked if asked.what == "POST waitlist /requests"]


@pytest.mark.parametrize(
    ("fault", "status", "mended"),
    [
        (Invalid("x", slug="zip-code-unknown"), 422, "zip_code"),
        (Invalid("x", slug="no-facility-near"), 422, "within_miles"),
        (Conflict("x", slug="already-waiting"), 409, "visit_type"),
    ],
)
async def test_what_the_list_refuses_is_told_beside_the_field(
    browser: Browser, fault: Invalid, status: int, mended: str
) -> None:
    await browser.sign_in("patient")
    browser.services.faults["POST waitlist /requests"] = fault
    fields = {"visit_type": "follow-up", "zip_code": "02108", "within_miles": "10", "notice": "0"}
    answer = await browser.send("/waitlist/new", "/waitlist/new", **fields)
    assert (answer.status_code, f'href="#{mended}"' in answer.text) == (status, True)


async def test_without_consent_it_is_said_that_no_offer_can_come(browser: Browser) -> None:
    await browser.sign_in("patient")
    said = "You have not agreed to messages with offers"
    assert said not in (await browser.get("/waitlist")).text
    live = {**WAITING, "consent": False, "status": "offered", "offer_id": OFFER}
    browser.services.known["GET waitlist /requests"] = {"requests": [live]}
    page = (await browser.get("/waitlist")).text
    assert said in page and f'href="offers/{OFFER}"' in page


async def test_a_request_is_withdrawn_or_was_served_already(browser: Browser) -> None:
    await browser.sign_in("patient")
    path = f"/waitlist/{REQUEST}/withdraw"
    assert (await browser.send("/waitlist", path)).headers["location"] == "../../waitlist?told=left"
    browser.services.faults[f"POST waitlist /requests/{REQUEST}/withdraw"] = Conflict("x", slug="request-served")
    answer = await browser.send("/waitlist", path)
    assert answer.headers["location"] == "../../waitlist?told=already-accepted"


async def test_an_offers_link_shows_nothing_before_signing_in_and_leads_back_after(browser: Browser) -> None:
    answer = await browser.get(f"/offers/{OFFER}")
    assert answer.status_code == 401
    assert "Boston" not in answer.text and not browser.services.asked
    fields = {**hidden(answer.text, "/sign-in"), "username": "patient", "password": "right"}
    answer = await browser.http.post("/sign-in", data=fields)
    assert answer.headers["location"] == f"offers/{OFFER}"
    assert "Boston General" in (await browser.get(f"/offers/{OFFER}")).text


@pytest.mark.parametrize("verb", ["accept", "decline"])
async def test_looking_at_an_offer_answers_nothing_and_an_answer_is_a_form(browser: Browser, verb: str) -> None:
    await browser.sign_in("patient")
    await browser.get(f"/offers/{OFFER}")
    assert not [asked for asked in browser.services.asked if asked.what.startswith("POST waitlist")]
    assert (await browser.get(f"/offers/{OFFER}/{verb}")).status_code == 405
    assert (await browser.http.post(f"/offers/{OFFER}/{verb}", data={})).status_code == 403
    answer = await browser.send(f"/offers/{OFFER}", f"/offers/{OFFER}/{verb}")
    to = {"accept": f"visits/{VISIT}?told=offer-accepted", "decline": "waitlist?told=offer-declined"}[verb]
    assert answer.headers["location"] == f"../../{to}"


@pytest.mark.parametrize(
    ("slug", "words"),
    [
        ("offer-gone", "Somebody else was a moment faster."), ("offer-ended", "The time to answer this offer is over."),
        ("patient-busy", "There is another visit at that time already."),
        ("offer-accepted", "This offer was accepted already."),
    ],
)  # fmt: skip
async def test_an_offer_that_cannot_be_had_is_told_kindly_with_what_next(
    browser: Browser, slug: str, words: str
) -> None:
    await browser.sign_in("patient")
    browser.services.faults[f"POST waitlist /offers/{OFFER}/accept"] = Conflict("inner words", slug=slug)
    answer = await browser.send(f"/offers/{OFFER}", f"/offers/{OFFER}/accept")
    assert answer.status_code == 409
    assert words in answer.text and "inner words" not in answer.text
    assert 'href="../../find"' in answer.text and 'href="../../waitlist"' in answer.text


@pytest.mark.parametrize(
    "changes", [{"state": "expired"}, {"state": "declined"}, {"expires_at": "2027-01-04T13:59:00Z"}]
)
async def test_an_ended_offer_cannot_be_answered(browser: Browser, changes: dict[str, str]) -> None:
    await browser.sign_in("patient")
    browser.services.known[f"GET waitlist /offers/{OFFER}"] = {**OFFERED, **changes}
    answer = await browser.get(f"/offers/{OFFER}")
    assert answer.status_code == 200
    assert "accept" not in answer.text.split("<main")[1]


async def test_acting_for_somebody_shows_and_books_theirs_until_one_stops(browser: Browser) -> None:
    await browser.sign_in("parent")
    answer = await browser.send("/people", "/people/act")
    assert answer.headers["location"] == "../home"
    page = await browser.get("/home")
    assert "You act for Lía Probe." in page.text
    assert browser.services.last("GET booking /appointments").query["patient_id"] == "pat-000004"
    await browser.send("/find", "/find", specialty="family-medicine", within_miles="10")
    await browser.send("/slots", "/hold", offer="a.b.c")
    assert browser.services.last("POST booking /holds").body["patient_id"] == "pat-000004"
    await browser.send("/home", "/people/self")
    assert "You act for" not in (await browser.get("/home")).text
    assert browser.services.last("GET booking /appointments").query["patient_id"] == "pat-000003"


async def test_nobody_acts_without_a_grant_and_an_ended_one_is_told(browser: Browser) -> None:
    await browser.sign_in("parent")
    fields = hidden((await browser.get("/people")).text, "/people/act")
    answer = await browser.http.post("/people/act", data={**fields, "patient": "pat-000001"})
    assert answer.status_code == 403
    assert "You act for" not in (await browser.get("/home")).text
    await browser.send("/people", "/people/act")
    browser.services.faults["GET booking"] = Forbidden("x")
    answer = await browser.get("/home")
    assert answer.status_code == 403
    assert "You may no longer act for Lía Probe" in answer.text and "people/self" in answer.text


async def test_a_proxy_who_is_no_patient_is_led_to_whom_they_act_for(browser: Browser) -> None:
    await browser.sign_in("proxy")
    for path in ("/home", "/waitlist", "/past"):
        assert (await browser.get(path)).headers["location"] == "people"
    page = (await browser.get("/people")).text
    assert "pat-000003" in page and "people/grant" not in page


async def test_a_grant_has_an_end_and_can_be_withdrawn(browser: Browser) -> None:
    await browser.sign_in("patient")
    assert "You may act for" not in (await browser.get("/people")).text, "the account's role is patient alone"
    answer = await browser.send("/people", "/people/grant", person="pat-000007", until="2027-03-31")
    assert answer.headers["location"] == "../people?told=granted"
    sent = browser.services.last("PUT directory")
    assert sent.body == {"expires_at": "2027-04-01T04:00:00+00:00"}, "the whole last day, where the patient lives"
    answer = await browser.send("/people", "/people/pat-000009/withdraw")
    assert answer.status_code == 303
    assert browser.services.last("DELETE directory").what.endswith("/pat-000001/proxies/pat-000009")
    for fields, where, mended in (
        ({"person": "", "until": "2027-03-31"}, "", "person"), ({"person": "pat-000007", "until": ""}, "", "until"),
        ({"person": "x y", "until": "2027-03-31"}, "", "person"),
        ({"person": "pat-000007", "until": "2029-03-31"}, "expires_at", "until"),
        ({"person": "pat-000007", "until": "2027-03-31"}, "person", "person"),
    ):  # fmt: skip
        browser.services.faults["PUT directory"] = Invalid("x", errors=[FieldError(where, "x")])
        answer = await browser.send("/people", "/people/grant", **fields)
        assert (answer.status_code, f'href="#{mended}"' in answer.text) == (422, True), fields


async def test_what_was_comes_newest_first_and_by_pages(browser: Browser) -> None:
    await browser.sign_in("patient")
    past = [
        {**APPOINTMENT, "id": f"{VISIT[:-2]}{n + 10:02}", "starts_at": f"2026-{n % 12 + 1:02}-01T15:00:00Z",
         "ends_at": f"2026-{n % 12 + 1:02}-01T15:20:00Z", "status": "fulfilled"}
        for n in range(24)
    ]  # fmt: skip
    held = {**past[0], "id": f"{VISIT[:-2]}77", "status": "cancelled", "reason": "hold-expired"}
    listed = {"appointments": [*past, APPOINTMENT, held], "next": None}
    browser.services.known["GET booking /appointments"] = listed
    first, second = (await browser.get("/past")).text, (await browser.get("/past?page=2")).text
    assert first.count('href="visits/') == 20 and second.count('href="visits/') == 4
    assert first.index("December 1, 2026") < first.index("March 1, 2026")
    assert "?page=2" in first and "?page=3" not in second
    assert VISIT + '"' not in first + second, "what is still to come is no past visit"
    assert held["id"] not in first + second, "a time that was only held was never a visit"
