"""The made-up health system: the same everywhere and always, plausible, and reaching nobody real."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from services.directory.adapters.postgres import unit_of_work
from services.directory.adapters.zip_codes import BundledZipCodes
from services.directory.domain.places import distance_km
from services.directory.domain.records import key_of
from services.directory.usecases.bulk import bulk_record
from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.kernel.errors import Invalid
from services.local import demo_users
from services.local.seeds import AS_OF, HealthSystem, health_system
from services.local.seeds.cities import CITIES
from services.local.seeds.facilities import MOST_FACILITIES
from services.local.seeds.patients import DEMO_PROXIES
from tests.fixtures.platform import NewDatabase


@pytest.fixture(scope="module")
def small() -> HealthSystem:
    return health_system(facilities=12, clinicians=60, patients=120)


@pytest.fixture(scope="module")
def whole() -> HealthSystem:
    return health_system()


def digest_of(system: HealthSystem) -> str:
    """Return a digest of everything in ``system``, sets in order."""
    templates = [{**asdict(template), "weekdays": sorted(template.weekdays)} for template in system.templates]
    told = repr((system.directory_records, system.rooms, templates))
    return hashlib.sha256(told.encode()).hexdigest()


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_it_is_the_same_in_every_process(small: HealthSystem, root: Path, hash_seed: str) -> None:
    program = (
        "from tests.services.local.test_seeds import digest_of, health_system\n"
        "print(digest_of(health_system(facilities=12, clinicians=60, patients=120)))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": "Asia/Tokyo"}
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.strip() == digest_of(small)


def test_only_the_ends_of_grants_depend_on_the_day(small: HealthSystem) -> None:
    later = health_system(facilities=12, clinicians=60, patients=120, as_of=AS_OF + timedelta(days=100))
    assert later.proxies != small.proxies
    assert replace(later, proxies=small.proxies) == small


def test_another_seed_makes_other_people(small: HealthSystem) -> None:
    other = health_system(7, facilities=12, clinicians=60, patients=120)
    assert other.clinicians != small.clinicians
    assert other.patients != small.patients


def test_it_has_the_size_of_the_real_one(whole: HealthSystem) -> None:
    assert (len(whole.facilities), len(whole.clinicians), len(whole.patients)) == (212, 4000, 2000)
    assert len(whole.specialties) == 24
    offered = Counter(visit.specialty for visit in whole.visit_types)
    assert set(offered) == {specialty.code for specialty in whole.specialties}
    assert set(offered.values()) <= {2, 3, 4}
    keys = [(type(record), key_of(record)) for record in whole.directory_records]
    assert len(set(keys)) == len(keys)


def test_facilities_lie_where_their_zip_codes_do(whole: HealthSystem) -> None:
    zip_codes = BundledZipCodes()
    for facility in whole.facilities:
        place = zip_codes.place(facility.zip_code)
        assert place is not None
        assert facility.state in place.states
        assert (facility.latitude, facility.longitude, facility.timezone) == (
            place.latitude, place.longitude, place.timezone,
        )  # fmt: skip
    assert len({facility.state for facility in whole.facilities}) == 52
    assert len({facility.timezone for facility in whole.facilities}) >= 10
    assert len({facility.name for facility in whole.facilities}) == 212
    assert len({facility.zip_code for facility in whole.facilities}) == 212
    assert Counter(facility.kind for facility in whole.facilities)["outpatient-centre"] == 212 - len(CITIES)


def test_every_facility_has_a_family_doctor_and_every_specialty_someone(whole: HealthSystem) -> None:
    family = {place for c in whole.clinicians if c.specialty == "family-medicine" for place in c.facility_ids}
    assert family == {facility.facility_id for facility in whole.facilities}
    assert {clinician.specialty for clinician in whole.clinicians} == {s.code for s in whole.specialties}
    spanish = sum("es" in clinician.languages for clinician in whole.clinicians)
    assert 800 < spanish < 1600
    assert all(clinician.languages[0] == "en" for clinician in whole.clinicians)


def test_who_works_at_two_facilities_can_drive_there(whole: HealthSystem) -> None:
    places = {facility.facility_id: facility for facility in whole.facilities}
    two = [clinician.facility_ids for clinician in whole.clinicians if len(clinician.facility_ids) == 2]
    assert len(two) > 100
    for one, other in two:
        near, far = places[one], places[other]
        assert distance_km(near.latitude, near.longitude, far.latitude, far.longitude) < 120
        assert near.timezone == far.timezone


def test_nobody_is_at_two_places_and_no_room_holds_two(whole: HealthSystem) -> None:
    rooms = {room.room_id: room.facility_id for room in whole.rooms}
    assert len(rooms) == len(whole.rooms)
    users: dict[str, str] = {}
    sessions: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
    for template in whole.templates:
        assert rooms[template.room_id] == template.facility_id
        assert users.setdefault(template.room_id, template.clinician_id) == template.clinician_id
        for weekday in template.weekdays:
            day = date(2025, 1, 6)
            hours = (datetime.combine(day, template.starts), datetime.combine(day, template.ends))
            sessions.setdefault((template.clinician_id, weekday), []).append(hours)
    for times in sessions.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(sorted(times)))
    scheduled = {(template.clinician_id, template.facility_id) for template in whole.templates}
    assert scheduled == {(c.clinician_id, place) for c in whole.clinicians for place in c.facility_ids}


def test_every_visit_fits_into_a_session_on_its_grid(whole: HealthSystem) -> None:
    longest = {v.specialty: max(w.minutes for w in whole.visit_types if w.specialty == v.specialty)
               for v in whole.visit_types}  # fmt: skip
    specialty = {clinician.clinician_id: clinician.specialty for clinician in whole.clinicians}
    for template in whole.templates:
        day = date(2025, 1, 6)
        length = datetime.combine(day, template.ends) - datetime.combine(day, template.starts)
        assert length >= timedelta(minutes=longest[specialty[template.clinician_id]])
        assert all(
            visit.minutes % template.grid_minutes == 0
            for visit in whole.visit_types
            if visit.specialty == specialty[template.clinician_id]
        )


def test_patients_reach_nobody_real(whole: HealthSystem) -> None:
    for patient in whole.patients:
        assert patient.phone[5:10] == "55501"
        assert patient.email.endswith("@example.org")
    assert len({patient.email for patient in whole.patients}) == 2000
    home = {facility.facility_id: facility for facility in whole.facilities}
    texan = [p.language for p in whole.patients if home[p.facility_ids[0]].state == "TX"]
    assert 0.35 < texan.count("es") / len(texan) < 0.75
    assert all(patient.timezone == home[patient.facility_ids[0]].timezone for patient in whole.patients)


def test_proxies_last_from_the_day_of_the_grant(small: HealthSystem) -> None:
    people = {patient.patient_id for patient in small.patients}
    pairs = {(proxy.patient_id, proxy.person) for proxy in small.proxies}
    assert set(DEMO_PROXIES) <= pairs
    for proxy in small.proxies:
        assert {proxy.patient_id, proxy.person} <= people
        assert AS_OF < proxy.expires_at.date() <= AS_OF + timedelta(days=366)


def test_the_demo_accounts_belong_to_people_and_places_here() -> None:
    smallest = health_system(facilities=2, clinicians=1, patients=5)
    known = {key_of(record) for record in smallest.directory_records}
    for _, _, person, facilities, _ in demo_users._ACCOUNTS:
        assert {person, *facilities} - {"", "*"} <= known
    assert smallest.clinicians[0].facility_ids == ("fac-0001",)
    assert smallest.clinicians[0].specialty == "family-medicine"


@pytest.mark.parametrize("count", [0, -1, MOST_FACILITIES + 1])
def test_sizes_have_limits(count: int) -> None:
    with pytest.raises(Invalid):
        health_system(facilities=count, clinicians=1, patients=1)


async def test_seeding_a_database_twice_changes_nothing(small: HealthSystem, database: NewDatabase) -> None:
    store = Database(database("directory"), application="test", max_size=1)
    await store.open()
    begin, clock = unit_of_work(store), SystemClock()
    try:
        async with begin() as unit:
            first = await bulk_record(unit, small.directory_records, clock.now())
        async with begin() as unit:
            second = await bulk_record(unit, small.directory_records, clock.now())
        async with store.connection() as connection:
            events = await connection.fetchval("SELECT count(*) FROM outbox")
    finally:
        await store.close()
    assert (first.added, second.added, second.changed) == (len(small.directory_records), 0, 0)
    assert events == first.added - len(small.specialties)
