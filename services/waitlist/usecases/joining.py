"""Joining the list, reading it, leaving it, and staff's word on clinical priority."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.contracts.security_labels import SecurityLabel
from services.kernel.access import Gate, Resource
from services.kernel.clock import Clock
from services.kernel.errors import Conflict, Invalid, NotFound
from services.kernel.ids import new_id
from services.waitlist.domain.circle import Circle
from services.waitlist.domain.places import around
from services.waitlist.domain.requests import LIVE, Priority, Request, Status, Wishes
from services.waitlist.ports import Store, Submission, UnitOfWork, ZipCentroids
from services.waitlist.usecases.ending import end_request
from services.waitlist.usecases.telling import request_event
from services.waitlist.usecases.touching import request_resource

MOST_OF_A_PATIENT = 50


@dataclass(frozen=True, slots=True)
class Near:
    """Facilities within ``distance_km`` of a ZIP code, instead of named ones."""

    zip_code: str
    distance_km: float


@dataclass(frozen=True, slots=True)
class Standing:
    """A request as its patient may see it; without ``consent`` it is kept but nothing is offered."""

    request: Request
    consent: bool
    offer_id: UUID | None


def submission(subject: str, key: str, asked: Mapping[str, Any]) -> Submission:
    """Return the submission of what was ``asked``, which must be JSON-ready."""
    content = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return Submission(subject, key, hashlib.sha256(content.encode()).digest())


class WaitingList:
    """The list as its users see it."""

    def __init__(self, work: UnitOfWork, zips: ZipCentroids, clock: Clock) -> None:
        self._work = work
        self._zips = zips
        self._clock = clock

    async def join(self, gate: Gate, asked: Submission, wanted: Request, near: Near | None) -> Standing:
        """Put ``wanted`` (whose id, standing and, with ``near``, facilities are filled in here) on the list.

        The same key gives the same request again. Raises Invalid for facilities nobody knows, Conflict when the
        patient waits for the same already.
        """
        now = self._clock.now()
        async with self._work() as store:
            earlier = await store.submitted(asked)
            facilities = earlier[0].wishes.facilities if earlier else await self._facilities(store, wanted.wishes, near)
            circle = await store.circle_of(wanted.patient_id, now)
            label = await store.label_of(wanted.visit_type)
            id_ = earlier[0].id if earlier else new_id()
            entry = gate.require(request_resource(id_, wanted.patient_id, circle, facilities, label))
            await store.audit(entry)
            if earlier:
                if earlier[1] != asked.fingerprint:
                    raise Invalid(
                        "This Idempotency-Key was used for another request; send a new one.",
                        slug="idempotency-key-reused",
                    )
                return await _standing(store, earlier[0])
            request = replace(
                wanted, id=id_, wishes=replace(wanted.wishes, facilities=facilities), status=Status.WAITING,
                version=1, joined_at=now, lapses=0,
            )  # fmt: skip
            if not await store.add(request, asked):
                raise Conflict("The patient is on the list for this kind of visit already.", slug="already-waiting")
            demand = await store.count_demand(request, 1)
            await store.publish([*demand, request_event(request)], now)
            return await _standing(store, request)

    async def read(self, gate: Gate, request_id: UUID) -> Standing:
        """Return a request; raise NotFound or AccessRefused."""
        async with self._work() as store:
            return await _standing(store, await self._enter(store, gate, request_id))

    async def of_patient(self, gate: Gate, patient_id: str) -> Sequence[Standing]:
        """Return a patient's requests, the newest first, without labelled ones the caller may not know of."""
        async with self._work() as store:
            found = await store.requests_of(patient_id, MOST_OF_A_PATIENT)
            facilities = frozenset().union(*(request.wishes.facilities for request in found))
            circle = await store.circle_of(patient_id, self._clock.now())
            whole = request_resource(patient_id, patient_id, circle, facilities, SecurityLabel.NORMAL)
            await store.audit(gate.require(whole))
            return [
                await _standing(store, request)
                for request in found
                if gate.allows(await _resource(store, request, circle))
            ]

    async def at_facility(
        self, gate: Gate, facility_id: str, after: tuple[datetime, UUID] | None, limit: int
    ) -> tuple[Sequence[Standing], tuple[datetime, UUID] | None]:
        """Return those who wait at a facility, who is next first, and where to go on (None: there are no more).

        Labelled requests that the caller may not know of are left out. Each patient shown is a touch of their own:
        "who saw this patient" must name whoever read the list.
        """
        entry = gate.require(
            request_resource(facility_id, "", Circle(), frozenset({facility_id}), SecurityLabel.NORMAL)
        )  # fmt: skip
        shown = []
        async with self._work() as store:
            await store.audit(entry)
            found = await store.waiting_at(facility_id, after, limit + 1)
            for request, _ in found[:limit]:
                resource = await _resource(store, request, await store.circle_of(request.patient_id, self._clock.now()))
                if gate.allows(resource):
                    await store.audit(gate.require(resource))
                    shown.append(await _standing(store, request))
        last = found[limit - 1] if len(found) > limit else None
        return shown, (last[1], last[0].id) if last else None

    async def withdraw(self, gate: Gate, request_id: UUID) -> Standing:
        """Take a request off the list, with the offer that may be out; who is off already stays so."""
        async with self._work() as store:
            # The offer is locked before the request, as everywhere.
            await store.live_offer_of(request_id=request_id)
            request = await self._enter(store, gate, request_id, lock=True)
            if request.status in LIVE:
                request = await end_request(store, request, Status.WITHDRAWN, self._clock.now())
            elif request.status is Status.ACCEPTED:
                raise Conflict("An earlier visit was accepted; cancel that visit instead.", slug="request-served")
            return await _standing(store, request)

    async def set_priority(self, gate: Gate, request_id: UUID, priority: Priority) -> Standing:
        """Set the clinical priority of the referral; raise Conflict for a request that has ended."""
        async with self._work() as store:
            request = await self._enter(store, gate, request_id, lock=True)
            if request.status not in LIVE:
                raise Conflict("The request has ended.", slug="request-ended")
            changed = await store.set_priority(request, priority)
            assert changed is not None, "a locked row changes under nobody else's hands"
            return await _standing(store, changed)

    async def _enter(self, store: Store, gate: Gate, request_id: UUID, *, lock: bool = False) -> Request:
        request = await store.request(request_id, lock=lock)
        if request is None:
            raise NotFound("No such request.")
        circle = await store.circle_of(request.patient_id, self._clock.now())
        await store.audit(gate.require(await _resource(store, request, circle)))
        return request

    async def _facilities(self, store: Store, wishes: Wishes, near: Near | None) -> frozenset[str]:
        known = await store.facilities()
        if near is None:
            if unknown := wishes.facilities - {f.facility_id for f in known if f.active}:
                raise Invalid(f"No facility is called {', '.join(sorted(unknown))}.", slug="facility-unknown")
            return wishes.facilities
        center = self._zips.find(near.zip_code)
        if center is None:
            raise Invalid(f"No ZIP code is {near.zip_code}.", slug="zip-code-unknown")
        if not (found := around(center, near.distance_km, known)):
            raise Invalid("No facility lies within that distance; name a greater one.", slug="no-facility-near")
        return found


async def _resource(store: Store, request: Request, circle: Circle) -> Resource:
    label = await store.label_of(request.visit_type)
    return request_resource(request.id, request.patient_id, circle, request.wishes.facilities, label)


async def _standing(store: Store, request: Request) -> Standing:
    offer = await store.live_offer_of(request_id=request.id) if request.status is Status.OFFERED else None
    return Standing(request, await store.consents(request.patient_id), offer.id if offer else None)
