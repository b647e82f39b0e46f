"""What waitlist's use cases need from outside, each as small as it can be."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from services.contracts.security_labels import SecurityLabel
from services.contracts.slot_offer import SlotOffer
from services.kernel.audit import AuditEntry
from services.kernel.outbox import Publishable
from services.waitlist.domain.circle import Circle
from services.waitlist.domain.offers import Offer
from services.waitlist.domain.places import Facility, Place
from services.waitlist.domain.requests import Priority, Request, Status


@dataclass(frozen=True, slots=True)
class Submission:
    """Who joined under which idempotency key, and a hash of what was asked for."""

    subject: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class FreedSlot:
    """A slot booking keeps back until ``open_until``."""

    freed_id: UUID
    slot: SlotOffer
    open_until: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """A request that may be asked, with the zone whose quiet hours count ("" when it is not known)."""

    request: Request
    standing_at: datetime
    timezone: str


class Projections(Protocol):
    """What neighbours told, bound to one transaction; of every record the highest version is kept."""

    async def keep_facility(self, facility: Facility) -> None: ...
    async def keep_patient(self, patient_id: str, version: int, timezone: str, *, active: bool) -> None: ...
    async def keep_proxy(
        self, proxy_id: str, version: int, patient_id: str, person: str, expires_at: datetime,
        confidential_until: datetime | None, *, active: bool,
    ) -> None: ...  # fmt: skip
    async def keep_visit_type(self, visit_type: str, version: int, label: SecurityLabel) -> None: ...
    async def keep_consent(self, patient_id: str, version: int, *, offers: bool) -> None: ...
    async def keep_merge(self, replaced_id: str, survivor_id: str, version: int) -> None: ...
    async def facilities(self) -> Sequence[Facility]: ...
    async def circle_of(self, patient_id: str, now: datetime) -> Circle: ...
    async def label_of(self, visit_type: str) -> SecurityLabel:
        """Return a visit type's label; N for one nobody told of."""

    async def consents(self, patient_id: str) -> bool: ...


class Requests(Protocol):
    """The list, bound to one transaction."""

    async def submitted(self, submission: Submission) -> tuple[Request, bytes] | None:
        """Return the request made under the same key, with the hash of what was asked for."""

    async def add(self, request: Request, submission: Submission) -> bool:
        """Add it; False when the patient waits for the same already, or the key was used just now."""

    async def request(self, request_id: UUID, *, lock: bool = False) -> Request | None: ...
    async def requests_of(self, patient_id: str, limit: int) -> Sequence[Request]: ...

    async def waiting_at(
        self, facility_id: str, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[tuple[Request, datetime]]:
        """Return those who wait at a facility in order of standing, with that standing, which pages go on from."""

    async def step(self, request: Request, status: Status, *, lapses: int | None = None) -> Request | None:
        """Take ``request`` to ``status`` if it is still as given; None when it is not."""

    async def set_priority(self, request: Request, priority: Priority) -> Request | None:
        """Change its priority if it is still as given; None when it is not."""

    async def stranded(self, limit: int) -> Sequence[tuple[Request, str]]:
        """Return requests of patients that others stand for now, each with who stands for its patient."""

    async def live_twin(self, request: Request, patient_id: str) -> Request | None:
        """Return the live request of ``patient_id`` for the same as ``request``."""

    async def reassign(self, request_id: UUID, patient_id: str) -> None:
        """Let a locked request, with its offers, be the one of ``patient_id``."""

    async def restand(self, request_id: UUID, priority: Priority, joined_at: datetime, lapses: int) -> None:
        """Give a locked request another standing."""

    async def outlived(self, day: date, limit: int) -> Sequence[Request]:
        """Return, locked, waiting requests whose last day is before ``day``."""

    async def candidates(
        self, freed: FreedSlot, day: date, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[Candidate]:
        """Return requests in order of standing that wait for such a slot and consented, and were not asked yet."""

    async def count_demand(self, request: Request, change: int) -> Sequence[Publishable]:
        """Count one more (1) or less (-1) at the request's facilities; return the events where that matters."""


class Offers(Protocol):
    """Freed slots and offers, bound to one transaction."""

    async def keep_freed(self, freed: FreedSlot, version: int) -> None:
        """Keep a freed slot, unless something newer of it is known."""

    async def close_freed(self, freed_id: UUID, version: int | None, starts_at: datetime) -> None:
        """Keep that it is no more; ``version`` None: whatever version is known."""

    async def extend_freed(self, freed_id: UUID, until: datetime) -> None:
        """Note that booking keeps it until ``until``, without waiting for booking's own word on the bus."""

    async def freed_to_fill(self, now: datetime) -> FreedSlot | None:
        """Return, locked, a kept slot nobody is asked about now, the soonest first."""

    async def add_offer(self, offer: Offer) -> bool:
        """Add it; False when the slot or the request has a live one."""

    async def offer(self, offer_id: UUID, *, lock: bool = False) -> Offer | None: ...
    async def live_offer_of(self, *, freed_id: UUID | None = None, request_id: UUID | None = None) -> Offer | None:
        """Return, locked, the live offer of a slot or of a request."""

    async def keep_offer(self, offer: Offer) -> None:
        """Write the state of a locked offer."""

    async def securing(self, limit: int) -> Sequence[Offer]: ...
    async def due(self, now: datetime, limit: int) -> Sequence[Offer]:
        """Return, locked, offers that ran out by ``now``."""


class Store(Projections, Requests, Offers, Protocol):
    """Everything above, bound to one transaction, with the outbox."""

    async def publish(self, events: Sequence[Publishable], at: datetime) -> None: ...
    async def audit(self, entry: AuditEntry) -> None: ...


UnitOfWork = Callable[[], AbstractAsyncContextManager[Store]]


class Booking(Protocol):
    """Booking, one hop away. Raises Unavailable when it cannot be had."""

    async def extend(self, wanted: Mapping[UUID, datetime]) -> frozenset[UUID]:
        """Ask that each slot be kept until its instant; return those that are."""
        ...

    async def release(self, freed_id: UUID) -> None:
        """Give the slot back to search."""
        ...

    async def book(self, offer: Offer, token: str, authorization: str) -> str:
        """Book the offered slot in the caller's name; return the appointment's id, raise Conflict when it is lost.

        Safe to repeat: the same caller gets the same appointment.
        """
        ...


class Signer(Protocol):
    """Signs offers for one patient."""

    def __call__(self, offer: Offer, now: datetime) -> str:
        """Return the offer as a token booking trusts."""
        ...


class ZipCentroids(Protocol):
    """Knows where US ZIP codes are."""

    def find(self, zip_code: str) -> Place | None:
        """Return the centroid of a five-digit ZIP code, None when there is no such code."""
        ...
