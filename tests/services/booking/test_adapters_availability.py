"""One hop to availability: what is asked, with whose credentials, and that nothing it does harms booking."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import pytest

from services.booking.adapters.availability import AvailabilitySlots, NoSlots
from services.booking.ports import OpenSlot
from services.kernel.errors import Unavailable
from services.kernel.resilience import DEADLINE_HEADER, Budget, Dependency, deadline
from services.kernel.telemetry import correlated
from tests.services.booking.world import NOW, START, offer

ITEM = {
    "slot": offer(START + timedelta(hours=1)).model_dump(mode="json"), "offer": "a.b.c", "facility_name": "A Hospital",
    "clinician_name": "Dr. A", "distance_km": None, "starts_local": "2027-01-04T11:00:00-05:00",
}  # fmt: skip


async def search(answer: Callable[[httpx.Request], httpx.Response], times: int = 1) -> list[OpenSlot]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        adapter = AvailabilitySlots(http, "http://availability/", Dependency("availability", Budget(failures=2)))
        for _ in range(times - 1):
            with pytest.raises(Unavailable):
                await adapter.near(offer(), NOW, "Bearer token")
        return list(await adapter.near(offer(), NOW, "Bearer token"))


async def test_what_is_asked() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"slots": [ITEM]})

    with correlated("0" * 31 + "7"), deadline(0.5):
        found = await search(answer)
    assert [slot.item for slot in found] == [ITEM, ITEM]
    narrowed = [
        {key: value for key, value in request.url.params.items() if key in {"clinician", "facility"}}
        for request in asked
    ]
    assert narrowed == [{"clinician": "cln-00001"}, {"facility": "fac-0001"}]
    first = asked[0]
    assert first.url.path == "/slots"
    assert (first.url.params["specialty"], first.url.params["visit_type"]) == (
        "family-medicine",
        "family-medicine-follow-up",
    )
    assert datetime.fromisoformat(first.url.params["from"]) == NOW
    assert datetime.fromisoformat(first.url.params["to"]) > START
    assert first.headers["authorization"] == "Bearer token"
    assert first.headers["traceparent"].split("-")[1] == "0" * 31 + "7"
    assert int(first.headers[DEADLINE_HEADER]) <= 500


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(500),
        httpx.Response(503, json={"title": "x"}),
        httpx.Response(403, json={}),
        httpx.Response(200, text="not json"),
        httpx.Response(200, json={"slots": [{"slot": {}}]}),
        httpx.Response(200, json=[]),
    ],
)
async def test_any_bad_answer_is_unavailable(response: httpx.Response) -> None:
    with pytest.raises(Unavailable):
        await search(lambda _: httpx.Response(response.status_code, content=response.content))


async def test_after_failures_it_is_left_alone() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.dumps(dict(request.url.params)))
        raise httpx.ConnectError("refused")

    with pytest.raises(Unavailable):
        await search(answer, times=8)
    assert len(asked) <= 4


async def test_without_an_address_there_is_no_search() -> None:
    with pytest.raises(Unavailable):
        await NoSlots().near(offer(), NOW, "")
