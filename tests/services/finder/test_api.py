"""The finder over HTTP: what anybody is shown, for how long they may keep it, and what is said when others are out."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.services.finder.conftest import Served
from tests.services.finder.fakes import BOSTON, TODAY, open_time

SEARCH = {"zip": "02108", "specialty": "family-medicine"}
MANIFEST = "/smart/$bulk-publish"


def resources(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in body.splitlines()]


async def test_the_first_page_asks_three_things_and_sets_no_cookie(served: Served) -> None:
    page = await served.http.get("/find")
    assert page.status_code == 200
    for name in ("zip", "specialty", "day"):
        assert f'<label for="{name}">' in page.text
    assert page.text.index("Cardiology") < page.text.index("Family medicine")
    assert "set-cookie" not in page.headers
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["cache-control"] == "public, max-age=60"
    assert (await served.http.get("/static/finder.css")).headers["content-type"].startswith("text/css")


async def test_what_is_found_is_shown_by_place_and_day_with_a_way_to_book(served: Served) -> None:
    page = (await served.http.get("/find", params=SEARCH)).text
    assert "Boston &lt;Medical&gt; Center" in page and "Honolulu Center" in page
    assert "2 miles" in page and "Monday, January 4, 2027" in page and "Tuesday, January 5, 2027" in page
    link = "https://portal.example/portal/book?facility=fac-1&amp;visit_type=family-follow-up&amp;day=2027-01-04"
    assert f'href="{link}"' in page
    assert page.count('class="time"') == 3


async def test_one_day_is_each_places_own(served: Served) -> None:
    page = (await served.http.get("/find", params={**SEARCH, "day": "2027-01-05"})).text
    assert page.count('class="time"') == 1
    assert "Honolulu Center" not in page
    nothing = (await served.http.get("/find", params={**SEARCH, "day": "2027-03-01"})).text
    assert "No open times were found near you." in nothing


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({**SEARCH, "zip": "0210"}, "zip"), ({**SEARCH, "zip": "٠٢١٠٨"}, "zip"), ({**SEARCH, "zip": "00000"}, "zip"),
        ({**SEARCH, "specialty": "witchcraft"}, "specialty"), ({**SEARCH, "day": "soon"}, "day"),
        ({"zip": "02108"}, "specialty"),
    ],
)  # fmt: skip
async def test_a_mistake_is_said_beside_its_field(served: Served, asked: dict[str, str], wrong: str) -> None:
    page = await served.http.get("/find", params=asked)
    assert page.status_code == 422
    assert f'<a href="#{wrong}">' in page.text and f'id="{wrong}-error"' in page.text
    assert page.text.count('<li><a href="#') == 1


async def test_the_page_speaks_spanish_to_who_prefers_it(served: Served) -> None:
    chosen = (await served.http.get("/find", params={**SEARCH, "language": "es"})).text
    preferred = (await served.http.get("/find", params=SEARCH, headers={"accept-language": "es-MX"})).text
    assert '<html lang="es">' in chosen
    assert "lunes, 4 de enero de 2027" in chosen and "lunes, 4 de enero de 2027" in preferred
    assert '<html lang="en">' in (await served.http.get("/find", headers={"accept-language": "xx"})).text


async def test_however_many_ask_the_others_are_asked_once_a_minute(served: Served) -> None:
    for _ in range(5):
        await served.http.get("/find", params=SEARCH)
        await served.http.get("/open-times", params=SEARCH)
    assert sorted(served.care.asked) == ["fac-1", "fac-2", "near", "visit-types"]
    served.clock.at += timedelta(minutes=1)
    await served.http.get("/find", params=SEARCH)
    assert sorted(served.care.asked)[:4] == ["fac-1", "fac-1", "fac-2", "fac-2"]


async def test_programs_are_told_the_same_and_no_person_is_named(served: Served) -> None:
    answer = await served.http.get("/open-times", params=SEARCH)
    boston, honolulu = answer.json()["places"]
    assert [time["places"] for time in boston["open_times"]] == [3, 1]
    assert boston["open_times"][0]["starts_local"] == "2027-01-04T11:00:00-05:00"
    assert honolulu["distance_km"] == 6.0
    assert "clinician" not in answer.text
    wrong = await served.http.get("/open-times", params={**SEARCH, "specialty": "witchcraft"})
    assert (wrong.status_code, wrong.json()["errors"][0]["where"]) == (422, "query/specialty")
    assert (await served.http.get("/open-times", params={**SEARCH, "zip": "00000"})).status_code == 422
    listed = (await served.http.get("/specialties")).json()["specialties"]
    assert [one["visit_type"] for one in listed] == ["cardiology-echo", "family-follow-up"]


async def test_a_place_that_does_not_answer_is_named_and_the_others_shown(served: Served) -> None:
    served.care.silent = {"fac-1"}
    page = await served.http.get("/find", params=SEARCH)
    assert page.status_code == 200
    assert 'href="tel:+16175550100"' in page.text and "nothing is known just now" in page.text
    assert "Honolulu Center" in page.text
    assert (await served.http.get("/open-times", params=SEARCH)).json()["not_known_of"] == ["fac-1"]


async def test_what_was_known_is_shown_while_nobody_answers(served: Served) -> None:
    before = await served.http.get("/open-times", params=SEARCH)
    served.care.silent = {"everything"}
    served.clock.at += timedelta(minutes=14)
    assert (await served.http.get("/open-times", params=SEARCH)).json() == before.json()
    served.clock.at += timedelta(minutes=2)
    assert (await served.http.get("/open-times", params=SEARCH)).status_code == 503
    page = await served.http.get("/find", params=SEARCH)
    assert (page.status_code, page.headers["cache-control"]) == (503, "no-store")
    assert "Nothing can be shown just now." in page.text and "911" in page.text


async def test_the_publication_holds_together(served: Served) -> None:
    manifest = (await served.http.get(MANIFEST)).json()
    assert manifest["request"] == "https://api.example/finder/smart/$bulk-publish"
    assert manifest["transactionTime"] == TODAY.replace(second=0).isoformat().replace("+00:00", "Z")
    files = [one["url"].removeprefix("https://api.example/finder") for one in manifest["output"]]
    found: dict[str, dict[str, dict[str, Any]]] = {"Location": {}, "Schedule": {}, "Slot": {}}
    for file in files:
        answer = await served.http.get(file)
        assert answer.headers["content-type"] == "application/fhir+ndjson"
        for resource in resources(answer.content):
            found[resource["resourceType"]][resource["id"]] = resource
    assert [len(of) for of in found.values()] == [2, 3, 4]
    for schedule in found["Schedule"].values():
        assert schedule["actor"][0]["reference"].removeprefix("Location/") in found["Location"]
    for slot in found["Slot"].values():
        assert slot["schedule"]["reference"].removeprefix("Schedule/") in found["Schedule"]
    assert "clinician" not in json.dumps(found)


@pytest.mark.parametrize("path", [MANIFEST, "/smart/locations", "/smart/schedules/fac-1", "/smart/slots/fac-1"])
async def test_who_has_it_already_is_sent_nothing(served: Served, path: str) -> None:
    first = await served.http.get(path)
    tag = first.headers["etag"]
    for presented in (tag, f"W/{tag}", f'"other", {tag}'):
        again = await served.http.get(path, headers={"if-none-match": presented})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "public, max-age=60"
    assert (await served.http.get(path, headers={"if-none-match": '"other"'})).status_code == 200


async def test_since_leaves_out_only_what_is_known_to_be_the_same(served: Served) -> None:
    async def named(since: str) -> list[str]:
        told = (await served.http.get(MANIFEST, params={"_since": since})).json()
        return [one["url"].rpartition("/smart/")[2] for one in told["output"]]

    await served.http.get("/smart/slots/fac-1")
    later = (TODAY + timedelta(seconds=1)).isoformat()
    assert await named(later) == ["schedules/fac-2", "slots/fac-2"], "of which nobody has asked yet"
    assert await named("2027-01-01T00:00:00Z") == [
        "locations", "schedules/fac-1", "slots/fac-1", "schedules/fac-2", "slots/fac-2"
    ]  # fmt: skip
    served.care.times["fac-1"].append(open_time(3))
    served.clock.at += timedelta(minutes=1)
    await served.http.get("/smart/slots/fac-1")
    await served.http.get("/smart/slots/fac-2")
    assert await named(later) == ["schedules/fac-1", "slots/fac-1", "schedules/fac-2", "slots/fac-2"]
    assert await named((served.clock.at + timedelta(seconds=1)).isoformat()) == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/smart/slots/fac-9", 404), ("/smart/schedules/fac-9", 404), ("/smart/other", 404), ("/smart/slots/%00", 422),
        (f"{MANIFEST}?_since=soon", 422), (f"{MANIFEST}?_since=0001-01-01T00:00:00%2B23:59", 422),
        ("/smart/bulk-publish", 200), ("/static/other", 422),
    ],
)  # fmt: skip
async def test_what_is_not_there_is_said(served: Served, path: str, status: int) -> None:
    assert (await served.http.get(path)).status_code == status


async def test_the_root_leads_to_the_page_whatever_the_address_ends_in(served: Served) -> None:
    answer = await served.http.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "https://api.example/finder/find")


async def test_the_file_of_a_place_is_about_that_place_alone(served: Served) -> None:
    slots = resources((await served.http.get("/smart/slots/fac-1")).content)
    assert len(slots) == 3
    assert all(f"facility={BOSTON.facility_id}" in slot["extension"][0]["valueUrl"] for slot in slots)
