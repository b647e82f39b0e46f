"""What the audit trail's use cases need from outside: chains and reviews in one transaction, write-once storage."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

from services.audit.domain.anchors import Anchor, AnchoredHead
from services.audit.domain.chain import ChainKey, Head, Link
from services.audit.domain.findings import StoredLink
from services.kernel.audit import AuditEntry


class Chains(Protocol):
    """The chains, bound to one transaction."""

    async def lock(self, key: ChainKey) -> Head:
        """Return the head of ``key``'s chain, begun if need be, locked until the transaction ends.

        Raise Unavailable when the chain is closed: whoever asks has a clock that is behind.
        """
        ...

    async def append(self, key: ChainKey, links: Sequence[Link]) -> None:
        """Keep ``links`` and move the head behind the last of them."""
        ...


@dataclass(frozen=True, slots=True)
class Position:
    """Where a list goes on: after the entry with this time and id."""

    at: datetime
    entry_id: UUID


@dataclass(frozen=True, slots=True)
class TrailQuery:
    """Which entries: made from ``start`` to before ``end``; "" and None do not narrow.

    ``facilities`` keeps those that touch at least one of them.
    """

    start: datetime
    end: datetime
    about: str = ""
    subject: str = ""
    only: Literal["all", "refused", "break-glass"] = "all"
    facilities: frozenset[str] | None = None
    after: Position | None = None
    limit: int = 100
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry of the trail and where it stands."""

    key: ChainKey
    seq: int
    entry: AuditEntry
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class ChainStanding:
    """How the chain of ``service`` stands: its entries, how many are anchored, whether more may come."""

    service: str
    entries: int
    anchored: int
    closed: bool


class Trail(Protocol):
    """The trail for readers, bound to one transaction."""

    async def entries(self, query: TrailQuery) -> Sequence[Kept]:
        """Return entries by time and id."""
        ...

    async def standing(self, day: date) -> Sequence[ChainStanding]:
        """Return the chains of ``day`` by service."""
        ...

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Put ``entries`` into the outbox: reading the trail is a touch like any other."""
        ...


UnitOfWork = Callable[[], AbstractAsyncContextManager[Trail]]


class Merges(Protocol):
    """Which patient stands for which, bound to one transaction."""

    async def keep(self, replaced_id: str, survivor_id: str, version: int) -> None:
        """Keep that ``survivor_id`` stands for ``replaced_id`` now, unless something newer is known."""
        ...


class AnchorLedger(Protocol):
    """What was anchored and what is not yet, bound to one transaction."""

    async def claim(self) -> bool:
        """Take the right to anchor until the transaction ends; False when another process has it."""
        ...

    async def close_before(self, day: date) -> None:
        """Close the chains of the days before ``day``: nothing more may be added to them."""
        ...

    async def heads(self) -> Sequence[AnchoredHead]:
        """Return the heads that no anchor has, those of closed chains as final."""
        ...

    async def last(self) -> Anchor | None:
        """Return the last anchor that was recorded."""
        ...

    async def record(self, anchor: Anchor) -> None:
        """Keep that ``anchor`` lies in write-once storage."""
        ...


BeginAnchoring = Callable[[], AbstractAsyncContextManager[AnchorLedger]]


@dataclass(frozen=True, slots=True)
class StoredAnchor:
    """An anchor's object as the storage first got it, and how many versions there are of it by now."""

    number: int
    body: str
    versions: int = 1


class AnchorStorage(Protocol):
    """Write-once storage. Raises Unavailable when it does not answer."""

    async def put(self, number: int, body: str, retain_until: datetime) -> str:
        """Keep ``body`` until then; return what is kept under ``number``, which is older if something was."""
        ...

    async def everything(self) -> Sequence[StoredAnchor]:
        """Return every anchor ever written, by number, whatever was done to hide it."""
        ...


class TrailReader(Protocol):
    """The whole trail at one moment, for verification."""

    async def chains(self, service: str, day: date | None) -> Mapping[ChainKey, Head | None]:
        """Return the heads of the chains of ``service`` ("": all), ``day`` (None: all); None for a head that is gone.

        A chain that has entries and no head is among them.
        """
        ...

    def links(self, key: ChainKey) -> AsyncIterator[Sequence[StoredLink]]:
        """Yield the chain's links in order of number, some thousand at a time."""
        ...

    async def lost(self, day: date | None, limit: int) -> Sequence[tuple[UUID, date]]:
        """Return entries that came through the queue (on ``day``, None: ever) and are not there, and when they came."""
        ...

    async def anchors(self) -> Mapping[int, bytes]:
        """Return the hash of each anchor's body by number, as the database recorded it."""
        ...


BeginReading = Callable[[], AbstractAsyncContextManager[TrailReader]]
