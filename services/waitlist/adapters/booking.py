"""Booking over HTTP: one hop, within a budget, as waitlist itself or with the caller's own credentials."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from services.contracts.slot_offer import ReservedOffer, SigningKey
from services.kernel.credentials import ServiceToken
from services.kernel.errors import Conflict, Forbidden, Unavailable
from services.kernel.resilience import DEADLINE_HEADER, Dependency, check_turned_away, remaining
from services.kernel.telemetry import correlation_id, traceparent
from services.waitlist.domain.offers import Offer

TIMEOUT_SECONDS = 3.0
SCOPE = "careslot/waitlist.offer"
GONE = frozenset({404, 409, 422})
# What was accepted in the last second must still arrive.
VALID_FOR = timedelta(minutes=1)


class HttpBooking:
    """Implements ``ports.Booking``."""

    def __init__(self, http: httpx.AsyncClient, url: str, token: ServiceToken, dependency: Dependency) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._token = token
        self._dependency = dependency

    async def extend(self, wanted: Mapping[UUID, datetime]) -> frozenset[UUID]:
        """See ``ports.Booking``."""
        extensions = [{"freed_id": str(freed_id), "until": until.isoformat()} for freed_id, until in wanted.items()]
        response = await self._as_waitlist("/freed-slots/extend", {"extensions": extensions}, frozenset())
        return frozenset(UUID(one["freed_id"]) for one in response.json()["extensions"] if one["kept"])

    async def release(self, freed_id: UUID) -> None:
        """See ``ports.Booking``; what is gone already needs no release."""
        await self._as_waitlist(f"/freed-slots/{freed_id}/release", None, GONE)

    async def book(self, offer: Offer, token: str, authorization: str) -> str:
        """See ``ports.Booking``. The key is the offer's: booking keeps answers by caller and key."""
        body = {"offer": token, "patient_id": offer.patient_id, "freed_id": str(offer.freed_id)}
        headers = {"authorization": authorization, "idempotency-key": f"waitlist-offer-{offer.id}"}
        response = await self._dependency.call(lambda: self._post("/appointments", body, headers))
        content = response.json()
        if response.status_code == 201:
            return str(content["id"])
        slug = str(content.get("type", "")).rpartition(":")[2]
        if response.status_code == 409:
            raise Conflict("Booking refused.", slug=slug or "conflict")
        if response.status_code in {401, 403}:
            raise Forbidden("You may not book for this patient here.")
        raise Unavailable("Booking would not take the offer; try again.", retry_after=1)

    async def _as_waitlist(self, path: str, body: dict[str, Any] | None, also: frozenset[int]) -> httpx.Response:
        """Post in waitlist's own name; raise Unavailable unless the answer is a success or one of ``also``."""

        async def send() -> httpx.Response:
            return await self._post(path, body, {"authorization": f"Bearer {await self._token()}"})

        response = await self._dependency.call(send)
        if not response.is_success and response.status_code not in also:
            raise Unavailable("Booking would not see to a freed slot.")
        return response

    async def _post(self, path: str, body: dict[str, Any] | None, headers: dict[str, str]) -> httpx.Response:
        told = {
            "traceparent": traceparent(correlation_id()),
            DEADLINE_HEADER: str(int(remaining(TIMEOUT_SECONDS) * 1000)),
            **headers,
        }
        response = await self._http.post(f"{self._url}{path}", json=body, headers=told, timeout=TIMEOUT_SECONDS)
        check_turned_away("booking", response.headers)
        if response.status_code >= 500:
            # Not one of our errors, so that the breaker counts it.
            response.raise_for_status()
        return response


class OfferSigner:
    """Implements ``ports.Signer`` with waitlist's own key."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def __call__(self, offer: Offer, now: datetime) -> str:
        """See ``ports.Signer``. The token is the same each time, so that a repetition is the same request."""
        reserved = ReservedOffer(freed_id=offer.freed_id, patient_id=offer.patient_id, offer=offer.slot)
        return self._key.reserve(reserved, offer.made_at, offer.expires_at + VALID_FOR)
