"""Plans of adaptive sessions: gathers what is known, lets the rules decide, keeps the outcome with its reasons.

Runs where working time is made, in the same transaction, so that search never sees a schedule without its plan.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from services.availability.domain.directory import Clinician, Facility, VisitType
from services.availability.domain.sessions import Period, WorkingSession
from services.availability.domain.slotting.durations import USUAL_VARIATION, Length
from services.availability.domain.slotting.plan import Booked, Facts, Plan, SlottingRules, plan, usual_visit
from services.availability.domain.slotting.risk import History, Risk, Visit, base_shift
from services.availability.domain.slotting.surge import Surge
from services.availability.ports import BookedVisit, Directory, KeptLength, Plans, VisitLog

# A place's own rate of missed visits: from the last half year, against a presumed one that weighs this many visits.
RATE_WINDOW = timedelta(days=183)
RATE_WEIGHT = 50
DAY = timedelta(days=1)


class PlanningStore(Directory, VisitLog, Plans, Protocol):
    """The part of the store that this needs."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was gathered for some clinicians and days."""

    visit_types: Mapping[str, Sequence[VisitType]]
    lengths: Mapping[tuple[str, str], KeptLength]
    surges: Mapping[tuple[str, str], Surge]
    shifts: Mapping[str, float]
    grids: Mapping[tuple[str, str, datetime], int]
    booked: Mapping[str, Sequence[BookedVisit]]
    histories: Mapping[int, History] = field(default_factory=dict)


async def plan_sessions(
    store: PlanningStore,
    rules: SlottingRules,
    sessions: Sequence[WorkingSession],
    clinicians: Mapping[str, Clinician],
    days: tuple[date, date],
    now: datetime,
) -> list[WorkingSession]:
    """Return ``sessions`` with the adaptive ones laid out by plans, which replace the former plans of ``days``."""
    adaptive = [one for one in sessions if one.template.adaptive]
    plans: list[Plan] = []
    if adaptive:
        ids = sorted({one.template.clinician_id for one in adaptive})
        facilities = await store.facilities({one.template.facility_id for one in adaptive})
        known = await _gather(store, rules, ids, {clinicians[one].specialty for one in ids}, days, now)
        for one in adaptive:
            clinician, facility = clinicians[one.template.clinician_id], facilities[one.template.facility_id]
            if facts := _facts(one, clinician, facility, known, rules):
                plans.append(plan(one, facts, rules))
    await store.replace_plans(list(clinicians), *days, plans, now)
    planned = {id(one.session) for one in plans}
    left = [one for one in sessions if id(one) not in planned]
    return left + [part for one in plans for part in one.sessions()]


async def _gather(
    store: PlanningStore,
    rules: SlottingRules,
    clinician_ids: Sequence[str],
    specialties: Collection[str],
    days: tuple[date, date],
    now: datetime,
) -> _Known:
    first, last = days
    window = Period(datetime.combine(first, time(0), UTC) - DAY, datetime.combine(last, time(0), UTC) + 3 * DAY)
    booked: defaultdict[str, list[BookedVisit]] = defaultdict(list)
    for visit in await store.booked_visits(clinician_ids, window, now):
        booked[visit.clinician_id].append(visit)
    keys = {one.patient_key for visits in booked.values() for one in visits if one.patient_key is not None}
    return _Known(
        visit_types={specialty: await store.visit_types_of(specialty) for specialty in specialties},
        lengths=await store.kept_lengths(clinician_ids),
        surges=await store.surges(),
        shifts=await _shifts(store, rules, specialties, now),
        grids=await store.former_grids(clinician_ids, first, last),
        booked=booked,
        histories=await _histories(store, rules, keys),
    )


async def _histories(store: PlanningStore, rules: SlottingRules, keys: Collection[int]) -> Mapping[int, History]:
    histories: defaultdict[int, History] = defaultdict(History)
    for key, lead_days, missed in await store.outcomes_of(keys) if keys else ():
        histories[key] = histories[key].after(missed, rules.model.risk_by_lead(lead_days))
    return histories


async def _shifts(
    store: PlanningStore, rules: SlottingRules, specialties: Collection[str], now: datetime
) -> Mapping[str, float]:
    """Return by specialty the log odds from the model's base rate to the one seen here."""
    visits, missed, expected = defaultdict[str, int](int), defaultdict[str, int](int), defaultdict[str, float](float)
    for specialty, lead_days, count, noshows in await store.attendance(specialties, now - RATE_WINDOW):
        visits[specialty] += count
        missed[specialty] += noshows
        expected[specialty] += count * rules.model.risk_by_lead(lead_days)
    return {
        name: round(base_shift(
            expected[name] / visits[name] if visits[name] else rules.model.training_rate,
            rules.base_rate, missed[name], visits[name], RATE_WEIGHT,
        ), 2)
        for name in specialties
    }  # fmt: skip


def _facts(
    session: WorkingSession, clinician: Clinician, facility: Facility, known: _Known, rules: SlottingRules
) -> Facts | None:
    """Return what the rules need; None while no visit type of the specialty is known: then the template stands."""
    template = session.template
    usual = usual_visit(template, known.visit_types[clinician.specialty])
    if usual is None:
        return None
    kept = known.lengths.get((clinician.clinician_id, usual.visit_type))
    length = kept.length if kept else as_planned(usual.minutes)
    shift = known.shifts[clinician.specialty]
    booked = [
        Booked(one.period, _risk(one, session, known, shift, rules))
        for one in known.booked.get(clinician.clinician_id, ())
        if one.period.overlaps(session.period)
    ]
    surge = known.surges.get((facility.facility_id, clinician.specialty))
    return Facts(
        usual.minutes, length, booked, surge or Surge(1.0, active=False, reason="no demand was measured yet"), shift,
        known.grids.get((clinician.clinician_id, template.template_id, session.period.starts_at)),
    )  # fmt: skip


def as_planned(minutes: int) -> Length:
    """Return the length of a visit type that nobody measured."""
    return Length(minutes, minutes, USUAL_VARIATION, 0, ("no visit was measured yet: the visit type's own length",))


def _risk(
    visit: BookedVisit, session: WorkingSession, known: _Known, shift: float, rules: SlottingRules
) -> Risk | None:
    if visit.patient_key is None:
        return None
    history = known.histories.get(visit.patient_key, History())
    # How far the patient lives is not told to this service: the least it needs to know.
    return rules.model.risk(Visit(visit.lead_days, session.day.weekday(), history), shift)
