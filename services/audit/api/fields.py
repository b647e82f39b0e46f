"""What stands in requests: opaque ids, bounded times and cursors; names of people never stand in a URL."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from pydantic import AwareDatetime, Field

from services.audit.ports import Kept, Position, TrailQuery
from services.audit.usecases.review import Review, scope
from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.errors import FieldError, Invalid

PATIENT = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
SUBJECT = r"^[A-Za-z0-9][A-Za-z0-9:._-]*$"
USUAL_DAYS = 30

PatientId = Annotated[str, Path(pattern=PATIENT, max_length=64, examples=["pat-000001"])]
Subject = Annotated[str, Path(pattern=SUBJECT, max_length=128, description="`sub` of the user's tokens")]
Facility = Annotated[
    str, Query(pattern=f"{PATIENT}|^$", max_length=64, description="only entries that touch this facility")
]
Limit = Annotated[int, Query(ge=1, le=500, description="most entries to return")]
Cursor = Annotated[str, Query(max_length=200, pattern=r"^[A-Za-z0-9_-]*$", description="`next` of the page before")]
From = Annotated[AwareDatetime | None, Query(alias="from", description="from this instant; 30 days ago by default")]
Until = Annotated[AwareDatetime | None, Query(alias="to", description="until before this instant; now by default")]
Instant = Annotated[AwareDatetime, Field(examples=["2027-01-01T00:00:00Z"])]


async def review(request: Request) -> Review:
    """Return the reviews that this process answers."""
    found: Review = request.app.state.review
    return found


async def now(request: Request) -> datetime:
    """Return the current instant of this process's clock."""
    clock: Clock = request.app.state.clock
    return clock.now()


ReviewDep = Annotated[Review, Depends(review)]
NowDep = Annotated[datetime, Depends(now)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What every question to the trail may say: when, where, from which page on, how many."""

    start: datetime
    end: datetime
    facility: str
    after: Position | None
    limit: int

    def query(self, gate: Gate, **what: Any) -> TrailQuery:
        """Return the question ``what``, narrowed to the facilities that the asker may ask about."""
        facilities = scope(gate, self.facility)
        return TrailQuery(self.start, self.end, facilities=facilities, after=self.after, limit=self.limit, **what)


async def _asked(
    now: NowDep,
    start: From = None,
    end: Until = None,
    facility: Facility = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> Asked:
    return Asked(*window(start, end, now), facility, decode(cursor), limit)


def window(start: datetime | None, end: datetime | None, at: datetime) -> tuple[datetime, datetime]:
    """Return the time asked for in UTC; raise Invalid for years that PostgreSQL or Python cannot count in."""
    last = _utc(end, "query/to") if end else at
    first = _utc(start, "query/from") if start else last - timedelta(days=USUAL_DAYS)
    return first, last


def _utc(instant: datetime, where: str) -> datetime:
    if not 2000 <= instant.year <= 2200:
        raise Invalid("Ask for a time between 2000 and 2200.", errors=[FieldError(where, "is out of range")])
    return instant.astimezone(UTC)


def encode(kept: Kept) -> str:
    """Return the cursor of a list that goes on after ``kept``."""
    words = json.dumps([kept.entry.at.isoformat(), str(kept.entry.id)])
    return base64.urlsafe_b64encode(words.encode()).decode().rstrip("=")


def decode(cursor: str) -> Position | None:
    """Return what ``encode`` was given, None for ""; raise Invalid for what it never returned."""
    if not cursor:
        return None
    try:
        at, entry_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        position = Position(datetime.fromisoformat(at), UUID(entry_id))
        if position.at.utcoffset() is None:
            raise ValueError
        return Position(_utc(position.at, "query/cursor"), position.entry_id)
    except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        what = "is not a cursor of ours"
        raise Invalid("Start from the first page.", errors=[FieldError("query/cursor", what)]) from None


AskedDep = Annotated[Asked, Depends(_asked)]
