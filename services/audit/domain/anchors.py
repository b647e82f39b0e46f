"""Anchors: the heads of all chains at one moment, numbered, each naming the hash of the one before.

An anchor lies in write-once storage. What it says was in a chain can no longer be changed, shortened or replaced in
the database without contradiction, not even by whoever can write every table.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from services.audit.domain.canonical import canonical
from services.audit.domain.chain import ChainKey, Head

FORMAT = "careslot-audit-anchor/1"
FIRST_PREVIOUS = bytes(32)


@dataclass(frozen=True, slots=True)
class AnchoredHead:
    """Where a chain stood; ``final`` when its day is over and nothing more may come."""

    key: ChainKey
    head: Head
    final: bool = False


@dataclass(frozen=True, slots=True)
class Anchor:
    """Anchor ``number`` (from 1), made at ``at``, after the one whose body had the hash ``previous``."""

    number: int
    at: datetime
    previous: bytes
    heads: tuple[AnchoredHead, ...]

    def body(self) -> str:
        """Return the text that is stored and hashed."""
        heads = [
            {
                "service": anchored.key.service,
                "day": anchored.key.day.isoformat(),
                "seq": anchored.head.seq,
                "count": anchored.head.seq,
                "hash": anchored.head.hash.hex(),
                "final": anchored.final,
            }
            for anchored in self.heads
        ]
        at = self.at.astimezone(UTC).isoformat()
        return canonical(
            {"format": FORMAT, "number": self.number, "at": at, "previous": self.previous.hex(), "heads": heads}
        )

    @property
    def hash(self) -> bytes:
        """SHA-256 of the body."""
        return body_hash(self.body())


def body_hash(body: str) -> bytes:
    """Return the hash by which the next anchor names one with this body."""
    return hashlib.sha256(body.encode()).digest()


def read_anchor(body: str) -> Anchor:
    """Read what ``Anchor.body`` wrote; raise ValueError when it is anything else, or not in its canonical form."""
    try:
        read: dict[str, Any] = json.loads(body)
        heads = tuple(
            AnchoredHead(
                ChainKey(str(head["service"]), date.fromisoformat(head["day"])),
                Head(int(head["seq"]), bytes.fromhex(head["hash"])),
                bool(head["final"]),
            )
            for head in read["heads"]
        )
        anchor = Anchor(int(read["number"]), datetime.fromisoformat(read["at"]), bytes.fromhex(read["previous"]), heads)
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError("not an anchor") from fault
    if anchor.body() != body:
        raise ValueError("not an anchor as we write them")
    return anchor


def next_anchor(last: Anchor | None, heads: Sequence[AnchoredHead], at: datetime) -> Anchor:
    """Return the anchor that follows ``last`` (None: the first one)."""
    number, previous = (last.number + 1, last.hash) if last else (1, FIRST_PREVIOUS)
    return Anchor(number, at, previous, tuple(sorted(heads, key=lambda anchored: anchored.key)))
