"""Keeps adaptive slotting up to date: demand, measured lengths, and the plans that bookings have made stale."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from services.availability.domain.sessions import Period
from services.availability.domain.slotting.durations import TypeLength, learn, measured_minutes, of_type
from services.availability.domain.slotting.plan import SlottingRules
from services.availability.domain.slotting.surge import RECENT_DAYS, USUAL_DAYS, surge_of
from services.availability.ports import Measured, Store, UnitOfWork
from services.availability.usecases.materialise import Horizon, materialise
from services.kernel.clock import Clock

LEARN_FROM = timedelta(days=183)
KEEP_VISITS = timedelta(days=731)
MOST_OF_TYPE = 2000
BATCH = 20
# Plans are made again for a change of the demand index that is more than noise.
INDEX_STEP = 0.1


class SlottingUpkeep:
    """What runs on a clock; each step in transactions of its own."""

    def __init__(self, transaction: UnitOfWork, horizon: Horizon, rules: SlottingRules) -> None:
        self._transaction = transaction
        self._horizon = horizon
        self._rules = rules

    @property
    def _clock(self) -> Clock:
        return self._horizon.clock

    async def follow_demand(self) -> int:
        """Measure urgent demand and switch surge mode; return at how many places it changed."""
        now, changed = self._clock.now(), 0
        recent = Period(now - timedelta(days=RECENT_DAYS), now)
        usual = Period(recent.starts_at - timedelta(days=USUAL_DAYS), recent.starts_at)
        async with self._transaction() as store:
            former = await store.surges()
            demand = await store.urgent_demand(self._rules.urgent_visit_types, recent, usual)
            for place, (lately, before) in sorted(demand.items()):
                was = former.get(place)
                surge = surge_of(lately, before, bool(was and was.active), self._rules.demand_index)
                if was != surge:
                    await store.put_surge(*place, surge)
                if was is None or was.active != surge.active or abs(was.index - surge.index) >= INDEX_STEP:
                    changed += 1
                    await self._replan(store, *place)
        return changed

    async def _replan(self, store: Store, facility_id: str, specialty: str) -> None:
        there = await store.clinicians(await store.clinicians_with_templates_at(facility_id))
        adaptive = set(await store.adaptive_clinicians())
        await store.mark_stale(
            [one.clinician_id for one in there.values() if one.specialty == specialty and one.clinician_id in adaptive]
        )

    async def learn_lengths(self) -> int:
        """Learn the lengths of visits from those that were measured; return how many changed."""
        async with self._transaction() as store:
            clinician_ids = await store.adaptive_clinicians()
        types: dict[str, TypeLength] = {}
        return sum([await self._learn(clinician_id, types) for clinician_id in clinician_ids])

    async def _learn(self, clinician_id: str, types: dict[str, TypeLength]) -> int:
        since, changed = self._clock.now() - LEARN_FROM, 0
        async with self._transaction() as store:
            measured: defaultdict[str, list[Measured]] = defaultdict(list)
            for one in await store.measured_by(clinician_id, since):
                measured[one.visit_type].append(one)
            if not measured:
                return 0
            await store.lock_schedules([clinician_id])
            kept = await store.kept_lengths([clinician_id])
            for visit_type, visits in sorted(measured.items()):
                former = kept.get((clinician_id, visit_type))
                if former and former.chosen:
                    continue
                if visit_type not in types:
                    types[visit_type] = await self._type(store, visit_type, since)
                length = learn(_minutes(visits), types[visit_type])
                await store.put_learnt_length(clinician_id, visit_type, length)
                changed += former is None or former.length.minutes != length.minutes
            if changed:
                await store.bump([clinician_id])
                await store.mark_stale([clinician_id])
        return changed

    async def _type(self, store: Store, visit_type: str, since: datetime) -> TypeLength:
        known = await store.visit_type(visit_type)
        visits = await store.measured_of(visit_type, since, MOST_OF_TYPE)
        planned = known.minutes if known else max((one.planned for one in visits), default=0)
        return of_type(planned, _minutes(visits))

    async def renew_plans(self) -> int:
        """Plan again what is stale, a batch; return how many days or schedules were planned."""
        async with self._transaction() as store:
            stale = await store.take_stale(BATCH)
            await store.lock_schedules({clinician_id for clinician_id, _ in stale})
            first, last = self._horizon.window()
            for clinician_id, day in stale:
                if day is None:
                    await materialise(store, [clinician_id], first, last, self._horizon)
                elif first <= day <= last:
                    await materialise(store, [clinician_id], day, day, self._horizon)
        return len(stale)

    async def forget(self) -> None:
        """Drop visits too old to count."""
        async with self._transaction() as store:
            await store.drop_visits(self._clock.now() - KEEP_VISITS)


def _minutes(visits: Sequence[Measured]) -> list[float]:
    found = (measured_minutes(one.checked_in_at, one.ended_at, one.planned, one.former_ended_at) for one in visits)
    return [minutes for minutes in found if minutes is not None]
