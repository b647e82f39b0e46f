"""Anchoring: every few minutes the heads of the chains go where nobody can change them.

The time between two anchors is what an intruder with every right on the database has to rewrite history unseen.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dateutil.relativedelta import relativedelta

from services.audit.domain.anchors import Anchor, next_anchor, read_anchor
from services.audit.domain.chain import day_of
from services.audit.ports import AnchorStorage, BeginAnchoring
from services.kernel.clock import Clock
from services.kernel.errors import Conflict

# 45 CFR 164.316(b)(2)(i): six years from creation, or from when it last was in effect.
FEWEST_YEARS = 6
# How far clocks may be apart, and how long a transaction of yesterday may still take, before yesterday is closed.
CLOSING_MARGIN = timedelta(minutes=5)


def retain_until(at: datetime, years: int) -> datetime:
    """Return the instant ``years`` (at least six) after ``at``, and a day more for leap years and time zones."""
    if years < FEWEST_YEARS:
        raise ValueError("audit records are kept for at least six years (45 CFR 164.316(b)(2)(i))")
    return at + relativedelta(years=years, days=1)


@dataclass(frozen=True, slots=True)
class AnchorHeads:
    """Writes one anchor of all heads that moved since the last one, and closes the days that are over."""

    begin: BeginAnchoring
    storage: AnchorStorage
    clock: Clock
    years: int = FEWEST_YEARS

    async def run(self) -> Anchor | None:
        """Return the anchor that was written, None when there was nothing to anchor or another process does it.

        Raise Conflict when the storage already holds another anchor of that number that does not follow ours.
        """
        now = self.clock.now()
        async with self.begin() as ledger:
            if not await ledger.claim():
                return None
            await ledger.close_before(day_of(now - CLOSING_MARGIN))
            heads = await ledger.heads()
            if not heads:
                return None
            last = await ledger.last()
            wanted = next_anchor(last, heads, now)
            kept = await self.storage.put(wanted.number, wanted.body(), retain_until(now, self.years))
            anchor = wanted if kept == wanted.body() else _of_a_former_round(kept, wanted)
            await ledger.record(anchor)
        return anchor


def _of_a_former_round(kept: str, wanted: Anchor) -> Anchor:
    """Return the anchor that a round wrote and could not record, because it ended in between."""
    try:
        anchor = read_anchor(kept)
    except ValueError:
        anchor = None
    if anchor is None or (anchor.number, anchor.previous) != (wanted.number, wanted.previous):
        raise Conflict(f"Anchor {wanted.number} exists already and is not ours: run `careslot audit verify`.")
    return anchor
