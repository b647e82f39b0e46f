"""Says what was done to a chain that is not as it was written, and to which entry.

Links know their predecessor's hash, so the order in which they were written can be followed whatever their numbers
say now: a number that disagrees was moved, a link nobody leads to was slipped in, a gap in the thread was cut out.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from services.audit.domain.anchors import AnchoredHead
from services.audit.domain.chain import ChainKey, Head, genesis, link_hash
from services.audit.domain.findings import Finding, Kind, StoredLink


def diagnose(
    key: ChainKey, links: Sequence[StoredLink], head: Head | None, anchored: Sequence[AnchoredHead]
) -> list[Finding]:
    """Return what is wrong with the chain ``links`` (in order of number), by number; empty when nothing is."""
    found = _Findings(key)
    if not links and head is None:
        most = max((one.head.seq for one in anchored), default=0)
        found.add(Kind.MISSING, 1, None, f"the whole chain is gone; an anchor counts {most} entries")
        return found.ordered()
    _contents(found, links)
    order = _Thread(found, key, links, head).follow()
    _positions(found, order)
    _head(found, links, order, head)
    _closed(found, links, anchored)
    _anchors(found, links, anchored)
    return found.ordered()


class _Findings:
    def __init__(self, key: ChainKey) -> None:
        self._key = key
        self._found: dict[tuple[Kind, int], Finding] = {}

    def add(self, kind: Kind, seq: int, entry_id: UUID | None, detail: str) -> None:
        """Note one finding; the first word on a kind and number stands."""
        finding = Finding(kind, self._key.service, self._key.day, seq, entry_id, detail)
        self._found.setdefault((kind, seq), finding)

    def within(self, first: int, last: int) -> bool:
        """Tell whether anything was found between two numbers."""
        return any(first <= seq <= last for _, seq in self._found)

    def has(self, kind: Kind, seq: int) -> bool:
        """Tell whether this was found there."""
        return (kind, seq) in self._found

    def ordered(self) -> list[Finding]:
        """Return what was found, by number."""
        return sorted(self._found.values(), key=lambda finding: (finding.seq, finding.kind))


def _contents(found: _Findings, links: Sequence[StoredLink]) -> None:
    """Find links whose record, predecessor and hash do not belong together."""
    broken = [link for link in links if not link.intact]
    for link in broken:
        home = next((b for b in broken if b is not link and link_hash(b.previous, link.record) == b.hash), None)
        if home:
            found.add(Kind.REORDERED, link.seq, link.entry_id, f"this entry was written as number {home.seq}")
        else:
            found.add(Kind.CHANGED, link.seq, link.entry_id, "the entry and its hash do not belong together")
    for link in links:
        if link.intact and link.differs:
            found.add(
                Kind.CHANGED,
                link.seq,
                link.entry_id,
                f"column {link.differs} says something else than the hashed entry",
            )
        if not link.received:
            found.add(Kind.APPENDED, link.seq, link.entry_id, "the entry never came through the queue")


class _Thread:
    """Follows the links from predecessor to successor, as they were written."""

    def __init__(self, found: _Findings, key: ChainKey, links: Sequence[StoredLink], head: Head | None) -> None:
        self._found = found
        self._head = head
        self._highest = links[-1].seq if links else 0
        self._left = {link.seq: link for link in links}
        self._after: dict[bytes, list[StoredLink]] = defaultdict(list)
        for link in links:
            self._after[link.previous].append(link)
        self._order: list[StoredLink] = []
        self._at = genesis(key)

    def follow(self) -> list[StoredLink]:
        """Return the links in the order they were written, without those slipped in."""
        while self._left:
            following = self._following()
            if following is None:
                following = self._across_the_gap()
            if following is not None:
                self._order.append(following)
                self._at = following.hash
                del self._left[following.seq]
        return self._order

    def _following(self) -> StoredLink | None:
        candidates = [link for link in self._after.get(self._at, ()) if link.seq in self._left]
        if not candidates and self._order and not self._order[-1].intact:
            # Its stored hash was changed: what follows still names the hash it had.
            candidates = [link for link in self._after.get(self._order[-1].recomputed, ()) if link.seq in self._left]
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        chosen = min(candidates, key=self._doubt)
        for link in candidates:
            if link is not chosen:
                self._slipped_in(link, "two entries claim the same predecessor, and nothing follows on this one")
        return chosen

    def _doubt(self, link: StoredLink) -> tuple[bool, bool, bool, int]:
        leads_on = bool(self._after.get(link.hash)) or (self._head is not None and self._head.hash == link.hash)
        return (not leads_on, not link.received, not link.intact, link.seq)

    def _slipped_in(self, link: StoredLink, why: str) -> None:
        self._found.add(Kind.INSERTED, link.seq, link.entry_id, why)
        del self._left[link.seq]

    def _across_the_gap(self) -> StoredLink | None:
        """Decide what it means that the thread ends although links are left; return where it goes on."""
        link = self._left[min(self._left)]
        last = self._order[-1] if self._order else None
        last_seq = last.seq if last else 0
        if self._head is not None and self._at == self._head.hash:
            self._slipped_in(link, "the chain had ended before it")
            return None
        if link.seq < last_seq:
            self._slipped_in(link, "no other entry leads to it")
            return None
        explained = not link.intact or (last is not None and not last.intact)
        if link.seq > last_seq + 1:
            for seq in range(last_seq + 1, min(link.seq, last_seq + 1001)):
                self._found.add(Kind.MISSING, seq, None, f"removed before entry {link.entry_id}")
        elif not explained:
            self._closed_up(last, link)
        return link

    def _closed_up(self, last: StoredLink | None, link: StoredLink) -> None:
        if last is not None and self._head is not None and self._head.seq == self._highest:
            why = "the entry was changed together with its hash: the next one names another hash"
            self._found.add(Kind.CHANGED, last.seq, last.entry_id, why)
        else:
            why = f"removed before entry {link.entry_id}, and the numbers closed up"
            self._found.add(Kind.MISSING, link.seq, None, why)


def _positions(found: _Findings, order: Sequence[StoredLink]) -> None:
    """Find links whose numbers disagree with the order in which they were written."""
    written = [link.seq for link in order]
    ranked = sorted(written)
    displaced = {seq for seq, right in zip(written, ranked, strict=True) if seq != right}
    if not displaced:
        return
    if len(displaced) > 2:  # not two that changed places: rather one that moved and pushed others aside
        displaced = min(displaced, set(written) - _longest_rising(written), key=len)
    for link, right in zip(order, ranked, strict=True):
        if link.seq in displaced:
            found.add(Kind.REORDERED, link.seq, link.entry_id, f"this entry was written as number {right}")


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """Return a longest subsequence of distinct ``numbers`` that rises."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, number in enumerate(numbers):
        place = bisect_left(tails, number)
        before.append(ends[place - 1] if place else -1)
        if place == len(tails):
            tails.append(number)
            ends.append(index)
        else:
            tails[place], ends[place] = number, index
    rising: set[int] = set()
    index = ends[-1] if ends else -1
    while index >= 0:
        rising.add(numbers[index])
        index = before[index]
    return rising


