"""A whole health system's schedules at once, for seeding and migration: batches by COPY, no event per row.

Nothing is audited and nobody is asked: whoever can call this owns the database.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, islice

from services.availability.domain.directory import Clinician, Facility, VisitType
from services.availability.domain.templates import Template
from services.availability.ports import UnitOfWork
from services.availability.usecases.materialise import Horizon, renew

BATCH = 250
Progress = Callable[[int], None]


def _unheard(_done: int) -> None:
    """Tell nobody."""


async def bulk_directory(
    transaction: UnitOfWork,
    facilities: Iterable[Facility] = (),
    clinicians: Iterable[Clinician] = (),
    visit_types: Iterable[VisitType] = (),
) -> None:
    """Keep directory records ahead of their events, which then change nothing: versions must be the directory's.

    Working time is not made anew: call this before ``bulk_templates``.
    """
    async with transaction() as store:
        await store.lock_facilities()
        for facility in facilities:
            await store.put_facility(facility)
        for clinician in clinicians:
            await store.put_clinician(clinician)
        for visit_type in visit_types:
            await store.put_visit_type(visit_type)


async def bulk_templates(
    transaction: UnitOfWork, horizon: Horizon, templates: Iterable[Template], progress: Progress = _unheard
) -> int:
    """Give clinicians their templates and make their working time; return how many templates were written.

    ``progress`` is told after each batch how many clinicians are done. Repeating it gives the same schedules.
    """
    ordered = sorted(templates, key=lambda template: (template.clinician_id, template.template_id))
    groups = iter([(name, list(group)) for name, group in groupby(ordered, key=lambda one: one.clinician_id)])
    done = 0
    while batch := dict(islice(groups, BATCH)):
        await _write(transaction, list(batch), [one for group in batch.values() for one in group], horizon)
        done += len(batch)
        progress(done)
    return len(ordered)


async def _write(
    transaction: UnitOfWork, clinician_ids: Sequence[str], templates: Sequence[Template], horizon: Horizon
) -> None:
    async with transaction() as store:
        await store.lock_schedules(clinician_ids)
        await store.put_templates(templates)
        await renew(store, clinician_ids, horizon)
