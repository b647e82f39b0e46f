"""What PostgreSQL is trusted with: versions that nobody overtakes, many records at once, assignments taken by one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.contracts.roles import Role
from services.directory.domain.places import distance_km
from services.directory.domain.proxies import proxy_id
from services.directory.domain.records import Facility, Patient, Proxy, Record, Recorded, RoleAssignment, key_of
from services.directory.ports import FacilityQuery, Near, PatientQuery, Registration
from services.directory.usecases.bulk import bulk_record
from services.directory.usecases.recording import record_change
from services.kernel.errors import StaleVersion
from tests.services.directory.conftest import Served
from tests.services.directory.fakes import BOSTON, MARIA, NOW, WORLD

GRANT = Proxy(proxy_id("pat-000001", "pat-000002"), "pat-000001", "pat-000002", NOW + timedelta(days=9))
DESK = RoleAssignment("frontdesk", Role.FRONT_DESK, ("fac-0001",), "")


@pytest.mark.parametrize("record", [*WORLD, GRANT, DESK], ids=lambda record: type(record).__name__)
async def test_every_kind_is_read_back_as_it_was_kept(served: Served, record: Record) -> None:
    async with served.begin() as store:
        await bulk_record(store, [record], NOW)
        kind: type[Any] = type(record)
        kept: Recorded[Any] | None = await store.find(kind, key_of(record), lock=True)
    assert kept is not None
    assert (kept.record, kept.version) == (record, 1)


async def test_repeating_everything_changes_nothing(served: Served) -> None:
    async with served.begin() as store:
        first = await bulk_record(store, [*WORLD, GRANT, DESK], NOW)
    for replacing in (False, True):
        async with served.begin() as store:
            again = await bulk_record(store, [*WORLD, GRANT, DESK], NOW, replace=replacing)
        assert (again.added, again.changed, again.unchanged) == (0, 0, len(WORLD) + 2)
    assert (first.added, first.unchanged) == (2, len(WORLD))
    assert len(await served.outbox("bus")) == 2


async def test_an_import_does_not_reopen_what_was_closed(served: Served) -> None:
    async with served.begin() as store:
        assert await store.put(replace(BOSTON, active=False), 2)
        assert (await bulk_record(store, [BOSTON], NOW, replace=True)).unchanged == 1
        tally = await bulk_record(store, [replace(BOSTON, phone="+16175550100")], NOW, replace=True)
        kept = await store.find(Facility, "fac-0001")
    assert tally.changed == 1
    assert kept is not None
    assert (kept.record.active, kept.record.phone, kept.version) == (False, "+16175550100", 3)


async def test_of_two_changes_to_one_version_one_is_kept(served: Served) -> None:
    async def change(name: str) -> bool:
        async with served.begin() as store:
            return await store.put(replace(BOSTON, name=name), 2)

    assert sorted(await asyncio.gather(*(change(f"Name {n}") for n in range(4)))) == [False, False, False, True]


async def test_of_two_first_registrations_one_is_kept(served: Served) -> None:
    async def register(name: str) -> bool:
        async with served.begin() as store:
            try:
                return (await record_change(store, replace(BOSTON, facility_id="fac-9", name=name), None, NOW)).created
            except StaleVersion:
                return False

    assert sorted(await asyncio.gather(*(register(f"Name {n}") for n in range(3)))) == [False, False, True]
    assert len(await served.outbox("bus")) == 1


async def test_of_two_registrations_under_one_key_one_is_remembered(served: Served) -> None:
    async with served.begin() as store:
        assert await store.remember("desk:1", Registration("pat-000001", "d"))
        assert not await store.remember("desk:1", Registration("pat-000002", "d"))
        assert await store.registration("desk:1") == Registration("pat-000001", "d")
        assert await store.registration("desk:2") is None


async def test_distances_are_those_of_the_domain(served: Served) -> None:
    async with served.begin() as store:
        found = await store.facilities(FacilityQuery(near=Near(42.3576, -71.0684, 20_000), limit=10))
    for recorded, away in found:
        facility = recorded.record
        assert away == pytest.approx(distance_km(42.3576, -71.0684, facility.latitude, facility.longitude), abs=1e-6)
    assert [recorded.record.facility_id for recorded, _ in found] == ["fac-0001", "fac-0002", "fac-0003"]


async def test_inactive_patients_are_not_found_by_search(served: Served) -> None:
    async with served.begin() as store:
        await store.put(replace(MARIA, active=False), 2)
        found = await store.patients(PatientQuery(frozenset({"fac-0001"}), "mun"))
        kept = await store.find(Patient, "pat-000001")
    assert [recorded.record.patient_id for recorded in found] == ["pat-000003"]
    assert kept is not None


async def test_expired_and_withdrawn_grants_do_not_count(served: Served) -> None:
    async with served.begin() as store:
        await bulk_record(store, [GRANT], NOW)
        assert await store.proxies_of(["pat-000001", "pat-000002"], NOW) == {"pat-000001": {"pat-000002"}}
        assert await store.proxies_of(["pat-000001"], NOW + timedelta(days=9)) == {}
        await store.put(replace(GRANT, active=False), 2)
        assert await store.proxies_of(["pat-000001"], NOW) == {}


async def test_an_assignment_that_one_applies_is_left_to_them(served: Served) -> None:
    async with served.begin() as store:
        await bulk_record(store, [DESK], NOW)
    async with served.begin() as one, served.begin() as other:
        assert [pending.assignment for pending in await one.pending("frontdesk")] == [DESK]
        assert await other.pending("frontdesk") == []
        await one.applied("frontdesk", 1)
    async with served.begin() as store:
        assert await store.pending("frontdesk") == []


async def test_an_assignment_that_failed_is_not_tried_at_once_again(served: Served) -> None:
    async with served.begin() as store:
        await bulk_record(store, [DESK], NOW)
        assert len(await store.pending()) == 1
        assert await store.pending() == []
        assert len(await store.pending("frontdesk")) == 1
