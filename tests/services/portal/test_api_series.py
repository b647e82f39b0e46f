"""Series, rules of late cancellation, double bookings: what is asked of booking, and what is shown before."""

from __future__ import annotations

import pytest

from tests.services.portal.conftest import Browser
from tests.services.portal.fakes_visits import RECURRING, SERIES, VISIT

PAGE, CANCEL, RULES = f"/series/{SERIES}", f"/series/{SERIES}/cancel", "/late-rules/fac-0001"


async def test_the_rest_of_a_series_is_cancelled_after_it_was_shown_what_that_is(browser: Browser) -> None:
    await browser.sign_in("patient")
    assert f"series/{SERIES}" in (await browser.get(f"/visits/{RECURRING[1]['id']}")).text
    shown = (await browser.get(PAGE)).text
    third = RECURRING[2]["id"]
    assert f"cancel?since={third}" in shown and f"cancel?since={RECURRING[0]['id']}" not in shown
    form = (await browser.get(f"{CANCEL}?since={third}")).text
    assert "These are cancelled: 2" in form
    assert "noted as a late cancellation" in form
    assert "Clinician not available" not in form, "only reasons that booking lets them give"
    wrong = await browser.send(f"{CANCEL}?since={third}", CANCEL, reason="")
    assert (wrong.status_code, "These are cancelled: 2" in wrong.text) == (422, True)
    done = await browser.send(f"{CANCEL}?since={third}", CANCEL, reason="pat")
    assert done.headers["location"].endswith(f"series/{SERIES}?told=series-cancelled")
    sent = browser.services.last("POST booking")
    assert sent.body == {"reason": "pat", "from_appointment_id": third}
    assert sent.headers["idempotency-key"]
    assert "The visits were cancelled." in (await browser.get(f"{PAGE}?told=series-cancelled")).text
    await browser.send(CANCEL, CANCEL, reason="pat")
    assert browser.services.last("POST booking").body == {"reason": "pat"}


async def test_staff_see_whose_series_it_is_and_a_series_that_is_over_cannot_be_cancelled(browser: Browser) -> None:
    await browser.sign_in("frontdesk")
    assert "&lt;Probe&gt;" in (await browser.get(PAGE)).text
    assert (await browser.send(CANCEL, CANCEL, reason="pat", since="odd")).status_code == 404
    over = {"series_id": SERIES, "appointments": RECURRING[:1], "missed": []}
    browser.services.known[f"GET booking /series/{SERIES}"] = over
    assert "/cancel" not in (await browser.get(PAGE)).text
    assert (await browser.get(CANCEL)).status_code == 404


async def test_an_administrator_sets_and_removes_rules(browser: Browser) -> None:
    await browser.sign_in("administrator")
    assert "late-rules/fac-0001" in (await browser.get("/late-rules")).text
    text = (await browser.get(RULES)).text
    for said in ("Never late", "Late from 48 hours before the visit on", "Late from 12 hours before the visit on"):
        assert said in text
    assert text.count('action="../late-rules/fac-0001/remove"') == 2, "those for every facility are not removed here"
    await browser.send(RULES, RULES, visit_type="follow-up", hours="72")
    assert browser.services.last("PUT booking").body == {
        "facility_id": "fac-0001", "visit_type": "follow-up", "hours": 72,
    }  # fmt: skip
    done = await browser.send(RULES, f"{RULES}/remove")
    assert done.headers["location"].endswith("late-rules/fac-0001?told=saved")
    assert browser.services.last("DELETE booking").query == {"facility_id": "fac-0001", "visit_type": "follow-up"}


@pytest.mark.parametrize(("field", "value"), [("hours", "337"), ("hours", "soon"), ("visit_type", "No such!")])
async def test_what_a_rule_cannot_be_is_told_beside_the_field(browser: Browser, field: str, value: str) -> None:
    await browser.sign_in("administrator")
    answer = await browser.send(RULES, RULES, **{"visit_type": "every", "hours": "24", field: value})
    assert (answer.status_code, f'href="#{field}"' in answer.text) == (422, True)
    assert not [asked for asked in browser.services.asked if asked.what.startswith("PUT")]


@pytest.mark.parametrize("language", ["en", "es"])
async def test_the_desk_sees_double_bookings_and_what_to_do(browser: Browser, language: str) -> None:
    await browser.sign_in("frontdesk")
    browser.http.headers["accept-language"] = language
    page = "desk/fac-0001/double-bookings"
    assert page in (await browser.get("/desk/fac-0001")).text
    text = (await browser.get(f"/{page}")).text
    assert {"en": "Call and ask which one they keep", "es": "Llame y pregunte"}[language] in text
    assert f"visits/{VISIT}" in text
    assert f"visits/{VISIT[:-1]}9" not in text, "the other one is at a facility that is not theirs"
    browser.services.known["GET booking /facilities/fac-0001/double-bookings"] = {"double_bookings": []}
    assert "visits/" not in (await browser.get(f"/{page}")).text
