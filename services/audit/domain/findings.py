"""What can be found wrong with an audit trail, and what is looked at to find it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from services.audit.domain.anchors import AnchoredHead
from services.audit.domain.chain import ChainKey, Head, empty, link_hash


class Kind(StrEnum):
    """Kinds of findings; the words an auditor reads."""

    CHANGED = "changed"
    MISSING = "missing"
    REORDERED = "reordered"
    INSERTED = "inserted"
    APPENDED = "appended"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    HEAD = "head-changed"
    ANCHOR_CHANGED = "anchor-changed"
    ANCHOR_MISSING = "anchor-missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: where, what kind, and what exactly; ``seq`` is 0 and ``entry_id`` None where there is none."""

    kind: Kind
    service: str
    day: date | None
    seq: int
    entry_id: UUID | None
    detail: str

    def __str__(self) -> str:
        where = f"{self.service} {self.day.isoformat()}" if self.day else self.service
        number = f" #{self.seq}" if self.seq else ""
        entry = f" entry {self.entry_id}" if self.entry_id else ""
        return f"{self.kind}: {where}{number}{entry}: {self.detail}"


@dataclass(frozen=True)
class StoredLink:
    """A link as the database has it now.

    ``differs`` names a searchable column that says something else than the record, "" for none; ``received`` tells
    whether the inbox knows the entry, that is, whether it came through the queue.
    """

    seq: int
    entry_id: UUID
    previous: bytes
    hash: bytes
    record: str
    differs: str = ""
    received: bool = True

    @cached_property
    def recomputed(self) -> bytes:
        """The hash that ``previous`` and ``record`` give."""
        return link_hash(self.previous, self.record)

    @property
    def intact(self) -> bool:
        """Whether hash, record and predecessor belong together."""
        return self.recomputed == self.hash


class ChainWalk:
    """Reads a chain once, link by link, and tells whether everything is as it was written.

    What exactly is wrong with a chain that is not sound, ``diagnosis.diagnose`` finds out.
    """

    def __init__(self, key: ChainKey, head: Head | None, anchored: Sequence[AnchoredHead]) -> None:
        self._head = head
        self._anchors = {one.head.seq: one.head.hash for one in anchored}
        self._contradiction = len(self._anchors) != len({(one.head.seq, one.head.hash) for one in anchored})
        self._last_allowed = min((one.head.seq for one in anchored if one.final), default=None)
        self._at = empty(key)
        self._sound = not self._contradiction
        self._met = {0} & set(self._anchors)

    def take(self, link: StoredLink) -> None:
        """Look at the next link in order of number."""
        fits = link.seq == self._at.seq + 1 and link.previous == self._at.hash and link.intact
        if self._anchors.get(link.seq, link.hash) != link.hash:
            fits = False
        if link.seq in self._anchors:
            self._met.add(link.seq)
        self._sound = self._sound and fits and not link.differs and link.received
        self._at = Head(link.seq, link.hash)

    def sound(self) -> bool:
        """Tell, after the last link, whether the chain is whole and unchanged."""
        closed = self._last_allowed is None or self._at.seq <= self._last_allowed
        return self._sound and self._head == self._at and self._met == set(self._anchors) and closed
