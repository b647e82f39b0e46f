"""What is kept of the directory's records: enough to reach a patient, and no more."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from services.contracts.events.directory import FacilityRecorded, PatientRecorded, ProxyRecorded
from services.kernel.errors import Invalid
from services.notifications.domain.people import FacilityZone
from services.notifications.usecases.projections import record
from tests.services.notifications.examples import NOW, PATIENT, RECIPIENT, booked, patient
from tests.services.notifications.fakes import FakeStore


async def test_a_patient_is_kept_without_name_and_birth_date() -> None:
    store = FakeStore()
    assert await record(patient(email=RECIPIENT.email), store)
    assert store.recipients[PATIENT] == RECIPIENT
    for secret in ("given_name", "family_name", "birth_date"):
        assert str(PatientRecorded.EXAMPLE[secret]) not in str(asdict(store.recipients[PATIENT]))


async def test_older_news_changes_nothing() -> None:
    store = FakeStore()
    assert await record(patient(2), store)
    assert not await record(patient(1, email="old@example.org"), store)
    assert store.recipients[PATIENT].email == RECIPIENT.email


async def test_a_facility_is_kept_for_its_clocks_and_not_its_name() -> None:
    store = FakeStore()
    assert await record(FacilityRecorded.model_validate(FacilityRecorded.EXAMPLE), store)
    assert store.facilities["fac-0001"] == FacilityZone("fac-0001", 1, "America/New_York")


async def test_a_proxy_is_kept() -> None:
    store = FakeStore()
    proxy = ProxyRecorded.model_validate({**ProxyRecorded.EXAMPLE, "expires_at": "2028-01-01T00:00:00Z"})
    assert await record(proxy, store)
    assert await store.proxies_of("pat-000002", NOW) == {"pat-000001"}


async def test_other_events_are_refused() -> None:
    with pytest.raises(Invalid, match=r"booking\.appointment-booked\.v1"):
        await record(booked(), FakeStore())
