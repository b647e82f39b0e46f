"""Booking over HTTP: what is asked, how answers are read, and that an outage is an outage and a refusal a refusal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from services.contracts.slot_offer import OfferKeys
from services.kernel.credentials import ServiceToken
from services.kernel.errors import CareslotError, Conflict, Forbidden, Unavailable
from services.kernel.resilience import Budget, Dependency
from services.waitlist.adapters.booking import SCOPE, HttpBooking, OfferSigner
from services.waitlist.domain.offers import Offer, OfferState
from tests.services.booking.world import settings_for, waitlist_key
from tests.services.waitlist.world import NOW, slot

OFFER = Offer(UUID(int=1), UUID(int=2), UUID(int=3), "pat-1", slot(), OfferState.OPEN, NOW, NOW + timedelta(hours=1))
URL = "http://booking"


class Answers:
    """What booking and the identity provider answer, and what they were asked."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.status = 200
        self.body: dict[str, Any] = {}
        self.tokens = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        if request.url.path == "/token":
            self.tokens += 1
            assert request.content.decode() == f"grant_type=client_credentials&scope={SCOPE.replace('/', '%2F')}"
            return httpx.Response(200, json={"access_token": "ours", "expires_in": 900})
        self.asked.append(request)
        return httpx.Response(self.status, json=self.body)


@pytest.fixture
def answers() -> Answers:
    """Return answers to be changed."""
    return Answers()


@pytest_asyncio.fixture
async def booking(answers: Answers) -> AsyncIterator[HttpBooking]:
    """Return the adapter over those answers."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(answers)) as http:
        token = ServiceToken(http, f"{URL}/token", "id", "secret", SCOPE)
        yield HttpBooking(http, URL, token, Dependency("booking", Budget(timeout=3, attempts=1)))


async def test_extend_says_which_are_kept(booking: HttpBooking, answers: Answers) -> None:
    kept, lost = OFFER.freed_id, UUID(int=9)
    answers.body = {"extensions": [{"freed_id": str(one), "kept": one == kept} for one in (kept, lost)]}
    for _ in range(2):
        assert await booking.extend({kept: NOW, lost: NOW}) == {kept}
    first = answers.asked[0]
    assert (first.url.path, first.headers["authorization"]) == ("/freed-slots/extend", "Bearer ours")
    wanted = [{"freed_id": str(one), "until": NOW.isoformat()} for one in (kept, lost)]
    assert json.loads(first.content) == {"extensions": wanted}
    assert answers.tokens == 1


@pytest.mark.parametrize("status", [401, 403, 404, 422, 500, 503])
async def test_an_outage_is_not_a_refusal(booking: HttpBooking, answers: Answers, status: int) -> None:
    answers.status = status
    with pytest.raises(Unavailable):
        await booking.extend({OFFER.freed_id: NOW})


@pytest.mark.parametrize(("status", "done"), [(200, True), (404, True), (409, True), (401, False), (503, False)])
async def test_what_is_gone_needs_no_release(booking: HttpBooking, answers: Answers, status: int, done: bool) -> None:
    answers.status = status
    with nullcontext() if done else pytest.raises(Unavailable):
        await booking.release(OFFER.freed_id)


async def test_booking_in_the_callers_name_under_the_offers_key(booking: HttpBooking, answers: Answers) -> None:
    answers.status, answers.body = 201, {"id": "a-1"}
    assert await booking.book(OFFER, "t", "Bearer caller") == "a-1"
    asked = answers.asked[0]
    assert asked.headers["authorization"] == "Bearer caller"
    assert asked.headers["idempotency-key"] == f"waitlist-offer-{OFFER.id}"
    assert json.loads(asked.content) == {"offer": "t", "patient_id": "pat-1", "freed_id": str(OFFER.freed_id)}
    assert answers.tokens == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [(409, Conflict), (401, Forbidden), (403, Forbidden), (422, Unavailable), (429, Unavailable), (503, Unavailable)],
)
async def test_refusals_to_book(booking: HttpBooking, answers: Answers, status: int, kind: type[CareslotError]) -> None:
    answers.status, answers.body = status, {"type": "urn:careslot:problem:patient-busy"}
    with pytest.raises(kind) as refusal:
        await booking.book(OFFER, "t", "Bearer caller")
    if kind is Conflict:
        assert refusal.value.slug == "patient-busy"


def test_what_is_signed_is_what_booking_reads_and_is_the_same_each_time() -> None:
    sign: Callable[..., str] = OfferSigner(waitlist_key())
    token = sign(OFFER, NOW)
    assert sign(OFFER, NOW + timedelta(minutes=5)) == token
    reserved = OfferKeys(settings_for("").offer_key_set()).read_reserved(token, NOW)
    assert (reserved.freed_id, reserved.patient_id, reserved.offer) == (OFFER.freed_id, "pat-1", OFFER.slot)
