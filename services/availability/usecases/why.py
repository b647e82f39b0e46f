"""Why a slot is as it is: what its id stands for, and which rule, measurement or setting gave each of its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.availability.domain.directory import Clinician, VisitType
from services.availability.domain.slotting.durations import LONGEST, SHORTEST
from services.availability.domain.slotting.explain import depth_reason
from services.availability.domain.slotting.plan import SlottingRules
from services.availability.domain.templates import WEEK, Template
from services.availability.ports import KeptPlan, Store, UnitOfWork
from services.availability.usecases.schedules import facilities_of, require_any, schedule_resource
from services.availability.usecases.slotting import as_planned
from services.contracts.slot_offer import clinician_mark, slot_id, slot_id_parts
from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.errors import NotFound

UNKNOWN = "No slot of a clinician that is known here has this id."


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a slot's id stands for and why it is so; parts are None where no adaptive rule had a say."""

    clinician_id: str
    facility_id: str
    visit_type: str
    starts_at: datetime
    ends_at: datetime
    template_id: str | None
    depth: int
    length: Mapping[str, Any]
    depth_part: Mapping[str, Any] | None
    reserve: Mapping[str, Any] | None
    surge: Mapping[str, Any] | None
    planned_at: datetime | None
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Slot:
    """What an id stands for."""

    clinician: Clinician
    facility_id: str
    visit_type: VisitType
    starts_at: datetime
    minutes: int


class ExplainSlot:
    """Explains slots by id alone, also past ones whose plan is still kept."""

    def __init__(self, transaction: UnitOfWork, rules: SlottingRules, clock: Clock) -> None:
        self._transaction = transaction
        self._rules = rules
        self._clock = clock

    async def run(self, name: str, gate: Gate) -> Explanation:
        """Return the explanation; NotFound when the id stands for nothing that is known here."""
        async with self._transaction() as store:
            slot = await _slot_of(store, name)
            if slot is None:
                require_any(gate, "", ())
                raise NotFound(UNKNOWN)
            resource = schedule_resource(slot.clinician.clinician_id, slot.facility_id)
            await store.audit(gate.require(resource))
            return await self._explain(store, slot)

    async def _explain(self, store: Store, slot: _Slot) -> Explanation:
        clinician_id = slot.clinician.clinician_id
        working = [one for one in await store.working_at(clinician_id, slot.starts_at) if one[1] == slot.facility_id]
        template_id = working[0][0] if working else None
        templates = [stored.template for stored in await store.templates_of([clinician_id])]
        template = next((one for one in templates if one.template_id == template_id), None)
        plans = await store.kept_plans(clinician_id, slot.starts_at)
        plan = next((one for one in plans if one.template_id == template_id), None)
        depth = working[0][2] if working else 0
        length = await self._length(store, slot)
        return Explanation(
            clinician_id, slot.facility_id, slot.visit_type.visit_type, slot.starts_at,
            slot.starts_at + timedelta(minutes=slot.minutes), template_id, depth, length,
            plan.content["depth"] if plan else None, _reserve(plan, slot.starts_at, self._clock.now()),
            plan.content["surge"] if plan else None, plan.made_at if plan else None,
            tuple(self._reasons(slot, template, plan, depth, length)),
        )  # fmt: skip

    async def _length(self, store: Store, slot: _Slot) -> Mapping[str, Any]:
        kept = await store.kept_lengths([slot.clinician.clinician_id])
        found = kept.get((slot.clinician.clinician_id, slot.visit_type.visit_type))
        length = found.length if found else as_planned(slot.visit_type.minutes)
        source = "visit-type" if found is None else "chosen" if found.chosen else "measured"
        return {
            "minutes": slot.minutes, "now": length.minutes, "source": source, "visits": length.visits,
            "reasons": list(length.reasons),
        }  # fmt: skip

    def _reasons(
        self, slot: _Slot, template: Template | None, plan: KeptPlan | None, depth: int, length: Mapping[str, Any]
    ) -> list[str]:
        if template is None:
            return ["no working time holds this slot now: its template, leave or a closure changed, or it is past"]
        days = ", ".join(day for day in WEEK if day in template.weekdays)
        hours = f"{template.starts:%H:%M} to {template.ends:%H:%M}"
        reasons = [f"template {template.template_id} works {days} from {hours}"]
        reasons += [f"length: {reason}" for reason in length["reasons"]]
        if length["now"] != length["minutes"]:
            reasons.append(
                f"length: it was offered with {length['minutes']} minutes and would have {length['now']} now"
            )
        if plan is None:
            return [*reasons, f"depth: the template is fixed and allows {depth} at a time"]
        reasons.append(f"depth: {depth_reason(depth, plan.content)}")
        if kept := _reserve(plan, slot.starts_at, self._clock.now()):
            state = "is open to everyone since" if kept["released"] else "is kept for urgent visits until"
            reasons.append(f"reserve: the place {state} {kept['opens_at']} ({kept['hours_before']} hours before)")
        return [*reasons, f"surge: {plan.content['surge']['reason']}"]


def _reserve(plan: KeptPlan | None, starts_at: datetime, now: datetime) -> Mapping[str, Any] | None:
    if plan is None:
        return None
    grid = timedelta(minutes=plan.content["grid_minutes"])
    for text, kept in plan.content["reserve"].items():
        begins = datetime.fromisoformat(text)
        if begins <= starts_at < begins + grid:
            return {**kept, "released": datetime.fromisoformat(kept["opens_at"]) <= now}
    return None


async def _slot_of(store: Store, name: str) -> _Slot | None:
    """Return what the id stands for: its clinician and start are in it, facility, type and length are few."""
    parts = slot_id_parts(name)
    if parts is None:
        return None
    mark, starts_at = parts
    marked = [one for one in await store.clinician_ids() if clinician_mark(one) == mark]
    for clinician in (await store.clinicians(marked)).values():
        templates = await store.templates_of([clinician.clinician_id])
        for visit_type in await store.visit_types_of(clinician.specialty):
            for facility_id in facilities_of(clinician, templates):
                for minutes in range(SHORTEST, LONGEST + 1):
                    what = clinician.clinician_id, facility_id, visit_type.visit_type, starts_at, minutes
                    if slot_id(*what) == name:
                        return _Slot(clinician, facility_id, visit_type, starts_at, minutes)
    return None
