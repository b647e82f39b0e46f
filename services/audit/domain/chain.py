"""The hash chain of one service and one UTC day of arrival.

Each link's hash covers the hash before it and the canonical record of what arrived and when. The first link's
predecessor is made from service and day, so that a whole chain cannot pass for another one.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from services.audit.domain.canonical import canonical
from services.kernel.audit import AuditEntry

BREAK_GLASS = "break-glass"


@dataclass(frozen=True, slots=True, order=True)
class ChainKey:
    """Which chain: the service that wrote the entries, and the UTC day on which they arrived."""

    service: str
    day: date

    def __str__(self) -> str:
        return f"{self.service} {self.day.isoformat()}"


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain goes: its last link's number (0 before the first) and hash (32 bytes)."""

    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """An entry as it came in: ``data`` is kept and hashed whole, ``entry`` is what we read of it."""

    data: Mapping[str, Any]
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class Link:
    """One link: its number from 1, the hash before, its own, and the canonical record that both cover."""

    seq: int
    previous: bytes
    hash: bytes
    record: str
    entry: AuditEntry
    arrived_at: datetime


def genesis(key: ChainKey) -> bytes:
    """Return what stands for the hash before the first link of ``key``'s chain."""
    return hashlib.sha256(f"careslot-audit-chain/1\n{key.service}\n{key.day.isoformat()}".encode()).digest()


def empty(key: ChainKey) -> Head:
    """Return the head of a chain without links."""
    return Head(0, genesis(key))


def link_hash(previous: bytes, record: str) -> bytes:
    """Return SHA-256 over the hash before and the canonical record in UTF-8."""
    return hashlib.sha256(previous + record.encode()).digest()


def day_of(arrived_at: datetime) -> date:
    """Return the UTC day of an instant."""
    return arrived_at.astimezone(UTC).date()


def record_of(data: Mapping[str, Any], arrived_at: datetime) -> str:
    """Return the canonical text of an entry and its arrival; raise ValueError when it has none."""
    return canonical({"arrived_at": arrived_at.astimezone(UTC).isoformat(), "entry": data})


def read_record(record: str) -> tuple[AuditEntry, datetime]:
    """Return the entry and its arrival that ``record`` holds; raise ValueError, KeyError or TypeError if it is none."""
    read = json.loads(record)
    return AuditEntry.from_payload(read["entry"]), datetime.fromisoformat(read["arrived_at"])


def extend(head: Head, arrivals: Sequence[Arrival], arrived_at: datetime) -> list[Link]:
    """Return the links that ``arrivals`` add after ``head``, in their order."""
    links: list[Link] = []
    seq, previous = head.seq, head.hash
    for arrival in arrivals:
        record = record_of(arrival.data, arrived_at)
        seq, before, previous = seq + 1, previous, link_hash(previous, record)
        links.append(Link(seq, before, previous, record, arrival.entry, arrived_at))
    return links


def is_break_glass(entry: AuditEntry) -> bool:
    """Tell whether ``entry`` is an emergency access: by its action, or by the beginning of its reason."""
    return entry.action == BREAK_GLASS or entry.reason.startswith(BREAK_GLASS)
