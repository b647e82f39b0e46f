"""Working time is kept ready for a horizon of days, so that a search reads and does not calculate.

Whoever changes a template, an absence or a projection calls this in the same transaction, after taking the lock:
what search sees is always what templates and absences say.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from services.availability.domain.sessions import Period, WorkingSession, expand
from services.availability.domain.slotting.plan import SlottingRules
from services.availability.domain.wall_clock import zone_of
from services.availability.ports import Directory, Plans, Schedules, VisitLog
from services.availability.usecases.slotting import plan_sessions
from services.kernel.clock import Clock

# Local days can lie a day before or after the UTC one, and a session may run into the day after it began.
MARGIN = timedelta(days=2)


class MaterialisingStore(Directory, Schedules, VisitLog, Plans, Protocol):
    """The part of the store that this needs."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far ahead working time is kept ready, and the rules by which adaptive sessions are laid out."""

    clock: Clock
    days: int
    rules: SlottingRules

    def window(self) -> tuple[date, date]:
        """Return the first and last local day that is kept ready, both included."""
        today = self.clock.now().date()
        return today - timedelta(days=1), today + timedelta(days=self.days)

    def affected(self, period: Period) -> tuple[date, date] | None:
        """Return the days in the window whose sessions ``period`` can touch, None when there are none."""
        first, last = self.window()
        first = max(first, period.starts_at.astimezone(UTC).date() - MARGIN)
        last = min(last, period.ends_at.astimezone(UTC).date() + MARGIN)
        return (first, last) if first <= last else None


async def materialise(
    store: MaterialisingStore, clinician_ids: Collection[str], first: date, last: date, horizon: Horizon
) -> None:
    """Make the clinicians' working time from ``first`` to ``last`` what templates, leave and closures say.

    A template waits, without sessions, until the directory has told of its clinician and facility, and while the
    clinician is not active or not recorded at that facility.
    """
    clinicians = await store.clinicians(clinician_ids)
    templates = [stored.template for stored in await store.templates_of(clinician_ids)]
    facilities = await store.facilities({template.facility_id for template in templates})
    since = datetime.combine(first - MARGIN, time(0), UTC)
    leave: defaultdict[str, list[Period]] = defaultdict(list)
    for absence in await store.leave_of(clinician_ids, since):
        leave[absence.clinician_id].append(absence.period)
    closed: defaultdict[str, list[Period]] = defaultdict(list)
    for closure in await store.closures_of(facilities, since):
        closed[closure.facility_id].append(closure.period)
    sessions: list[WorkingSession] = []
    for template in templates:
        clinician, facility = clinicians.get(template.clinician_id), facilities.get(template.facility_id)
        if clinician is None or facility is None or not clinician.active or not facility.active:
            continue
        if facility.facility_id in clinician.facility_ids:
            away = leave[clinician.clinician_id] + closed[facility.facility_id]
            sessions += expand(template, zone_of(facility.timezone), first, last, away)
    days, now = (first, last), horizon.clock.now()
    sessions = await plan_sessions(store, horizon.rules, sessions, clinicians, days, now)
    await store.replace_sessions(list(clinicians.values()), first, last, sessions)


async def renew(store: MaterialisingStore, clinician_ids: Collection[str], horizon: Horizon) -> None:
    """Materialise the whole window of these clinicians and raise their schedule versions."""
    first, last = horizon.window()
    await materialise(store, clinician_ids, first, last, horizon)
    await store.bump(clinician_ids)
    await store.set_known_until(clinician_ids, last)


async def renew_around(
    store: MaterialisingStore, clinician_ids: Collection[str], period: Period, horizon: Horizon
) -> None:
    """Materialise the days ``period`` touches and raise the schedule versions."""
    if days := horizon.affected(period):
        await materialise(store, clinician_ids, *days, horizon)
    await store.bump(clinician_ids)
