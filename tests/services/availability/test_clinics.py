"""Clinics: published once, offered by search with their capacity until each start is full, withdrawn, refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from services.contracts.slot_offer import OfferKeys
from services.kernel.database import Database
from tests.services.availability.bench import NOW
from tests.services.availability.places import template
from tests.services.availability.test_api import Api

STARTS = (NOW + timedelta(days=3)).replace(hour=14, minute=0, second=0, microsecond=0)
WISH: dict[str, Any] = {
    "facility_id": "fac-0001", "visit_type": "family-medicine-follow-up", "starts_at": STARTS.isoformat(),
    "ends_at": (STARTS + timedelta(hours=2)).isoformat(), "minutes": 60, "capacity": 2,
}  # fmt: skip
CLINICS = "/clinicians/cln-00001/clinics"
TAKEN = """
INSERT INTO busy (appointment_id, version, clinician_id, facility_id, room_id, starts_at, ends_at, lane, live)
VALUES ($1, 1, 'cln-00001', 'fac-0001', '', $2::timestamptz, $2::timestamptz + interval '1 hour', 0, true)
"""


async def known(opened: Database) -> Api:
    api = Api(opened)
    await api.bench.know()
    return api


async def search(api: Api) -> list[dict[str, Any]]:
    # What kinds of visit have clinics is remembered for a second; each search here is another process's.
    fresh = Api(api.database)
    params = {"visit_type": WISH["visit_type"], "zip": "02108", "limit": 20}
    found: httpx.Response = await fresh.call("GET", "/slots", "patient", params=params)
    assert found.status_code == 200, found.text
    slots: list[dict[str, Any]] = found.json()["slots"]
    return slots


async def test_search_offers_each_start_until_its_places_are_taken(opened: Database) -> None:
    api = await known(opened)
    made = await api.call("POST", CLINICS, json=WISH)
    assert (made.status_code, made.headers["location"]) == (201, f"{CLINICS}/{made.json()['clinic_id']}")
    first, second = await search(api)
    assert [slot["slot"]["capacity"] for slot in (first, second)] == [2, 2]
    assert [datetime.fromisoformat(slot["slot"]["starts_at"]) for slot in (first, second)] == [
        STARTS, STARTS + timedelta(hours=1),
    ]  # fmt: skip
    keys = (await api.call("GET", "/slot-offer-keys")).json()
    assert OfferKeys(keys).read(first["offer"], NOW).capacity == 2
    async with opened.connection() as connection:
        await connection.execute(TAKEN, "a", STARTS)
    assert len(await search(api)) == 2
    async with opened.connection() as connection:
        await connection.execute(TAKEN, "b", STARTS)
    assert await search(api) == [second | {"offer": (await search(api))[0]["offer"]}]


async def test_leave_closures_and_withdrawal_take_it_out_of_search(opened: Database) -> None:
    api = await known(opened)
    clinic = (await api.call("POST", CLINICS, json=WISH)).json()
    away = {"starts_at": WISH["starts_at"], "ends_at": (STARTS + timedelta(minutes=30)).isoformat()}
    assert (await api.call("POST", "/clinicians/cln-00001/leave", json=away)).status_code == 201
    assert len(await search(api)) == 1
    assert (await api.call("GET", CLINICS)).json() == {"clinics": [clinic]}
    assert (await api.call("DELETE", f"{CLINICS}/{clinic['clinic_id']}")).status_code == 204
    assert await search(api) == []
    assert (await api.call("DELETE", f"{CLINICS}/{clinic['clinic_id']}")).status_code == 404
    assert {action for action, _ in await api.audited()} == {"manage-schedule", "manage-leave"}


async def test_it_comes_beside_ordinary_slots_and_never_at_the_same_time(opened: Database) -> None:
    api = await known(opened)
    await api.bench.give(template())
    ordinary = await search(api)
    beside = {**WISH, "starts_at": ordinary[0]["slot"]["starts_at"], "ends_at": ordinary[3]["slot"]["ends_at"]}
    refused = await api.call("POST", CLINICS, json=beside)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:careslot:problem:working-then")
    evening = (datetime.fromisoformat(ordinary[0]["slot"]["starts_at"]) + timedelta(hours=10)).isoformat()
    later = (datetime.fromisoformat(evening) + timedelta(hours=1)).isoformat()
    assert (await api.call("POST", CLINICS, json={**WISH, "starts_at": evening, "ends_at": later})).status_code == 201
    found = await search(api)
    assert found == sorted(found, key=lambda slot: slot["slot"]["starts_at"])
    assert {slot["slot"]["capacity"] for slot in found} == {0, 2}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"capacity": 0}, 422), ({"minutes": 4}, 422), ({"ends_at": WISH["starts_at"]}, 422),
        ({"ends_at": (STARTS + timedelta(minutes=59)).isoformat()}, 422), ({"visit_type": "no-such"}, 422),
        ({"starts_at": "2020-01-01T10:00:00Z"}, 422), ({"ends_at": (STARTS + timedelta(days=1)).isoformat()}, 422),
    ],
)  # fmt: skip
async def test_what_breaks_a_rule_is_refused(opened: Database, change: dict[str, Any], status: int) -> None:
    api = await known(opened)
    assert (await api.call("POST", CLINICS, json={**WISH, **change})).status_code == status
    assert (await api.call("GET", CLINICS)).json() == {"clinics": []}


async def test_who_may_not_manage_the_schedule_may_not_publish(opened: Database) -> None:
    api = await known(opened)
    for who in ("patient", "elsewhere", "app"):
        assert (await api.call("POST", CLINICS, who, json=WISH)).status_code == 403
    assert (await api.call("POST", "/clinicians/cln-99999/clinics", json=WISH)).status_code == 404
