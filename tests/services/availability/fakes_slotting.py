"""Fakes of ports.VisitLog and ports.Plans over the tables of fakes.FakeDatabase."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from services.availability.domain.sessions import Period
from services.availability.domain.slotting.durations import USUAL_VARIATION, Length
from services.availability.domain.slotting.explain import content_of
from services.availability.domain.slotting.plan import Plan
from services.availability.domain.slotting.surge import Surge
from services.availability.ports import BookedVisit, KeptLength, KeptPlan, Measured, TrackedVisit

if TYPE_CHECKING:
    from tests.services.availability.fakes import Tables

FINISHED = {"fulfilled", "noshow"}


class FakeSlotting:
    """What visits teach and what is planned from it, in memory."""

    _t: Tables

    async def put_visits(self, visits: Sequence[TrackedVisit]) -> None:
        for visit in visits:
            await self._put(visit)

    async def _put(self, visit: TrackedVisit) -> None:
        told = self._t.visits.get(visit.appointment_id, {})
        instants = {**({visit.step: visit.at} if visit.step else {}), **told.get("at", {})}
        if visit.step == "booked" and "booked" in told.get("at", {}):
            instants["booked"] = min(told["at"]["booked"], visit.at)
        newest = max((one for one in (told.get("visit"), visit) if one), key=lambda one: one.version)
        self._t.visits[visit.appointment_id] = {"visit": newest, "at": instants}
        if visit.clinician_id in await self.adaptive_clinicians():
            day = visit.period.starts_at.astimezone(ZoneInfo(visit.timezone)).date()
            self._t.stale.add((visit.clinician_id, day))

    async def booked_visits(
        self, clinician_ids: Collection[str], window: Period, now: datetime
    ) -> Sequence[BookedVisit]:
        return [
            BookedVisit(one.clinician_id, one.period, self._lead(name), self._patient(name))
            for name, one in self._t.appointments.items()
            if one.live and one.clinician_id in clinician_ids and (one.expires_at is None or one.expires_at > now)
            if not name.startswith("reserve:") and window.starts_at <= one.period.starts_at < window.ends_at
        ]

    def _patient(self, name: str) -> int | None:
        told = self._t.visits.get(name)
        return told["visit"].patient_key if told else None

    def _lead(self, name: str) -> int:
        told = self._t.visits.get(name)
        if not told or "booked" not in told["at"]:
            return 0
        zone = ZoneInfo(told["visit"].timezone)
        days = [at.astimezone(zone).date() for at in (told["at"]["booked"], told["visit"].period.starts_at)]
        return max(0, int((days[1] - days[0]).days))

    async def outcomes_of(self, patient_keys: Collection[int]) -> Sequence[tuple[int, int, bool]]:
        return [
            (told["visit"].patient_key, self._lead(name), told["visit"].status == "noshow")
            for name, told in self._t.visits.items()
            if told["visit"].patient_key in patient_keys and told["visit"].status in FINISHED
        ]

    async def attendance(self, specialties: Collection[str], since: datetime) -> Sequence[tuple[str, int, int, int]]:
        visits, missed = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
        for name, told in self._t.visits.items():
            one = told["visit"]
            if one.specialty in specialties and one.period.ends_at >= since and one.status in FINISHED:
                visits[one.specialty, self._lead(name)] += 1
                missed[one.specialty, self._lead(name)] += one.status == "noshow"
        return [(*key, count, missed[key]) for key, count in visits.items()]

    async def measured_by(self, clinician_id: str, since: datetime) -> Sequence[Measured]:
        ended = sorted(
            (told["at"]["ended"], told)
            for told in self._t.visits.values()
            if told["visit"].clinician_id == clinician_id and told["at"].get("ended", since) > since
        )
        found, former = [], None
        for at, told in ended:
            one = told["visit"]
            planned = int((one.period.ends_at - one.period.starts_at) / timedelta(minutes=1))
            if "checked-in" in told["at"]:
                found.append(Measured(clinician_id, one.visit_type, planned, told["at"]["checked-in"], at, former))
            former = at
        return found

    async def measured_of(self, visit_type: str, since: datetime, limit: int) -> Sequence[Measured]:
        names = sorted({told["visit"].clinician_id for told in self._t.visits.values()})
        found = [one for name in names for one in await self.measured_by(name, since) if one.visit_type == visit_type]
        return sorted(found, key=lambda one: one.ended_at, reverse=True)[:limit]

    async def urgent_demand(
        self, urgent: Collection[str], recent: Period, usual: Period
    ) -> Mapping[tuple[str, str], tuple[int, int]]:
        places = {
            (kept.template.facility_id, self._t.clinicians[kept.template.clinician_id].specialty)
            for kept in self._t.templates.values()
            if kept.template.adaptive
        }
        booked = [
            ((told["visit"].facility_id, told["visit"].specialty), told["at"]["booked"])
            for told in self._t.visits.values()
            if told["visit"].visit_type in urgent and "booked" in told["at"]
        ]
        return {
            place: (
                sum(where == place and recent.starts_at <= at < recent.ends_at for where, at in booked),
                sum(where == place and usual.starts_at <= at < usual.ends_at for where, at in booked),
            )
            for place in places
        }

    async def drop_visits(self, before: datetime) -> None:
        self._t.visits = {k: told for k, told in self._t.visits.items() if told["visit"].period.ends_at >= before}

    async def kept_lengths(self, clinician_ids: Collection[str]) -> Mapping[tuple[str, str], KeptLength]:
        learnt = {key: KeptLength(one, chosen=False) for key, one in self._t.learnt.items() if key[0] in clinician_ids}
        why = ("people chose this length for the clinician",)
        chosen = {
            key: KeptLength(Length(minutes, minutes, USUAL_VARIATION, 0, why), chosen=True)
            for key, minutes in self._t.lengths.items()
            if key[0] in clinician_ids
        }
        return {**learnt, **chosen}

    async def put_learnt_length(self, clinician_id: str, visit_type: str, length: Length) -> None:
        self._t.learnt[clinician_id, visit_type] = length

    async def adaptive_clinicians(self) -> Sequence[str]:
        return sorted({key[0] for key, kept in self._t.templates.items() if kept.template.adaptive})

    async def surges(self) -> Mapping[tuple[str, str], Surge]:
        return dict(self._t.surges)

    async def put_surge(self, facility_id: str, specialty: str, surge: Surge) -> None:
        self._t.surges[facility_id, specialty] = surge

    async def former_grids(
        self, clinician_ids: Collection[str], first: date, last: date
    ) -> Mapping[tuple[str, str, datetime], int]:
        return {
            (template.clinician_id, template.template_id, plan.session.period.starts_at): plan.grid_minutes
            for plan in self._t.plans
            if (template := plan.session.template).clinician_id in clinician_ids and first <= plan.session.day <= last
        }

    async def replace_plans(
        self, clinician_ids: Collection[str], first: date, last: date, plans: Sequence[Plan], at: datetime
    ) -> None:
        def gone(plan: Plan) -> bool:
            return plan.session.template.clinician_id in clinician_ids and first <= plan.session.day <= last

        self._t.plans = [*(one for one in self._t.plans if not gone(one)), *plans]

    async def kept_plans(self, clinician_id: str, at: datetime) -> Sequence[KeptPlan]:
        return [
            KeptPlan(one.session.template.template_id, one.session.day, one.session.period, at, content_of(one))
            for one in self._t.plans
            if one.session.template.clinician_id == clinician_id
            and one.session.period.starts_at <= at < one.session.period.ends_at
        ]

    async def working_at(self, clinician_id: str, at: datetime) -> Sequence[tuple[str, str, int]]:
        found = [
            (one.template.template_id, one.template.facility_id, one.template.depth)
            for one in self._t.sessions
            if one.template.clinician_id == clinician_id and one.period.starts_at <= at < one.period.ends_at
        ]
        return sorted(found, key=lambda one: (-one[2], one[0]))

    async def reserve_of(self, places: Collection[tuple[str, datetime]]) -> Mapping[tuple[str, datetime], datetime]:
        return {
            place: kept.opens_at
            for place in places
            for plan in self._t.plans
            if plan.session.template.clinician_id == place[0]
            for kept in plan.reserved
            if kept.starts_at <= place[1] < kept.ends_at
        }

    async def mark_stale(self, clinician_ids: Collection[str]) -> None:
        self._t.stale |= {(name, None) for name in clinician_ids}

    async def take_stale(self, limit: int) -> Sequence[tuple[str, date | None]]:
        taken = sorted(self._t.stale, key=lambda one: (one[1] is not None, one[1] or date.min, one[0]))[:limit]
        self._t.stale -= set(taken)
        return taken


def reserved_now(plan: Plan, now: datetime) -> list[Period]:
    """Return the times of ``plan`` that are kept for urgent visits at ``now``."""
    return [Period(one.starts_at, one.ends_at) for one in plan.reserved if one.opens_at > now]
