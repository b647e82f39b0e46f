"""Patients' records: who reaches whose, and that every touch is in the trail, nobody's more than theirs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.contracts.events.directory import PatientRecorded, ProxyRecorded
from services.directory.domain.records import Patient, Proxy
from services.directory.ports import PatientQuery
from services.directory.usecases.patients import UNNAMED, Patients
from services.directory.usecases.proxies import Proxies
from services.kernel.access import AccessRefused
from services.kernel.clock import FixedClock
from services.kernel.errors import Conflict, Invalid, NotFound, PreconditionRequired, StaleVersion
from tests.services.directory.fakes import CHILD, JOHN, MARIA, NOW, WORLD, MemoryStore, gate_of

NEWCOMER = replace(MARIA, patient_id=UNNAMED, given_name="Rosa")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(*WORLD)


@pytest.fixture
def patients(store: MemoryStore) -> Patients:
    return Patients(store.begin, FixedClock(NOW))


@pytest.fixture
def proxies(store: MemoryStore) -> Proxies:
    return Proxies(store.begin, FixedClock(NOW))


@pytest.mark.parametrize("who", ["desk", "callcentre", "auditor", "maria"])
async def test_who_reads(patients: Patients, store: MemoryStore, who: str) -> None:
    found = await patients.get(gate_of(who, "read-patient"), "pat-000001")
    assert found.record == MARIA
    assert [(entry.about, entry.subject) for entry in store.entries] == [("pat-000001", who)]


@pytest.mark.parametrize("who", ["desk2", "administrator", "john"])
async def test_who_does_not_read(patients: Patients, who: str) -> None:
    with pytest.raises(AccessRefused):
        await patients.get(gate_of(who, "read-patient"), "pat-000001")


async def test_only_who_sees_everyone_learns_that_there_is_nobody(patients: Patients) -> None:
    with pytest.raises(NotFound):
        await patients.get(gate_of("callcentre", "read-patient"), "pat-999999")
    with pytest.raises(AccessRefused):
        await patients.get(gate_of("desk", "read-patient"), "pat-999999")


async def test_registering(patients: Patients, store: MemoryStore) -> None:
    gate = gate_of("desk", "register-patient")
    made = (await patients.register(gate, NEWCOMER)).record
    assert made == replace(NEWCOMER, patient_id=made.patient_id)
    assert [event.payload()["patient_id"] for event in store.events] == [made.patient_id]
    assert [entry.about for entry in store.entries] == [made.patient_id]
    assert (await patients.register(gate, NEWCOMER)).record.patient_id != made.patient_id


async def test_registering_again_under_one_key(patients: Patients, store: MemoryStore) -> None:
    gate = gate_of("desk", "register-patient")
    first = await patients.register(gate, NEWCOMER, "k1")
    assert await patients.register(gate, NEWCOMER, "k1") == first
    assert len(store.events) == 1
    with pytest.raises(Conflict, match="another patient"):
        await patients.register(gate, replace(NEWCOMER, given_name="Ana"), "k1")
    other = await patients.register(gate_of("callcentre", "register-patient"), NEWCOMER, "k1")
    assert other.record.patient_id != first.record.patient_id


async def test_two_requests_with_one_key_at_once_make_one_patient(store: MemoryStore) -> None:
    patients = Patients(store.begin, FixedClock(NOW))

    class Late(MemoryStore):
        """Sees the other request's registration only when it keeps its own."""

        async def registration(self, key: str) -> None:
            return None

    late = Late(*WORLD)
    await patients.register(gate_of("desk", "register-patient"), NEWCOMER, "k1")
    late.registrations = store.registrations
    with pytest.raises(Conflict) as refused:
        await Patients(late.begin, FixedClock(NOW)).register(gate_of("desk", "register-patient"), NEWCOMER, "k1")
    assert refused.value.slug == "in-progress"
    assert not late.events


@pytest.mark.parametrize(
    ("unnamed", "error"),
    [
        (replace(NEWCOMER, facility_ids=("fac-0002",)), AccessRefused),
        (replace(NEWCOMER, facility_ids=("fac-0001", "fac-0002")), AccessRefused),
        (replace(NEWCOMER, birth_date=date(2026, 11, 24)), Invalid),
    ],
)
async def test_who_is_not_registered(patients: Patients, unnamed: Patient, error: type[Exception]) -> None:
    with pytest.raises(error):
        await patients.register(gate_of("desk", "register-patient"), unnamed)


async def test_nobody_is_registered_where_nothing_is(patients: Patients) -> None:
    with pytest.raises(Invalid) as refused:
        await patients.register(
            gate_of("callcentre", "register-patient"), replace(NEWCOMER, facility_ids=("fac-9999",))
        )
    assert [error.where for error in refused.value.errors] == ["facility_ids"]


async def test_changing(patients: Patients, store: MemoryStore) -> None:
    gate = gate_of("desk", "update-patient")
    changed = replace(MARIA, phone="+16175550199")
    assert (await patients.update(gate, changed, 1)).recorded.version == 2
    assert (await patients.update(gate, changed, 2)).changed is False
    assert [event.payload()["version"] for event in store.events] == [2]
    assert isinstance(store.events[0], PatientRecorded)
    with pytest.raises(StaleVersion):
        await patients.update(gate, MARIA, 1)
    with pytest.raises(PreconditionRequired):
        await patients.update(gate, MARIA, None)


