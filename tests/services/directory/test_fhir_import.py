"""FHIR bulk data lands whole, again without effect, and what cannot land is told with its place and reason."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pipelines.main import main
from services.contracts.events.directory import PatientRecorded
from services.directory.adapters.ndjson import LONGEST_LINE, open_folder
from services.directory.domain.fhir import GEOLOCATION
from services.directory.domain.identities import PatientMerge
from services.directory.domain.records import Clinician, Facility, Patient
from services.directory.ports import PatientQuery
from services.directory.usecases.fhir_import import FhirImport
from services.directory.usecases.fhir_outcome import Outcome
from services.directory.usecases.recording import record_change
from services.kernel.clock import FixedClock
from services.kernel.errors import Invalid
from tests.fixtures.platform import NewDatabase
from tests.services.directory.bulk_files import (
    export,
    identifier,
    location,
    organization,
    patient,
    practitioner,
    role,
    typed,
    write,
)
from tests.services.directory.fakes import NOW, WORLD, FakeZipCodes, MemoryStore


async def land(store: MemoryStore, folder: Path, **options: Any) -> Outcome:
    return await FhirImport(store.begin, FakeZipCodes(), FixedClock(NOW), **options).run(open_folder(folder))


def reasons(outcome: Outcome) -> list[str]:
    return [one.reason for one in outcome.rejected]


async def patients_of(store: MemoryStore) -> Sequence[Patient]:
    found = await store.patients(PatientQuery(None, limit=1000))
    return [one.record for one in found if one.record not in WORLD]


async def test_an_export_lands_with_events_and_audit(tmp_path: Path) -> None:
    store = MemoryStore()
    outcome = await land(store, export(tmp_path))
    assert not outcome.rejected
    facility = (await store.catalogue(Facility))[0].record
    assert (facility.zip_code, facility.phone, facility.kind) == ("02108", "+16175550100", "outpatient-centre")
    clinician = (await store.catalogue(Clinician))[0].record
    assert (clinician.name, clinician.specialty) == ("Dr. Ana Flores", "family-medicine")
    assert clinician.facility_ids == (facility.facility_id,)
    one = (await patients_of(store))[0]
    assert one == Patient(
        one.patient_id, "Maria Luz", "Muñoz", date(1980, 2, 3), "", "+16175550123", "es", "America/New_York",
        (facility.facility_id,),
    )  # fmt: skip
    assert [event.TYPE.split(".")[1] for event in store.events if hasattr(event, "TYPE")] == [
        "facility-recorded", "clinician-recorded", "patient-recorded",
    ]  # fmt: skip
    assert [(entry.action, entry.about) for entry in store.entries] == [("import-patient", one.patient_id)]


async def test_what_scheduling_does_not_need_is_not_kept(tmp_path: Path) -> None:
    store = MemoryStore()
    await land(store, export(tmp_path))
    kept = repr(store.records)
    assert "Muñoz" in kept
    assert not [word for word in ("999-94-5397", "S99940903", "race", "maiden") if word in kept]


async def test_again_changes_nothing_and_a_change_only_itself(tmp_path: Path) -> None:
    store = MemoryStore()
    await land(store, export(tmp_path))
    events = len(store.events)
    again = await land(store, tmp_path)
    assert {kind: dict(c) for kind, c in again.counts.items() if c["added"] or c["changed"]} == {}
    assert again.counts["Patient"]["unchanged"] == 1
    assert len(store.events) == events
    changed = await land(store, export(tmp_path, patient(birthDate="1980-02-04")))
    assert changed.counts["Patient"]["changed"] == 1
    assert len(store.events) == events + 1


async def test_what_people_did_since_is_left_alone(tmp_path: Path) -> None:
    store = MemoryStore(*WORLD)
    await land(store, export(tmp_path))
    former = (await patients_of(store))[0]
    mine = replace(former, email="maria@example.org", facility_ids=(*former.facility_ids, "fac-0003"), active=False)
    await record_change(store, mine, await store.find(Patient, former.patient_id), NOW)
    await land(store, export(tmp_path, patient(telecom=[])))
    found = await store.find(Patient, former.patient_id)
    assert found is not None
    assert found.record == mine


async def test_who_died_is_closed_and_stays_so(tmp_path: Path) -> None:
    store = MemoryStore()
    await land(store, export(tmp_path))
    await land(store, export(tmp_path, patient(deceasedDateTime="2026-01-02T03:04:05Z")))
    assert not (await patients_of(store))[0].active
    await land(store, export(tmp_path))
    assert not (await patients_of(store))[0].active


async def test_a_merged_patient_is_left_alone(tmp_path: Path) -> None:
    store = MemoryStore(*WORLD)
    await land(store, export(tmp_path))
    replaced = (await patients_of(store))[0].patient_id
    merge = PatientMerge(replaced, "pat-000001", datetime(2026, 1, 1, tzinfo=UTC), "desk")
    await record_change(store, merge, None, NOW)
    outcome = await land(store, export(tmp_path, patient(birthDate="1980-02-04")))
    assert outcome.counts["Patient"]["merged"] == 1
    assert (await store.find(Patient, replaced)).record.birth_date == date(1980, 2, 3)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ("{broken", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ({"resourceType": "Condition", "id": "c"}, "is Condition in a file of Patient"),
        ({"id": "c"}, "is no resource in a file of Patient"),
        (patient("p 2"), "id: String should match"),
        (patient(birthDate="1980-02"), "birthDate: is not a whole day"),
        (patient(birthDate="2980-02-03"), "birth_date must be a day since 1900"),
        (patient(birthDate="2027-02-03"), "birthDate: lies in the future"),
        (patient(identifier=[typed("SS", "1")]), "no business identifier"),
        (patient(name=[{"use": "maiden", "family": "X"}]), "name: there is no official"),
        (patient(name=[{"family": "X"}]), "given_name must be one line"),
        (patient(address=[]), "tells the time zone"),
        (patient(managingOrganization={"reference": "Organization/nobody"}), "refers to a Organization"),
        (patient(name="Maria"), "name: Input should be a valid tuple"),
    ],
)
async def test_a_bad_patient_is_told_and_the_others_land(tmp_path: Path, resource: Any, reason: str) -> None:
    store = MemoryStore()
    outcome = await land(store, export(tmp_path, resource, patient("good")))
    assert reason in reasons(outcome)[0]
    assert len(outcome.rejected) == 1
    assert outcome.rejected[0].line.number == 1
    assert outcome.counts["Patient"]["added"] == 1


async def test_duplicates_are_told(tmp_path: Path) -> None:
    store = MemoryStore()
    same_number = patient("p-2", identifier=[typed("MR", "p-1")])
    outcome = await land(store, export(tmp_path, patient(), patient(), same_number))
    assert reasons(outcome) == [
        "the id stands in Patient.000.ndjson line 1 already",
        "the business identifier stands in Patient.000.ndjson line 1 already",
    ]


async def test_references_to_nothing_are_told(tmp_path: Path) -> None:
    store = MemoryStore()
    write(
        tmp_path,
        Location=[location(), location("loc-2", managingOrganization={})],
        Practitioner=[practitioner(), practitioner("dr-2"), practitioner("dr-3")],
        PractitionerRole=[
            role("r-1", location=[{"reference": "Location/loc-2"}]),
            role("r-2", practitioner={"reference": "Practitioner/nobody"}),
            role("r-3", location=[{"identifier": identifier("nowhere")}]),
            role("r-4", practitioner={"reference": "Practitioner/dr-2"}, specialty=[{"coding": [{"code": "X"}]}],
                 location=[{"reference": "Location?identifier=https://example.org/records|loc-2"}]),
        ],
    )  # fmt: skip
    outcome = await land(store, tmp_path)
    assert [(one.resource_id, one.reason.partition(" (")[0]) for one in outcome.rejected] == [
        ("loc-1", "refers to a Organization that is not there"),
        ("r-2", "refers to a Practitioner that is not there"),
        ("r-3", "refers to a Location that is not there"),
        ("dr-2", "specialty: no specialty of ours belongs to the roles' codes"),
        ("dr-3", "no PractitionerRole says at which location they work"),
    ]
    assert outcome.counts["Practitioner"]["added"] == 1


async def test_locations_are_found_through_their_organization(tmp_path: Path) -> None:
    store = MemoryStore()
    export(tmp_path, patient(managingOrganization={"reference": "Organization/org-1"}))
    write(tmp_path, PractitionerRole=[role(location=[], organization={"reference": "urn:uuid:org-1"})])
    assert not reasons(await land(store, tmp_path))


async def test_what_is_mended_is_counted(tmp_path: Path) -> None:
    speaks = [{"language": {"coding": [{"code": "fr"}]}}]
    contacts = [{"system": "phone", "value": "12"}, {"system": "email", "value": "nobody"}]
    outcome = await land(MemoryStore(), export(tmp_path, patient(communication=speaks, telecom=contacts)))
    assert dict(outcome.mended) == {
        "coordinates-of-zip": 1, "languages-unknown": 1, "language-unsupported": 1, "phone-left-out": 1,
        "email-left-out": 1, "registered-nearest": 1,
    }  # fmt: skip


async def test_patients_can_be_registered_where_the_operator_says(tmp_path: Path) -> None:
    store = MemoryStore(*WORLD)
    with pytest.raises(Invalid, match="no facility fac-0099"):
        await land(store, export(tmp_path), register_at="fac-0099")
    await land(store, tmp_path, register_at="fac-0002")
    assert (await patients_of(store))[0].facility_ids == ("fac-0002",)


async def test_an_address_without_zip_code_has_the_point_it_names(tmp_path: Path) -> None:
    store = MemoryStore(*WORLD)
    point = [{"url": "latitude", "valueDecimal": 33.4}, {"url": "longitude", "valueDecimal": -112.0}]
    there = {"state": "AZ", "postalCode": "00000", "extension": [{"url": GEOLOCATION, "extension": point}]}
    await land(store, export(tmp_path, patient(address=[there])))
    assert (await patients_of(store))[0].facility_ids == ("fac-0003",)


def test_folders_that_hold_nothing_to_import(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is not a folder"):
        open_folder(tmp_path / "nowhere")
    with pytest.raises(Invalid, match="holds no file ending in"):
        open_folder(tmp_path)
    write(tmp_path, Condition=[{}])
    with pytest.raises(Invalid, match="holds no file that begins with"):
        open_folder(tmp_path)


def test_compressed_files_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    lines = b"".join(json.dumps(organization(f"org-{n}")).encode() + b"\n" for n in range(5))
    (tmp_path / "Organization.0.ndjson.gz").write_bytes(gzip.compress(lines))
    (tmp_path / "Location.0.ndjson.xz").write_bytes(lzma.compress(lines))
    (tmp_path / "Patient.0.ndjson.gz").write_bytes(gzip.compress(lines)[:-12])
    (tmp_path / "Practitioner.0.ndjson").write_bytes(b"{}\n\n\xff\n" + b"x" * (LONGEST_LINE + 1))
    source = open_folder(tmp_path)
    assert [line.fault for line in source.lines("Organization")] == [""] * 5
    assert [line.fault for line in source.lines("Location")] == [""] * 5
    assert "cannot be read any further" in [line.fault for line in source.lines("Patient")][-1]
    faults = [(line.number, line.fault.partition(" ")[2][:9]) for line in source.lines("Practitioner")]
    assert faults == [(1, ""), (3, "not UTF-8"), (4, "longer th")]


def test_the_command_over_real_patients(
    database: NewDatabase,
    shared: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, dsn, rejects = (
        shared("data/synthea-fhir/10-patients"),
        database("directory"),
        tmp_path / "rejected.ndjson",
    )
    monkeypatch.setenv("CARESLOT_DATABASE_URL", dsn)

    def careslot(*words: str) -> dict[str, Any]:
        with pytest.raises(SystemExit) as ended:
            main(["import", "fhir", str(folder), "--json", "--reject", str(rejects), *words])
        assert not ended.value.code
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        return told

    dry = careslot("--dry-run")
    first = careslot()
    assert {**first, "seconds": 0} == {**dry, "seconds": 0, "dry_run": False}
    patients = first["resources"]["Patient"]
    lines = [json.loads(line) for line in rejects.read_text("utf-8").splitlines()]
    assert {count["read"] for count in first["resources"].values()} == {43, 44, 13}
    assert patients["added"] + patients["rejected"] == 13
    assert sum(count["rejected"] for count in first["resources"].values()) == len(lines)
    assert all(json.loads(line["text"])["id"] == line["resource_id"] for line in lines)
    assert rejects.stat().st_mode & 0o077 == 0
    again = careslot()["resources"]
    assert [count["added"] + count["changed"] for count in again.values()] == [0, 0, 0, 0, 0]
    assert again["Patient"]["unchanged"] == patients["added"]
    with psycopg.connect(dsn) as connection:
        kept = connection.execute("SELECT count(*) FROM patients").fetchone()
        told = connection.execute("SELECT count(*) FROM outbox WHERE type = %s", [PatientRecorded.TYPE]).fetchone()
    assert kept == told == (patients["added"],)
