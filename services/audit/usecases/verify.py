"""Verification: every chain is computed anew and compared with its head, with the inbox and with the anchors."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from services.audit.domain.anchors import FIRST_PREVIOUS, Anchor, AnchoredHead, body_hash, read_anchor
from services.audit.domain.chain import ChainKey, Head
from services.audit.domain.diagnosis import diagnose
from services.audit.domain.findings import ChainWalk, Finding, Kind, StoredLink
from services.audit.ports import AnchorStorage, BeginReading, StoredAnchor, TrailReader

MOST_LOST = 1000
Progress = Callable[[ChainKey, int], None]


@dataclass(slots=True)
class Verdict:
    """What was looked at, and what is wrong."""

    chains: int = 0
    entries: int = 0
    anchors: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class VerifyTrail:
    """Verifies the trail, or the chains of one service, one day, or both."""

    begin: BeginReading
    storage: AnchorStorage

    async def run(self, service: str = "", day: date | None = None, progress: Progress | None = None) -> Verdict:
        """Return the verdict; ``progress`` is told the chain and how many entries were looked at."""
        verdict = Verdict()
        # In this order nothing that happens meanwhile looks like tampering: what the database recorded is in storage
        # by now, and whatever the anchors saw is in the snapshot taken after them.
        async with self.begin() as reader:
            recorded = await reader.anchors()
        stored = await self.storage.everything()
        async with self.begin() as reader:
            anchors = _check_anchors(stored, recorded, verdict)
            seen = _heads_seen(anchors, service, day)
            heads: dict[ChainKey, Head | None] = dict(await reader.chains(service, day))
            for key in sorted(heads.keys() | seen.keys()):
                await _verify_chain(reader, key, heads.get(key), seen.get(key, ()), verdict, progress)
            if not service:
                await _name_the_lost(reader, day, verdict)
        return verdict


async def _verify_chain(
    reader: TrailReader,
    key: ChainKey,
    head: Head | None,
    anchored: Sequence[AnchoredHead],
    verdict: Verdict,
    progress: Progress | None,
) -> None:
    walk = ChainWalk(key, head, anchored)
    verdict.chains += 1
    async for page in reader.links(key):
        for link in page:
            walk.take(link)
        verdict.entries += len(page)
        if progress:
            progress(key, verdict.entries)
    if not walk.sound():
        links: list[StoredLink] = []
        async for page in reader.links(key):
            links += page
        found = diagnose(key, links, head, anchored)
        whole = Finding(Kind.CHANGED, key.service, key.day, 0, None, "the chain is not what its head and anchors say")
        verdict.findings += found or [whole]


async def _name_the_lost(reader: TrailReader, day: date | None, verdict: Verdict) -> None:
    """Tell of entries that came in and are gone, by their ids; the chain alone knows only that something is missing."""
    lost = await reader.lost(day, MOST_LOST)
    gone = {Kind.MISSING, Kind.TRUNCATED}
    holes = [n for n, finding in enumerate(verdict.findings) if finding.kind in gone and finding.entry_id is None]
    if len(lost) == len(holes) == 1:
        verdict.findings[holes[0]] = replace(verdict.findings[holes[0]], entry_id=lost[0][0])
        return
    for entry_id, arrived in lost:
        why = "the entry came through the queue, and no chain has it"
        verdict.findings.append(Finding(Kind.MISSING, "", arrived, 0, entry_id, why))


def _heads_seen(anchors: Sequence[Anchor], service: str, day: date | None) -> Mapping[ChainKey, Sequence[AnchoredHead]]:
    seen: dict[ChainKey, list[AnchoredHead]] = defaultdict(list)
    for anchor in anchors:
        for one in anchor.heads:
            if service in {"", one.key.service} and day in {None, one.key.day}:
                seen[one.key].append(one)
    return seen


def _check_anchors(stored: Sequence[StoredAnchor], recorded: Mapping[int, bytes], verdict: Verdict) -> list[Anchor]:
    """Return the anchors that can be read, after looking whether they are all there and follow one another."""

    def wrong(kind: Kind, number: int, detail: str) -> None:
        verdict.findings.append(Finding(kind, "anchors", None, number, None, detail))

    verdict.anchors = len(stored)
    anchors: list[Anchor] = []
    previous: bytes | None = FIRST_PREVIOUS
    by_number = {anchor.number: anchor for anchor in stored}
    for number in range(1, max([*by_number, *recorded], default=0) + 1):
        found = by_number.get(number)
        if found is None:
            wrong(Kind.ANCHOR_MISSING, number, "write-once storage does not hold it")
            previous = recorded.get(number)
            continue
        try:
            anchor = read_anchor(found.body)
        except ValueError:
            wrong(Kind.ANCHOR_CHANGED, number, "it is not an anchor")
            previous = None
            continue
        if anchor.number != number or (previous is not None and anchor.previous != previous):
            wrong(Kind.ANCHOR_CHANGED, number, "it does not follow the anchor before it")
        elif recorded.get(number, anchor.hash) != anchor.hash:
            wrong(Kind.ANCHOR_CHANGED, number, "the database recorded another one")
        elif found.versions > 1:
            wrong(Kind.ANCHOR_CHANGED, number, f"somebody tried to replace it: there are {found.versions} versions")
        anchors.append(anchor)
        previous = body_hash(found.body)
    return anchors