async def test_a_desk_moves_nobody_into_or_out_of_another_facility(patients: Patients) -> None:
    gate = gate_of("desk", "update-patient")
    with pytest.raises(AccessRefused):
        await patients.update(gate, replace(MARIA, facility_ids=("fac-0001", "fac-0002")), 1)
    everywhere = gate_of("callcentre", "update-patient")
    await patients.update(everywhere, replace(MARIA, facility_ids=("fac-0001", "fac-0002")), 1)
    with pytest.raises(AccessRefused):
        await patients.update(gate, MARIA, 2)


async def test_patients_do_not_rewrite_their_record(patients: Patients) -> None:
    with pytest.raises(AccessRefused):
        await patients.update(gate_of("maria", "update-patient"), replace(MARIA, phone=""), 1)


def query(facility: str = "", name: str = "", born: date | None = None) -> PatientQuery:
    return PatientQuery(frozenset({facility}) if facility else None, name, born)


@pytest.mark.parametrize(
    ("who", "asked", "found"),
    [
        ("desk", query("fac-0001", "mu"), ["pat-000001", "pat-000003"]),
        ("desk", query("", "mu", date(1980, 2, 3)), ["pat-000001"]),
        ("desk2", query("", "mu", date(1980, 2, 3)), ["pat-000002"]),
        ("callcentre", query("", "mu", date(1980, 2, 3)), ["pat-000001", "pat-000002"]),
        ("callcentre", query("fac-0003", "mu"), []),
    ],
)
async def test_searching(
    patients: Patients, store: MemoryStore, who: str, asked: PatientQuery, found: list[str]
) -> None:
    answer = await patients.search(gate_of(who, "read-patient"), asked)
    assert [recorded.record.patient_id for recorded in answer] == found
    assert [entry.about for entry in store.entries] == ["", *found]


@pytest.mark.parametrize("asked", [query(), query("fac-0001"), query(name="mu"), query(born=date(1980, 2, 3))])
async def test_searching_takes_two_criteria(patients: Patients, asked: PatientQuery) -> None:
    with pytest.raises(Invalid):
        await patients.search(gate_of("callcentre", "read-patient"), asked)


@pytest.mark.parametrize(
    ("who", "asked"),
    [
        ("desk", query("fac-0002", "mu")),
        ("maria", query("fac-0001", "mu")),
        ("john", query("", "mu", date(1980, 2, 3))),
        ("administrator", query("fac-0001", "mu")),
    ],
)
async def test_who_does_not_search(patients: Patients, who: str, asked: PatientQuery) -> None:
    with pytest.raises(AccessRefused):
        await patients.search(gate_of(who, "read-patient"), asked)


async def test_a_grant_opens_the_record_until_it_is_withdrawn(
    patients: Patients, proxies: Proxies, store: MemoryStore
) -> None:
    reading, granting = gate_of("john", "read-patient"), gate_of("maria", "manage-proxy")
    change = await proxies.grant(granting, "pat-000001", "pat-000002", NOW + timedelta(days=30))
    assert (change.created, change.recorded.version) == (True, 1)
    assert (await patients.get(reading, "pat-000001")).record == MARIA
    again = await proxies.grant(granting, "pat-000001", "pat-000002", NOW + timedelta(days=60))
    assert again.recorded.version == 2
    for _ in range(2):
        await proxies.withdraw(granting, "pat-000001", "pat-000002")
    with pytest.raises(AccessRefused):
        await patients.get(reading, "pat-000001")
    told = [event.payload() for event in store.events if isinstance(event, ProxyRecorded)]
    assert [(event["version"], event["active"]) for event in told] == [(1, True), (2, True), (3, False)]


async def test_an_expired_grant_opens_nothing(patients: Patients, store: MemoryStore) -> None:
    await store.put(Proxy("prx-1", "pat-000001", "pat-000002", NOW), 1)
    with pytest.raises(AccessRefused):
        await patients.get(gate_of("john", "read-patient"), "pat-000001")


async def test_grants_that_are_refused(proxies: Proxies) -> None:
    later = NOW + timedelta(days=30)
    with pytest.raises(AccessRefused):
        await proxies.grant(gate_of("john", "manage-proxy"), "pat-000001", "pat-000002", later)
    with pytest.raises(Invalid):
        await proxies.grant(gate_of("maria", "manage-proxy"), "pat-000001", "pat-999999", later)
    with pytest.raises(Invalid):
        await proxies.grant(gate_of("maria", "manage-proxy"), "pat-000001", "pat-000002", NOW + timedelta(days=400))
    with pytest.raises(NotFound):
        await proxies.withdraw(gate_of("maria", "manage-proxy"), "pat-000001", "pat-000002")


async def test_a_childs_grant_may_last_until_of_age(proxies: Proxies) -> None:
    staff = gate_of("desk", "manage-proxy")
    change = await proxies.grant(staff, CHILD.patient_id, MARIA.patient_id, NOW + timedelta(days=2000))
    assert change.created
    with pytest.raises(Invalid):
        await proxies.grant(staff, CHILD.patient_id, JOHN.patient_id, NOW + timedelta(days=4000))
