"""What a patient is offered instead of a visit that cannot take place."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from services.booking.domain.disruption import Candidate, DisruptedVisit, DisruptionRules, rank
from services.booking.ports import DisruptionWork, Replacements, TakenPlaces, Wanted
from services.kernel.clock import Clock
from services.kernel.errors import Unavailable

Item = Mapping[str, Any]


class FindReplacements:
    """Searches, leaves out what booking itself knows to be taken, and ranks for one patient."""

    def __init__(
        self, slots: Replacements, places: TakenPlaces, work: DisruptionWork, clock: Clock, rules: DisruptionRules
    ) -> None:
        self._slots = slots
        self._places = places
        self._work = work
        self._clock = clock
        self._rules = rules

    async def candidates(self, visit: DisruptedVisit) -> Sequence[Candidate]:
        """Return open slots for visits like this one on its day; raise Unavailable when nobody can search."""
        now = self._clock.now()
        since = max(now + self._rules.notice, visit.starts_at - self._rules.earlier)
        wanted = Wanted(
            visit.clinician_id, visit.facility_id, visit.specialty, visit.visit_type, since,
            max(since, visit.starts_at) + self._rules.ahead,
        )  # fmt: skip
        found = {one.offer.slot_id: one for one in await self._slots.like(wanted)}
        free = await self._places.free_of([one.offer for one in found.values()], now) if found else frozenset()
        return [one for slot_id, one in found.items() if slot_id in free]

    async def choose(self, visit: DisruptedVisit, found: Sequence[Candidate], shown: Counter[str]) -> list[Item]:
        """Return the alternatives for this patient, best first; ``shown`` counts them."""
        offers = [one.offer for one in found]
        free = await self._places.patient_free(visit.patient_id, offers, self._clock.now()) if offers else frozenset()
        chosen = rank(visit, [one for one in found if one.offer.slot_id in free], shown)
        shown.update(one.offer.slot_id for one in chosen)
        return [one.item for one in chosen]

    async def renewed(self, visit: DisruptedVisit) -> tuple[Sequence[Item], str]:
        """Search anew for one open visit and keep what is found; the old ones stay when nobody can search."""
        try:
            found = await self.candidates(visit)
        except Unavailable:
            return visit.alternatives, "unavailable"
        now = self._clock.now()
        async with self._work() as store:
            shown = Counter(await store.shown([one.offer.slot_id for one in found]))
        items = await self.choose(visit, found, shown)
        async with self._work() as store:
            await store.keep_alternatives(visit.id, items, now)
        return items, "ok"
