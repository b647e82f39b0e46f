"""Changing and reading a clinician's schedule: templates and visit lengths, guarded by facility."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.availability.domain.absences import Leave
from services.availability.domain.directory import Clinician
from services.availability.domain.templates import Template
from services.availability.ports import Store, StoredTemplate, UnitOfWork
from services.availability.usecases.materialise import Horizon, renew
from services.kernel.access import Gate, Resource
from services.kernel.audit import AuditEntry
from services.kernel.errors import Conflict, NotFound, StaleVersion

MAX_TEMPLATES = 100
Precondition = Callable[[int | None], bool]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A clinician's schedule as it stands; ``waiting_for`` says why templates have no slots yet, in words."""

    clinician_id: str
    version: int
    templates: Sequence[StoredTemplate]
    leave: Sequence[Leave]
    visit_lengths: Mapping[str, int]
    waiting_for: Sequence[str]


def schedule_resource(clinician_id: str, facility_id: str) -> Resource:
    """Return a clinician's schedule at one facility as policies see it."""
    return Resource("Schedule", clinician_id, {"facility": facility_id, "clinician": clinician_id})


def require_any(gate: Gate, clinician_id: str, facility_ids: Sequence[str]) -> AuditEntry:
    """Pass when the caller may do this at one of the facilities; what concerns all of them needs one of them."""
    resources = [schedule_resource(clinician_id, facility_id) for facility_id in facility_ids or ("",)]
    return gate.require(next((one for one in resources if gate.allows(one)), resources[0]))


def facilities_of(clinician: Clinician | None, templates: Sequence[StoredTemplate]) -> list[str]:
    """Return the facilities a clinician belongs to, by the directory or by templates."""
    known = set(clinician.facility_ids) if clinician else set()
    return sorted(known | {stored.template.facility_id for stored in templates})


class Schedules:
    """Templates and visit lengths of one clinician."""

    def __init__(self, transaction: UnitOfWork, horizon: Horizon) -> None:
        self._transaction = transaction
        self._horizon = horizon

    async def read(self, clinician_id: str, gate: Gate) -> Schedule:
        """Return the schedule with leave that has not ended; raise NotFound when nothing is known of the clinician."""
        async with self._transaction() as store:
            clinician = (await store.clinicians([clinician_id])).get(clinician_id)
            templates = await store.templates_of([clinician_id])
            await store.audit(require_any(gate, clinician_id, facilities_of(clinician, templates)))
            if clinician is None and not templates:
                raise NotFound("No such clinician is known here.")
            since = self._horizon.clock.now() - timedelta(days=1)
            return Schedule(
                clinician_id=clinician_id,
                version=await store.schedule_version(clinician_id),
                templates=templates,
                leave=await store.leave_of([clinician_id], since),
                visit_lengths=await store.visit_lengths(clinician_id),
                waiting_for=await _waiting_for(store, clinician, templates),
            )

    async def put_template(self, template: Template, precondition: Precondition, gate: Gate) -> tuple[int, bool]:
        """Create or replace a template; return its version and whether it is new.

        ``precondition`` is asked with the current version (None: there is none); StaleVersion when it says no.
        """
        clinician_id = template.clinician_id
        async with self._transaction() as store:
            await store.lock_schedules([clinician_id])
            templates = await store.templates_of([clinician_id])
            former = _named(templates, template.template_id)
            await _audit_change(store, gate, template, former)
            _check(precondition, former)
            if former is None and len(templates) >= MAX_TEMPLATES:
                raise Conflict(f"A clinician has {MAX_TEMPLATES} templates at most; remove one first.")
            version = await store.schedule_version(clinician_id) + 1
            await store.put_templates([template])
            await renew(store, [clinician_id], self._horizon)
            return version, former is None

    async def delete_template(
        self, clinician_id: str, template_id: str, precondition: Precondition, gate: Gate
    ) -> None:
        """Remove a template and its slots; raise NotFound when there is none, StaleVersion when it changed."""
        async with self._transaction() as store:
            await store.lock_schedules([clinician_id])
            templates = await store.templates_of([clinician_id])
            former = _named(templates, template_id)
            if former is None:
                known = (await store.clinicians([clinician_id])).get(clinician_id)
                require_any(gate, clinician_id, facilities_of(known, templates))
                raise NotFound("The clinician has no such template.")
            await _audit_change(store, gate, former.template, None)
            _check(precondition, former)
            await store.delete_template(clinician_id, template_id)
            await renew(store, [clinician_id], self._horizon)

    async def set_visit_length(self, clinician_id: str, visit_type: str, minutes: int | None, gate: Gate) -> None:
        """Give the clinician their own length of a visit type, or drop it with None."""
        async with self._transaction() as store:
            await store.lock_schedules([clinician_id])
            clinician = (await store.clinicians([clinician_id])).get(clinician_id)
            templates = await store.templates_of([clinician_id])
            await store.audit(require_any(gate, clinician_id, facilities_of(clinician, templates)))
            if clinician is None:
                raise NotFound("No such clinician is known here.")
            if minutes is not None and await store.visit_type(visit_type) is None:
                raise NotFound("There is no such visit type.")
            if await store.set_visit_length(clinician_id, visit_type, minutes):
                await store.bump([clinician_id])


def _named(templates: Sequence[StoredTemplate], template_id: str) -> StoredTemplate | None:
    return next((stored for stored in templates if stored.template.template_id == template_id), None)


async def _audit_change(store: Store, gate: Gate, template: Template, former: StoredTemplate | None) -> None:
    """Ask for the facility the template is for and, when it moves, for the one it leaves."""
    facilities = {template.facility_id, former.template.facility_id if former else template.facility_id}
    for facility_id in sorted(facilities):
        await store.audit(gate.require(schedule_resource(template.clinician_id, facility_id)))


def _check(precondition: Precondition, former: StoredTemplate | None) -> None:
    if not precondition(former.version if former else None):
        raise StaleVersion(
            "The template is not at the version you named; read the schedule again."
            if former
            else "The template does not exist; create it with 'If-None-Match: *'."
        )


async def _waiting_for(store: Store, clinician: Clinician | None, templates: Sequence[StoredTemplate]) -> Sequence[str]:
    wanted = sorted({stored.template.facility_id for stored in templates})
    facilities = await store.facilities(wanted)
    reasons = [f"facility {one} is not known yet" for one in wanted if one not in facilities]
    reasons += [f"facility {one} is not active" for one, facility in sorted(facilities.items()) if not facility.active]
    if clinician is None:
        return ["the clinician is not known yet", *reasons]
    if not clinician.active:
        reasons.append("the clinician is not active")
    return reasons + [
        f"the clinician is not recorded at facility {one}" for one in wanted if one not in clinician.facility_ids
    ]
