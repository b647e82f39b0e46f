"""An owner's records as they stand now, page by page, told as the events that carry them: what projections start from.

Only services of ours may read them (scope careslot/changes.read). A page that holds something is written down.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from services.kernel.access import Resource
from services.kernel.database import Connection, Database
from services.kernel.http import GateDep, guard
from services.kernel.outbox import Publishable, append_audit

# Records of one kind in order of a key, those after a key: pairs of the key and the event that tells the record.
Fetch = Callable[[Connection, str, int], Awaitable[Sequence[tuple[str, Publishable]]]]
RECORDS = Resource("Catalogue", "records")


@dataclass(frozen=True, slots=True)
class Records:
    """What a running service tells of itself; put on ``app.state.records`` when it starts."""

    database: Database
    kinds: Mapping[str, Fetch]


class RecordView(BaseModel):
    """A record as its event would tell it now."""

    type: str
    data: dict[str, Any]


class RecordPage(BaseModel):
    """Records of one kind by key; ``next`` goes on after the last one, "" on the last page."""

    records: list[RecordView]
    next: str


def records_router(*kinds: str) -> APIRouter:
    """Return the route over the ``kinds`` of records that a service owns."""
    router = APIRouter(tags=["records"])

    @router.get("/records", **guard("read-records", 422))
    async def read_records(
        request: Request,
        gate: GateDep,
        kind: Annotated[str, Query(pattern=f"^({'|'.join(kinds)})$", description=f"one of {', '.join(kinds)}")],
        after: Annotated[str, Query(max_length=200, pattern=r"^[ -~]*$", description="'next' of the page before")] = "",
        limit: Annotated[int, Query(ge=1, le=500, description="most records in one page")] = 500,
    ) -> RecordPage:
        """Return records of one kind as they stand now, so that a projection can be rebuilt."""
        feed: Records = request.app.state.records
        entry = gate.require(RECORDS)
        async with feed.database.transaction() as connection:
            found = await feed.kinds[kind](connection, after, limit)
            if found:
                await append_audit(connection, [entry])
        views = [RecordView(type=event.type, data=dict(event.payload())) for _, event in found]
        return RecordPage(records=views, next=found[-1][0] if len(found) == limit else "")

    return router
