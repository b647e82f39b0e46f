"""The directory over HTTP and real PostgreSQL: statuses, headers, pages, refusals, and what each leaves behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.directory.domain.records import Clinician, Facility
from tests.services.directory.conftest import Served

FACILITY: dict[str, Any] = {
    "name": "Careslot Salem Medical Center", "kind": "hospital", "address": "1 Main St", "city": "Salem",
    "state": "MA", "zip_code": "01970", "latitude": 42.5197, "longitude": -70.8955, "timezone": "America/New_York",
}  # fmt: skip
CLINICIAN: dict[str, Any] = {
    "name": "Dr. Wei Chen", "specialty": "family-medicine", "languages": ["en", "zh-Hant"],
    "facility_ids": ["fac-0001"],
}  # fmt: skip
PATIENT: dict[str, Any] = {
    "given_name": "Rosa", "family_name": "Peña", "birth_date": "1990-07-01", "email": "rosa@example.org",
    "phone": "+16175550111", "language": "es", "timezone": "America/New_York", "facility_ids": ["fac-0001"],
}  # fmt: skip


async def test_facilities_near_a_zip_code(served: Served) -> None:
    async with served.client("maria") as client:
        near = (await client.get("/facilities", params={"near": "02108", "within_km": 100})).json()
        assert [(f["facility_id"], f["distance_km"] < 65) for f in near["facilities"]] == [
            ("fac-0001", True), ("fac-0002", True),
        ]  # fmt: skip
        everywhere = (await client.get("/facilities", params={"near": "02108", "within_km": 20000})).json()
        assert len(everywhere["facilities"]) == 3
        assert 3690 < everywhere["facilities"][2]["distance_km"] < 3710
        unknown = await client.get("/facilities", params={"near": "99999"})
        assert (unknown.status_code, unknown.json()["errors"][0]["where"]) == (422, "query/near")
    assert await served.outbox("audit") == []


@pytest.mark.parametrize("near", [{}, {"near": "02108", "within_km": "20000"}])
async def test_pages_follow_each_other_without_gap_or_repeat(served: Served, near: dict[str, str]) -> None:
    seen: list[str] = []
    cursor = ""
    async with served.client("desk") as client:
        while True:
            page = (await client.get("/facilities", params={**near, "limit": 1, "cursor": cursor})).json()
            seen += [facility["facility_id"] for facility in page["facilities"]]
            cursor = page["next"]
            if not cursor:
                break
    assert seen == ["fac-0001", "fac-0002", "fac-0003"]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"state": "AZ"}, ["fac-0003"]), ({"text": "worc"}, ["fac-0002"]), ({"text": "%"}, []), ({"text": "_"}, []),
        ({"text": "outpatient"}, ["fac-0003"]), ({"text": "\\"}, []),
    ],
)  # fmt: skip
async def test_facilities_by_state_and_text(served: Served, params: dict[str, str], found: list[str]) -> None:
    async with served.client("desk") as client:
        page = (await client.get("/facilities", params=params)).json()
    assert [facility["facility_id"] for facility in page["facilities"]] == found


async def test_a_facility_is_registered_changed_and_closed(served: Served) -> None:
    async with served.client("administrator") as client:
        made = await client.put("/facilities/fac-0009", json=FACILITY)
        assert (made.status_code, made.headers["etag"], made.json()["version"]) == (201, '"1"', 1)
        assert (await client.put("/facilities/fac-0009", json=FACILITY)).status_code == 428
        stale = await client.put("/facilities/fac-0009", json=FACILITY, headers={"if-match": '"7"'})
        assert stale.status_code == 412
        same = await client.put("/facilities/fac-0009", json=FACILITY, headers={"if-match": '"1"'})
        assert (same.status_code, same.headers["etag"]) == (200, '"1"')
        closed = await client.put(
            "/facilities/fac-0009", json={**FACILITY, "active": False}, headers={"if-match": made.headers["etag"]}
        )
        assert (closed.status_code, closed.headers["etag"]) == (200, '"2"')
        assert (await client.get("/facilities/fac-0009")).json()["active"] is False
        listed = (await client.get("/facilities", params={"text": "Salem"})).json()["facilities"]
        all_ = (await client.get("/facilities", params={"text": "Salem", "inactive": True})).json()["facilities"]
        assert (len(listed), len(all_)) == (0, 1)
    told = [(event["type"], event["version"], event["active"]) for event in await served.outbox("bus")]
    assert told == [("directory.facility-recorded.v1", 1, True), ("directory.facility-recorded.v1", 2, False)]
    assert {entry["action"] for entry in await served.outbox("audit")} == {"manage-facility"}


@pytest.mark.parametrize("who", ["administrator1", "desk", "maria", "auditor"])
async def test_who_registers_no_facility(served: Served, who: str) -> None:
    async with served.client(who) as client:
        assert (await client.put("/facilities/fac-0009", json=FACILITY)).status_code == 403
    assert await served.outbox("bus") == []
    assert [entry["outcome"] for entry in await served.outbox("audit")] == ["refused"]


@pytest.mark.parametrize(
    "change",
    [
        {"zip_code": "2108"}, {"latitude": 91}, {"timezone": "Mars/Olympus"}, {"state": "ZZ"}, {"name": "a\u0000b"},
        {"surprise": 1}, {"kind": "spa"}, {"longitude": 1e999}, {"phone": "911"},
    ],
)  # fmt: skip
async def test_facilities_that_are_none(served: Served, change: dict[str, Any]) -> None:
    async with served.client("administrator") as client:
        # json.dumps writes 1e999 as Infinity, which its reader takes back.
        body = json.dumps({**FACILITY, **change}).encode()
        refused = await client.put("/facilities/fac-0009", content=body, headers={"content-type": "application/json"})
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"


async def test_clinicians(served: Served) -> None:
    async with served.client("administrator1") as client:
        made = await client.put("/clinicians/cln-00009", json=CLINICIAN)
        assert made.status_code == 201
        spanish = (await client.get("/clinicians", params={"language": "es", "facility": "fac-0001"})).json()
        assert [c["clinician_id"] for c in spanish["clinicians"]] == ["cln-00001"]
        first = (await client.get("/clinicians", params={"specialty": "family-medicine", "limit": 1})).json()
        second = (await client.get("/clinicians", params={"limit": 1, "cursor": first["next"]})).json()
        assert [c["clinician_id"] for c in second["clinicians"]] == ["cln-00009"]
        assert second["next"] == ""
        assert (await client.get("/clinicians/cln-00009")).headers["etag"] == '"1"'
        assert (await client.get("/clinicians/cln-77777")).status_code == 404


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"facility_ids": ["fac-0001", "fac-0002"]}, 403),
        ({"facility_ids": ["fac-7777"]}, 403),
        ({"specialty": "astrology"}, 422),
        ({"languages": []}, 422),
    ],
)
async def test_clinicians_out_of_reach_or_none(served: Served, change: dict[str, Any], status: int) -> None:
    async with served.client("administrator1") as client:
        refused = await client.put("/clinicians/cln-00009", json={**CLINICIAN, **change})
    assert refused.status_code == status
    assert await served.outbox("bus") == []


async def test_taking_a_clinician_from_another_facility_takes_authority_there(served: Served) -> None:
    async with served.client("administrator") as client:
        await client.put("/clinicians/cln-00009", json={**CLINICIAN, "facility_ids": ["fac-0002"]})
        lost = await client.put("/clinicians/cln-00008", json={**CLINICIAN, "facility_ids": ["fac-7777"]})
        assert (lost.status_code, lost.json()["errors"][0]["where"]) == (422, "facility_ids")
    async with served.client("administrator1") as client:
        taken = await client.put("/clinicians/cln-00009", json=CLINICIAN, headers={"if-match": '"1"'})
    assert taken.status_code == 403


async def test_catalogue(served: Served) -> None:
    visit = {"name": "Physical", "specialty": "family-medicine", "minutes": 40}
    async with served.client("administrator") as client:
        assert (await client.get("/specialties")).json()["specialties"][0]["code"] == "family-medicine"
        assert (await client.put("/visit-types/family-medicine-physical", json=visit)).status_code == 201
        both = (await client.get("/visit-types", params={"specialty": "family-medicine"})).json()["visit_types"]
        assert [v["code"] for v in both] == ["family-medicine-follow-up", "family-medicine-physical"]
        assert (await client.get("/visit-types", params={"specialty": "urology"})).json() == {"visit_types": []}
        astrology = {**visit, "specialty": "astrology"}
        assert (await client.put("/visit-types/astrology-reading", json=astrology)).status_code == 422
    async with served.client("administrator1") as client:
        assert (await client.put("/visit-types/family-medicine-other", json=visit)).status_code == 403
    assert [event["visit_type"] for event in await served.outbox("bus")] == ["family-medicine-physical"]


async def test_a_patient_from_registration_to_search(served: Served) -> None:
    async with served.client("desk") as client:
        made = await client.post("/patients", json=PATIENT, headers={"idempotency-key": "form-17"})
        again = await client.post("/patients", json=PATIENT, headers={"idempotency-key": "form-17"})
        other = await client.post(
            "/patients", json={**PATIENT, "given_name": "Eva"}, headers={"idempotency-key": "form-17"}
        )
        assert (made.status_code, again.status_code, other.status_code) == (201, 201, 409)
        assert again.json() == made.json()
        path = f"/{made.headers['location']}"
        assert path == f"/patients/{made.json()['patient_id']}"
        read = await client.get(path)
        assert (read.json(), read.headers["etag"]) == (made.json(), '"1"')
        changed = await client.put(path, json={**PATIENT, "phone": ""}, headers={"if-match": '"1"'})
        assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
        found = await client.post("/patients/search", json={"facility": "fac-0001", "family_name": "PENA"})
        assert [patient["phone"] for patient in found.json()["patients"]] == [""]
    assert [event["version"] for event in await served.outbox("bus")] == [1, 2]
    assert {entry["about"] for entry in await served.outbox("audit")} == {made.json()["patient_id"], ""}


async def test_searches_are_paged_and_bounded(served: Served) -> None:
    seen: list[str] = []
    body: dict[str, Any] = {"family_name": "m", "birth_date": "1980-02-03", "limit": 1}
    async with served.client("callcentre") as client:
        while not seen or body["cursor"]:
            page = (await client.post("/patients/search", json=body)).json()
            seen += [patient["patient_id"] for patient in page["patients"]]
            body["cursor"] = page["next"]
        assert (await client.post("/patients/search", json={"family_name": "m"})).status_code == 422
        assert (await client.post("/patients/search", json={**body, "limit": 51})).status_code == 422
        wild = await client.post("/patients/search", json={"facility": "fac-0001", "family_name": "%"})
        assert wild.json()["patients"] == []
    assert seen == ["pat-000001", "pat-000002"]


async def test_proxies_come_and_go(served: Served) -> None:
    path = "/patients/pat-000001/proxies/pat-000002"
    async with served.client("maria") as client:
        made = await client.put(path, json={"expires_at": "2027-03-01T00:00:00-05:00"})
        assert (made.status_code, made.json()["expires_at"]) == (201, "2027-03-01T05:00:00Z")
        assert (await client.put(path, json={"expires_at": "2027-03-01T05:00:00Z"})).headers["etag"] == '"1"'
    async with served.client("john") as client:
        assert (await client.get("/patients/pat-000001")).status_code == 200
        assert (await client.delete(path)).status_code == 403
    async with served.client("maria") as client:
        assert (await client.delete(path)).status_code == 204
        assert (await client.delete(path)).status_code == 204
    async with served.client("john") as client:
        assert (await client.get("/patients/pat-000001")).status_code == 403
    told = [(event["version"], event["active"]) for event in await served.outbox("bus")]
    assert told == [(1, True), (2, False)]


@pytest.mark.parametrize(
    "expires_at",
    [
        "2026-11-22T00:00:00Z", "2028-01-01T00:00:00Z", "2027-01-01T00:00:00", "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59", "soon",
    ],
)  # fmt: skip
async def test_grants_that_are_none(served: Served, expires_at: str) -> None:
    async with served.client("maria") as client:
        answer = await client.put("/patients/pat-000001/proxies/pat-000002", json={"expires_at": expires_at})
    assert answer.status_code == 422


async def test_roles(served: Served) -> None:
    body = {"role": "front-desk", "facilities": ["fac-0001"]}
    async with served.client("administrator1") as client:
        made = await client.put("/role-assignments/frontdesk", json=body)
        assert (made.status_code, made.json()["effective"]) == (201, True)
        wider = await client.put("/role-assignments/frontdesk", json={**body, "facilities": ["*"]})
        assert wider.status_code == 403
        assert (await client.put("/role-assignments/stranger", json=body)).status_code == 404
        assert (await client.put("/role-assignments/Maria@example.org", json=body)).status_code == 422
        machine = await client.put("/role-assignments/frontdesk", json={**body, "role": "external-app"})
        assert machine.status_code == 422
    assert [entry["type"] for entry in await served.outbox("bus")] == ["directory.role-assigned.v1"]
    assert [account.facilities for account in served.accounts.accounts.values()] == [{"fac-0001"}]


async def test_while_the_provider_is_down_an_assignment_waits(served: Served) -> None:
    served.accounts.down = True
    async with served.client("administrator") as client:
        made = await client.put("/role-assignments/frontdesk", json={"role": "scheduler", "facilities": ["*"]})
        assert (made.status_code, made.json()["effective"]) == (201, False)
        served.accounts.down = False
        again = await client.put("/role-assignments/frontdesk", json={"role": "scheduler", "facilities": ["*"]})
        assert (again.status_code, again.json()["effective"], again.json()["version"]) == (200, True, 1)


@pytest.mark.parametrize(
    "cursor", ["x", "bnVsbA", "WzEsMl0", "W251bGwsIngiXQ", "WzFlOTk5LCAieCJd", "WzEsICJcdTAwMDAiXQ"]
)
async def test_cursors_that_are_none_of_ours(served: Served, cursor: str) -> None:
    async with served.client("desk") as client:
        assert (await client.get("/facilities", params={"cursor": cursor})).status_code == 422


@pytest.mark.parametrize("tag", ["x", '"', "*", 'W/"1"', '"1e5"', '"99999999999999999999"', "١"])
async def test_etags_that_are_none_of_ours(served: Served, tag: str) -> None:
    async with served.client("administrator") as client:
        answer = await client.put("/facilities/fac-0001", json=FACILITY, headers={b"if-match": tag.encode()})
    assert answer.status_code == 412


async def test_nobody_without_a_token(served: Served) -> None:
    async with served.client() as client:
        for path in ("/facilities", "/clinicians", "/specialties", "/visit-types", "/patients/pat-000001"):
            assert (await client.get(path)).status_code == 401


async def test_bodies_that_are_none(served: Served) -> None:
    headers = {"content-type": "application/json"}
    async with served.client("desk") as client:
        assert (await client.post("/patients", content=b"{", headers=headers)).status_code == 400
        lone = b'{"given_name": "\\ud800"}'
        assert (await client.post("/patients", content=lone, headers=headers)).status_code == 422
        odd = b'{"\\ud800": 1}'
        assert (await client.post("/patients", content=odd, headers=headers)).status_code == 422


async def test_records_survive_the_round_trip(served: Served) -> None:
    async with served.begin() as store:
        kept = await store.find(Facility, "fac-0001")
        known = await store.known(Clinician, ["cln-00001", "cln-77777"])
    assert kept is not None
    assert kept.version == 1
    assert known == {"cln-00001"}
