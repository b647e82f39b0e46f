"""What the finder asks over HTTP, and what it makes of answers and of silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from services.finder.adapters.neighbours import HttpCare
from services.finder.domain.care import VisitType
from services.kernel.errors import Invalid, Overloaded, Unavailable

PLACE: dict[str, Any] = {
    "facility_id": "fac-1", "name": "A", "kind": "hospital", "address": "", "city": "Boston", "state": "MA",
    "zip_code": "02108", "latitude": 42.0, "longitude": -71.0, "timezone": "America/New_York", "phone": "",
    "distance_km": None, "told_us_later": True,
}  # fmt: skip


def care(answer: Callable[[httpx.Request], httpx.Response]) -> HttpCare:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return HttpCare(client, "http://directory", "http://availability", 14)


async def test_pages_are_read_to_the_end_without_a_token() -> None:
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        assert "authorization" not in request.headers and "traceparent" in request.headers
        cursor = request.url.params["cursor"]
        place = {**PLACE, "facility_id": f"fac-{len(asked)}"}
        return httpx.Response(200, json={"facilities": [place], "next": "" if cursor == "b" else "ab"[len(asked) - 1]})

    assert [one.facility_id for one in await care(answer).facilities()] == ["fac-1", "fac-2", "fac-3"]
    assert {url.path for url in asked} == {"/public/facilities"}


async def test_each_kind_of_answer_is_read() -> None:
    kind = {"code": "c", "name": "C", "specialty": "s", "specialty_name": "S", "minutes": 20, "more": 1}
    time = {"visit_type": "c", "starts_at": "2027-01-04T15:00:00Z", "ends_at": "2027-01-04T15:20:00Z", "places": 2}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/public/open-times":
            assert request.url.params.multi_items() == [
                ("facility", "fac-1"), ("visit_type", "c"), ("visit_type", "d"), ("days", "14")
            ]  # fmt: skip
        return httpx.Response(200, json={"visit_types": [kind], "open_times": [time], "facilities": [PLACE]})

    asked = care(answer)
    assert await asked.visit_types() == (VisitType("c", "C", "s", "S", 20),)
    (found,) = await asked.open_times("fac-1", ["c", "d"])
    assert (found.places, found.starts_at.isoformat()) == (2, "2027-01-04T15:00:00+00:00")
    assert [one.name for one in await asked.near("02108", 50.0, 8)] == ["A"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(422, json={}), Invalid),
        (httpx.Response(500, json={}), Unavailable),
        (httpx.Response(404, json={}), Unavailable),
        (httpx.Response(503, json={}, headers={"careslot-turned-away": "overloaded"}), Overloaded),
    ],
)
async def test_refusals_and_faults_are_told_apart(answer: httpx.Response, told: type[Exception]) -> None:
    with pytest.raises(told):
        await care(lambda _: answer).near("02108", 50.0, 8)