def _head(found: _Findings, links: Sequence[StoredLink], order: Sequence[StoredLink], head: Head | None) -> None:
    """Compare the links with the chain's head."""
    highest = links[-1].seq if links else 0
    if head is None:
        found.add(Kind.HEAD, highest, None, "the chain has no head")
        return
    for link in links:
        if link.seq > head.seq:
            found.add(
                Kind.APPENDED, link.seq, link.entry_id, f"the chain's head says that it ends at number {head.seq}"
            )
    if highest < head.seq and not (order and order[-1].hash == head.hash):
        found.add(Kind.TRUNCATED, highest + 1, None, f"numbers {highest + 1} to {head.seq} were cut off")
    if highest == head.seq and order and order[-1].hash != head.hash and not found.within(order[-1].seq, highest):
        last = order[-1]
        found.add(Kind.CHANGED, last.seq, last.entry_id, "the last entry's hash is not the one the chain's head names")


def _closed(found: _Findings, links: Sequence[StoredLink], anchored: Sequence[AnchoredHead]) -> None:
    final = min((one.head.seq for one in anchored if one.final), default=None)
    for link in links:
        if final is not None and link.seq > final:
            found.add(Kind.APPENDED, link.seq, link.entry_id, f"the day was closed and anchored at number {final}")


def _anchors(found: _Findings, links: Sequence[StoredLink], anchored: Sequence[AnchoredHead]) -> None:
    """Compare the links with what anchors say they were."""
    # By hash, not by number: a hash commits to all before it, wherever its link stands now.
    hashes = {link.hash for link in links}
    highest = links[-1].seq if links else 0
    good = 0
    for one in sorted(anchored, key=lambda one: one.head.seq):
        seq = one.head.seq
        if one.head.hash in hashes or seq == 0:
            good = seq
        elif found.within(good + 1, seq):
            continue
        elif seq > highest:
            found.add(Kind.TRUNCATED, highest + 1, None, f"an anchor saw {seq} entries, {highest} are left")
        else:
            why = f"every hash was made anew: numbers {good + 1} to {seq} are not what the anchors saw"
            found.add(Kind.REWRITTEN, good + 1, None, why)
            return
