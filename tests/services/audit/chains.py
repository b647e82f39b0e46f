"""Chains for tests: entries as services write them, and every way of tampering that must be found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from services.audit.domain.anchors import AnchoredHead
from services.audit.domain.chain import Arrival, ChainKey, Head, empty, extend, link_hash, record_of
from services.audit.domain.findings import Finding, Kind, StoredLink
from services.kernel.audit import AuditEntry
from services.kernel.ids import new_id

DAY = date(2027, 1, 4)
NOON = datetime(2027, 1, 4, 12, tzinfo=UTC)
KEY = ChainKey("booking", DAY)


def entry(number: int = 0, **changes: object) -> AuditEntry:
    """Return an entry as booking would write it; ``number`` makes entries differ."""
    made = AuditEntry(
        id=new_id(), at=NOON + timedelta(seconds=number), service="booking", action="read-appointment",
        outcome="allowed", subject=f"user-{number % 7}", roles=("front-desk",), person="",
        resource_type="Appointment", resource_id=f"apt-{number}", about=f"pat-{number % 11:06}", reason="",
        policies=("front-desk-appointments",), correlation_id="c" * 32, facilities=("fac-0001",),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by name


def arrival(of: AuditEntry) -> Arrival:
    """Return ``of`` as it arrives."""
    return Arrival(of.payload(), of)


def chain(length: int, key: ChainKey = KEY) -> list[StoredLink]:
    """Return an untouched chain of ``length`` entries."""
    links = extend(empty(key), [arrival(entry(n, service=key.service)) for n in range(length)], NOON)
    return [StoredLink(link.seq, link.entry.id, link.previous, link.hash, link.record) for link in links]


def head_of(links: Sequence[StoredLink], key: ChainKey = KEY) -> Head:
    """Return the head that belongs to ``links``."""
    return Head(links[-1].seq, links[-1].hash) if links else empty(key)


@dataclass(frozen=True)
class Tampered:
    """A chain after somebody had it, what the head says, and what must be found at which numbers or entries."""

    links: Sequence[StoredLink]
    head: Head
    kinds: frozenset[Kind]
    seqs: frozenset[int]
    entries: frozenset[UUID] = frozenset()

    def found_by(self, findings: Sequence[Finding]) -> bool:
        """Tell whether ``findings`` name this tampering, and nothing that was not touched."""
        told = {finding.seq for finding in findings}
        ids = {finding.entry_id for finding in findings if finding.entry_id}
        return (
            bool(findings)
            and {finding.kind for finding in findings} <= self.kinds
            and told <= self.seqs
            and self.entries <= ids
        )


Tampering = Callable[[list[StoredLink], int, int], Tampered]


def _numbered(links: Sequence[StoredLink]) -> list[StoredLink]:
    return [replace(link, seq=seq) for seq, link in enumerate(links, 1)]


def _forged(previous: bytes, seq: int, *, received: bool = False) -> StoredLink:
    made = entry(seq, subject="somebody-else")
    record = record_of(made.payload(), NOON)
    return StoredLink(seq, made.id, previous, link_hash(previous, record), record, received=received)


def _at(links: list[StoredLink], index: int, changed: StoredLink) -> list[StoredLink]:
    return [*links[:index], changed, *links[index + 1 :]]


def change_record(links: list[StoredLink], i: int, _j: int) -> Tampered:
    """Write another person into one record."""
    bad = replace(links[i], record=links[i].record.replace("user-", "nobody-"))
    ids = frozenset({bad.entry_id})
    return Tampered(_at(links, i, bad), head_of(links), frozenset({Kind.CHANGED}), frozenset({i + 1}), ids)


def change_record_and_hash(links: list[StoredLink], i: int, _j: int) -> Tampered:
    """Write another person into one record and hash it anew."""
    record = links[i].record.replace("user-", "nobody-")
    bad = replace(links[i], record=record, hash=link_hash(links[i].previous, record))
    ids = frozenset({bad.entry_id})
    return Tampered(_at(links, i, bad), head_of(links), frozenset({Kind.CHANGED}), frozenset({i + 1}), ids)


def change_hash(links: list[StoredLink], i: int, _j: int) -> Tampered:
    """Change a stored hash alone."""
    bad = replace(links[i], hash=bytes(32))
    ids = frozenset({bad.entry_id})
    return Tampered(_at(links, i, bad), head_of(links), frozenset({Kind.CHANGED}), frozenset({i + 1}), ids)


def change_previous(links: list[StoredLink], i: int, _j: int) -> Tampered:
    """Change a stored predecessor alone."""
    bad = replace(links[i], previous=bytes(32))
    ids = frozenset({bad.entry_id})
    return Tampered(_at(links, i, bad), head_of(links), frozenset({Kind.CHANGED}), frozenset({i + 1}), ids)


def change_column(links: list[StoredLink], i: int, _j: int) -> Tampered:
    """Change what the review searches by."""
    bad = replace(links[i], differs="about")
    ids = frozenset({bad.entry_id})
    return Tampered(_at(links, i, bad), head_of(links), frozenset({Kind.CHANGED}), frozenset({i + 1}), ids)


def remove(links: list[StoredLink], i: int, _j: int) -> Tampered:
    """Delete one entry."""
    left = [*links[:i], *links[i + 1 :]]
    kind = Kind.TRUNCATED if i == len(links) - 1 else Kind.MISSING
    return Tampered(left, head_of(links), frozenset({kind}), frozenset({i + 1}))


def remove_and_close_up(links: list[StoredLink], i: int, _j: int) -> Tampered:
    """Delete one entry and number the later ones anew."""
    left = _numbered([*links[:i], *links[i + 1 :]])
    kind = Kind.TRUNCATED if i == len(links) - 1 else Kind.MISSING
    return Tampered(left, head_of(links), frozenset({kind}), frozenset({i + 1}))


def swap_numbers(links: list[StoredLink], i: int, j: int) -> Tampered:
    """Let two entries change places."""
    swapped = [*links]
    swapped[i], swapped[j] = links[j], links[i]
    ids = frozenset({links[i].entry_id, links[j].entry_id})
    return Tampered(
        _numbered(swapped), head_of(links), frozenset({Kind.REORDERED}), frozenset({i + 1, j + 1}),
        ids if i != j else frozenset(),
    )  # fmt: skip


def swap_records(links: list[StoredLink], i: int, j: int) -> Tampered:
    """Let two entries change places under the hashes that were there."""
    swapped = [*links]
    swapped[i] = replace(links[i], record=links[j].record, entry_id=links[j].entry_id)
    swapped[j] = replace(links[j], record=links[i].record, entry_id=links[i].entry_id)
    ids = frozenset({links[i].entry_id, links[j].entry_id})
    return Tampered(swapped, head_of(links), frozenset({Kind.REORDERED}), frozenset({i + 1, j + 1}), ids)


def move(links: list[StoredLink], i: int, j: int) -> Tampered:
    """Take one entry out and put it in elsewhere."""
    rest = [*links[:i], *links[i + 1 :]]
    moved = _numbered([*rest[:j], links[i], *rest[j:]])
    between = frozenset(range(min(i, j) + 1, max(i, j) + 2))
    return Tampered(moved, head_of(links), frozenset({Kind.REORDERED}), between)


def insert(links: list[StoredLink], i: int, _j: int) -> Tampered:
    """Slip a forged entry in, with a right hash, and number the later ones anew."""
    forged = _forged(links[i].previous, i + 1)
    grown = _numbered([*links[:i], forged, *links[i:]])
    # Numbers went up by one: the last genuine entry now stands beyond the head.
    kinds = frozenset({Kind.INSERTED, Kind.APPENDED})
    return Tampered(grown, head_of(links), kinds, frozenset({i + 1, len(grown)}), frozenset({forged.entry_id}))


def append(links: list[StoredLink], _i: int, _j: int) -> Tampered:
    """Add an entry behind the head, with a right hash."""
    forged = _forged(links[-1].hash, len(links) + 1, received=True)
    ids = frozenset({forged.entry_id})
    kinds = frozenset({Kind.APPENDED})
    return Tampered([*links, forged], head_of(links), kinds, frozenset({forged.seq}), ids)


def append_with_head(links: list[StoredLink], _i: int, _j: int) -> Tampered:
    """Add an entry and move the head; only the inbox does not know it."""
    grown = [*links, _forged(links[-1].hash, len(links) + 1)]
    ids = frozenset({grown[-1].entry_id})
    return Tampered(grown, head_of(grown), frozenset({Kind.APPENDED}), frozenset({len(grown)}), ids)


def truncate(links: list[StoredLink], i: int, _j: int) -> Tampered:
    """Cut the tail off."""
    return Tampered(links[:i], head_of(links), frozenset({Kind.TRUNCATED}), frozenset({i + 1}))


TAMPERINGS: Sequence[Tampering] = (
    change_record, change_record_and_hash, change_hash, change_previous, change_column, remove, remove_and_close_up,
    swap_numbers, swap_records, move, insert, append, append_with_head, truncate,
)  # fmt: skip


def rewritten(links: Sequence[StoredLink], first: int, key: ChainKey = KEY) -> list[StoredLink]:
    """Return the chain with entry ``first`` (from 0) changed and every later hash made anew."""
    made: list[StoredLink] = list(links[:first])
    previous = made[-1].hash if made else empty(key).hash
    for link in links[first:]:
        record = link.record.replace("user-", "nobody-") if link.seq == first + 1 else link.record
        made.append(replace(link, previous=previous, record=record, hash=link_hash(previous, record)))
        previous = made[-1].hash
    return made


def anchored_at(links: Sequence[StoredLink], seq: int, *, final: bool = False, key: ChainKey = KEY) -> AnchoredHead:
    """Return what an anchor says of the chain after ``seq`` entries."""
    return AnchoredHead(key, Head(seq, links[seq - 1].hash), final)
