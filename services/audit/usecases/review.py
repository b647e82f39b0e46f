"""Questions to the trail: who saw this patient, what did this user see, what was refused, who broke the glass.

Each answer is itself a touch of protected data: the entry of it commits before anything is shown.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from services.audit.ports import Kept, Position, TrailQuery, UnitOfWork
from services.kernel.access import Gate, Resource
from services.kernel.errors import FieldError, Invalid

LONGEST_REVIEW = timedelta(days=366)
LONGEST_EXPORT = timedelta(days=31)
EXPORT_PAGE = 1000


def trail_resource(what: str, facilities: frozenset[str] | None, about: str = "") -> Resource:
    """Return the part of the trail that is asked for, as access policies see it; None: of all facilities."""
    attributes: dict[str, bool | frozenset[str]] = {
        "facilities": facilities or frozenset(),
        "everywhere": facilities is None,
    }
    return Resource("AuditTrail", what, attributes, about=about)


def scope(gate: Gate, facility: str) -> frozenset[str] | None:
    """Return the facilities a reviewer asks about: the one named, else all of the role assignment (None: every one)."""
    if facility:
        return frozenset({facility})
    return None if gate.actor.everywhere else gate.actor.facilities


def check_window(query: TrailQuery, longest: timedelta) -> None:
    """Raise Invalid unless ``query`` covers some time, and at most ``longest``."""
    if query.start >= query.end:
        raise Invalid(
            "Ask for a time that ends after it began.", errors=[FieldError("query/from", "is not before 'to'")]
        )
    if query.end - query.start > longest:
        what = f"is more than {longest.days} days before 'to'"
        raise Invalid("Ask for less at a time.", errors=[FieldError("query/from", what)])


@dataclass(frozen=True, slots=True)
class Review:
    """Answers reviewers out of the trail."""

    begin: UnitOfWork

    async def ask(self, gate: Gate, what: str, query: TrailQuery) -> Sequence[Kept]:
        """Return one page of entries; ``what`` names the question in the entry about asking it."""
        check_window(query, LONGEST_REVIEW)
        entry = gate.require(trail_resource(what, query.facilities, query.about))
        async with self.begin() as trail:
            found = await trail.entries(query)
            await trail.audit([entry])
        return found

    async def export(self, gate: Gate, query: TrailQuery) -> AsyncIterator[Kept]:
        """Return every entry of ``query``'s time, oldest first, once the entry about exporting it is kept."""
        check_window(query, LONGEST_EXPORT)
        entry = gate.require(trail_resource("export", query.facilities, query.about))
        async with self.begin() as trail:
            await trail.audit([entry])
        return self._pages(replace(query, newest_first=False, limit=EXPORT_PAGE))

    async def _pages(self, query: TrailQuery) -> AsyncIterator[Kept]:
        # A transaction a page: a slow reader must not hold one open.
        while True:
            async with self.begin() as trail:
                found = await trail.entries(query)
            for kept in found:
                yield kept
            if len(found) < query.limit:
                return
            query = replace(query, after=Position(found[-1].entry.at, found[-1].entry.id))
