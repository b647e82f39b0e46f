"""Three searches as booking itself, and nothing availability does may stop a round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import httpx
import pytest

from services.booking.adapters.replacements import AvailabilityReplacements, NoReplacements
from services.booking.domain.disruption import Candidate
from services.booking.ports import Wanted
from services.kernel.credentials import ServiceToken
from services.kernel.errors import Unavailable
from services.kernel.resilience import Budget, Dependency
from tests.services.booking.world import START, offer

WANTED = Wanted("cln-00001", "fac-0001", "family-medicine", "follow-up", START, START + timedelta(days=3))
ITEM = {
    "slot": offer().model_dump(mode="json"), "offer": "a.b.c", "distance_km": 3.5, "facility_name": "F",
    "clinician_name": "C",
}  # fmt: skip


async def search(answer: Callable[[httpx.Request], httpx.Response]) -> Sequence[Candidate]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        token = ServiceToken(http, "http://pool/token", "id", "secret", "s")
        dependency = Dependency("availability", Budget(timeout=5.0, attempts=1))
        return await AvailabilityReplacements(http, "http://availability/", token, dependency, 40.0).like(WANTED)


def with_token(answer: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"access_token": "t"}) if request.url.path == "/token" else answer

    return respond


async def test_the_clinician_the_facility_and_nearby_are_asked_for() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": "t"})
        asked.append(request)
        return httpx.Response(200, json={"slots": [ITEM]})

    found = await search(answer)
    assert [(one.offer.slot_id, one.item["offer"], one.distance_km) for one in found] == [
        (offer().slot_id, "a.b.c", 3.5)
    ] * 3
    assert {request.headers["authorization"] for request in asked} == {"Bearer t"}
    narrowed = [{k: v for k, v in r.url.params.items() if k in {"clinician", "facility", "near"}} for r in asked]
    assert narrowed == [{"clinician": "cln-00001"}, {"facility": "fac-0001"}, {"near": "fac-0001"}]


async def test_what_availability_does_not_know_has_no_slots() -> None:
    assert await search(with_token(httpx.Response(422, json={}))) == []


@pytest.mark.parametrize(
    "answer", [httpx.Response(500), httpx.Response(403), httpx.Response(200, json={"slots": [{"slot": 1}]})]
)
async def test_any_bad_answer_is_unavailable(answer: httpx.Response) -> None:
    with pytest.raises(Unavailable):
        await search(with_token(answer))


async def test_without_an_address_there_is_no_search() -> None:
    with pytest.raises(Unavailable):
        await NoReplacements().like(WANTED)
