"""Two records of one person become one: who may, what becomes of both, and that doing it again changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.contracts.roles import Role
from services.directory.domain.identities import PatientMerge
from services.directory.domain.proxies import proxy_id
from services.directory.domain.records import Patient, Proxy, RoleAssignment
from services.directory.usecases.merges import Merges
from services.directory.usecases.patients import Patients
from services.kernel.access import AccessRefused
from services.kernel.clock import FixedClock
from services.kernel.errors import Conflict, Invalid
from tests.services.directory.conftest import Served
from tests.services.directory.fakes import CHILD, JOHN, MARIA, NOW, WORLD, MemoryStore, gate_of

TWIN = replace(MARIA, patient_id="pat-000004", email="", phone="+16175550199", facility_ids=("fac-0002",))
THIRD = replace(MARIA, patient_id="pat-000005", facility_ids=("fac-0003",))


def world(*more: object) -> MemoryStore:
    return MemoryStore(*WORLD, TWIN, THIRD, *more)  # type: ignore[arg-type]  # records all


async def merge(store: MemoryStore, survivor: str, replaced: str, who: str = "callcentre", **how: bool) -> bool:
    change = await Merges(store.begin, FixedClock(NOW)).merge(gate_of(who, "merge-patients"), survivor, replaced, **how)
    return change.created


async def patient(store: MemoryStore, patient_id: str) -> Patient:
    found = await store.find(Patient, patient_id)
    assert found is not None
    return found.record


async def test_the_survivor_is_known_wherever_either_was() -> None:
    store = world()
    assert await merge(store, "pat-000004", "pat-000001")
    survivor, replaced = await patient(store, "pat-000004"), await patient(store, "pat-000001")
    assert (survivor.facility_ids, survivor.email) == (("fac-0002", "fac-0001"), MARIA.email)
    assert survivor.phone == TWIN.phone
    assert replaced == replace(MARIA, active=False)
    assert [event.type for event in store.events].count("directory.patient-merged.v1") == 1
    assert {entry.about for entry in store.entries} == {"pat-000001", "pat-000004"}
    events = len(store.events)
    assert not await merge(store, "pat-000004", "pat-000001")
    assert len(store.events) == events


async def test_asking_for_the_old_id_leads_to_the_survivor_and_it_cannot_be_changed() -> None:
    store = world()
    await merge(store, "pat-000004", "pat-000001")
    patients = Patients(store.begin, FixedClock(NOW))
    found = await patients.get(gate_of("callcentre", "read-patient"), "pat-000001")
    assert found.record.patient_id == "pat-000004"
    with pytest.raises(Conflict, match="was replaced"):
        await patients.update(gate_of("callcentre", "update-patient"), MARIA, 2)


async def test_a_survivor_that_is_replaced_takes_its_own_along() -> None:
    store = world()
    await merge(store, "pat-000004", "pat-000001")
    await merge(store, "pat-000005", "pat-000004")
    kept = {r.record.replaced_id: (r.record.survivor_id, r.version) for r in await store.catalogue(PatientMerge)}
    assert kept == {"pat-000001": ("pat-000005", 2), "pat-000004": ("pat-000005", 1)}


async def test_proxies_and_sign_ins_come_along() -> None:
    until = NOW + timedelta(days=30)

    def grant(patient_id: str, person: str, *, active: bool = True) -> Proxy:
        return Proxy(proxy_id(patient_id, person), patient_id, person, until, active)

    mine = grant("pat-000004", "pat-000003", active=False)
    sign_in = RoleAssignment("maria", Role.PATIENT, (), "pat-000001")
    store = world(
        grant("pat-000001", "pat-000002"), grant("pat-000001", "pat-000003"), grant("pat-000003", "pat-000001"),
        grant("pat-000001", "pat-000004"), mine, sign_in,
    )  # fmt: skip
    await merge(store, "pat-000004", "pat-000001")
    lasting = {(r.record.patient_id, r.record.person) for r in await store.catalogue(Proxy) if r.record.active}
    assert lasting == {("pat-000004", "pat-000002"), ("pat-000003", "pat-000004")}
    kept = await store.find(Proxy, mine.proxy_id)
    assert kept is not None
    assert kept.record == mine, "what was withdrawn at the survivor stays withdrawn"
    moved = await store.find(RoleAssignment, "maria")
    assert moved is not None
    assert moved.record.person == "pat-000004"


@pytest.mark.parametrize(
    ("survivor", "replaced", "slug"),
    [("pat-000001", "pat-000003", "birth-dates-differ"), ("pat-000006", "pat-000001", "patient-inactive")],
)
async def test_what_cannot_be_merged_says_why(survivor: str, replaced: str, slug: str) -> None:
    store = world(replace(MARIA, patient_id="pat-000006", active=False))
    with pytest.raises(Conflict) as refused:
        await merge(store, survivor, replaced)
    assert refused.value.slug == slug
    assert not await store.catalogue(PatientMerge)


async def test_merges_do_not_fork_or_circle() -> None:
    store = world()
    await merge(store, "pat-000004", "pat-000001")
    with pytest.raises(Conflict, match="by another one already"):
        await merge(store, "pat-000005", "pat-000001")
    with pytest.raises(Conflict, match="itself replaced"):
        await merge(store, "pat-000001", "pat-000005")
    with pytest.raises(Invalid, match="itself"):
        await merge(store, "pat-000004", "pat-000004")


async def test_birth_dates_may_differ_when_somebody_says_so() -> None:
    assert await merge(world(), "pat-000001", CHILD.patient_id, despite_birth_dates=True)


@pytest.mark.parametrize("who", ["desk", "desk2", "administrator", "auditor", "maria", "john"])
async def test_only_who_answers_for_both_may_merge(who: str) -> None:
    with pytest.raises(AccessRefused):
        await merge(world(), "pat-000001", JOHN.patient_id, who)


async def test_merging_over_http(served: Served) -> None:
    async with served.begin() as store:
        await store.put(TWIN, 1)
    async with served.client("callcentre") as client:
        path, body = "/patients/pat-000004/merges", {"replaced_id": "pat-000001"}
        first = await client.post(path, json=body)
        again = await client.post(path, json=body)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        listed = (await client.get(path)).json()["merges"]
        assert [(one["replaced_id"], one["merged_by"]) for one in listed] == [("pat-000001", "callcentre")]
        assert (await client.get("/patients/pat-000001")).json()["patient_id"] == "pat-000004"
        assert (await client.post(path, json={"replaced_id": "pat-000099"})).status_code == 404
    told = [event for event in await served.outbox("bus") if event["type"] == "directory.patient-merged.v1"]
    assert [(event["replaced_id"], event["survivor_id"]) for event in told] == [("pat-000001", "pat-000004")]
