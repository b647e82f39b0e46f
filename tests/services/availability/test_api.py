"""Availability over HTTP: statuses, headers, shapes, and what is refused before it reaches a rule."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.availability.main import assemble, create
from services.contracts.slot_offer import OfferKeys, SlotOffer
from services.kernel.actor import Actor
from services.kernel.database import Database
from tests.fixtures.edge import client_of, edge_of
from tests.services.availability.bench import ADMINISTRATOR, KEY, NOW, PATIENT, Bench, on_postgres
from tests.services.availability.fakes import FakeZipCentroids
from tests.services.availability.places import FLORES, template

ACTORS = {
    "administrator": ADMINISTRATOR,
    "patient": PATIENT,
    "auditor": Actor("auditor", frozenset({"auditor"}), facilities=frozenset({"*"})),
    "elsewhere": Actor("elsewhere", frozenset({"scheduler"}), facilities=frozenset({"fac-0002"})),
    "app": Actor("app", frozenset({"external-app"}), scopes=frozenset({"careslot/slots.read"})),
    "app-without-scope": Actor("app", frozenset({"external-app"})),
}
BODY: dict[str, Any] = {
    "facility_id": "fac-0001", "weekdays": ["mon", "wed"], "starts": "09:00", "ends": "12:00",
    "valid_from": "2026-01-05",
}  # fmt: skip
TEMPLATE = "/clinicians/cln-00001/templates/weekly"


class Api:
    """A started service over a fresh database, called by anyone of ACTORS."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.bench: Bench = on_postgres(database)
        self.app = create()
        self.app.state.edge = edge_of("availability", database, ACTORS, self.bench.clock)
        self.app.state.availability = assemble(
            database, self.bench.clock, KEY.pem, KEY.key_id, self.bench.horizon, FakeZipCentroids()
        )

    async def call(self, method: str, path: str, token: str = "administrator", **kwargs: Any) -> httpx.Response:
        """Send one request."""
        async with client_of(self.app, token) as client:
            return await client.request(method, path, **kwargs)

    async def audited(self) -> list[tuple[str, str]]:
        """Return action and outcome of every audit entry, in order."""
        async with self.database.connection() as connection:
            rows = await connection.fetch("SELECT data FROM outbox WHERE channel = 'audit' ORDER BY id")
        return [(row["data"]["action"], row["data"]["outcome"]) for row in rows]

    async def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Return type and data of every event, in order."""
        async with self.database.connection() as connection:
            rows = await connection.fetch("SELECT type, data FROM outbox WHERE channel = 'bus' ORDER BY id")
        return [(row["type"], row["data"]) for row in rows]


@pytest_asyncio.fixture
async def api(opened: Database) -> AsyncIterator[Api]:
    api = Api(opened)
    await api.bench.know()
    yield api


async def test_search_answers_with_offers_others_can_check(api: Api) -> None:
    await api.bench.give(template())
    found = await api.call(
        "GET", "/slots", "patient", params={"specialty": "family-medicine", "zip": "02108", "limit": 2}
    )
    assert found.status_code == 200
    first = found.json()["slots"][0]
    assert (first["facility_name"], first["clinician_name"]) == ("Boston Medical", "Dr. Ana Flores")
    assert (first["distance_km"], first["starts_local"]) == (0.0, "2027-01-04T09:00:00-05:00")
    keys = await api.call("GET", "/slot-offer-keys", "")
    assert OfferKeys(keys.json()).read(first["offer"], NOW) == SlotOffer.model_validate(first["slot"])
    assert "d" not in keys.json()["keys"][0], "the private half stays here"
    assert await api.audited() == [], "a search touches no PHI: counted, not audited"


async def test_dates_are_local_days_and_an_unescaped_plus_is_understood(api: Api) -> None:
    await api.bench.give(template())
    asked = {"clinician": "cln-00001", "from": "2027-01-05", "to": "2027-01-05", "limit": 100}
    assert len((await api.call("GET", "/slots", "patient", params=asked)).json()["slots"]) == 9
    query = "/slots?clinician=cln-00001&from=2027-01-05T16:30:00+01:00&to=2027-01-05T16:50:00Z"
    found = (await api.call("GET", query, "patient")).json()["slots"]
    assert [one["starts_local"][11:16] for one in found] == ["10:40", "11:00", "11:20", "11:40"]


@pytest.mark.parametrize(
    "query",
    [
        "", "specialty=%00", "specialty=A", "specialty=family-medicine&limit=0", "specialty=family-medicine&limit=101",
        "specialty=family-medicine&zip=2108", "specialty=family-medicine&zip=00000",
        "specialty=family-medicine&within_km=5",
        "specialty=family-medicine&zip=02108&within_km=nan", "specialty=family-medicine&zip=02108&within_km=-1",
        "specialty=family-medicine&from=0001-01-01", "specialty=family-medicine&to=9999-12-31",
        "specialty=family-medicine&from=2027-01-05T09:00", "specialty=family-medicine&from=2027-01-05T09:00:00%2B99:99",
        "specialty=family-medicine&from=0001-01-01T00:00:00%2B23:59", "specialty=family-medicine&from=1",
        "specialty=family-medicine&to=2027-13-01", "clinician=%F0%9F%98%80", "language=%ED%A0%80&specialty=a",
    ],
)  # fmt: skip
async def test_odd_questions_are_told_what_is_wrong(api: Api, query: str) -> None:
    answer = await api.call("GET", f"/slots?{query}", "patient")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    ("token", "status"),
    [("", 401), ("nobody", 401), ("auditor", 403), ("app-without-scope", 403), ("app", 200), ("patient", 200)],
)
async def test_who_may_search(api: Api, token: str, status: int) -> None:
    answer = await api.call("GET", "/slots", token, params={"specialty": "family-medicine"})
    assert answer.status_code == status
    assert len(await api.audited()) == (status != 200), "refusals are audited"


async def test_the_life_of_a_template(api: Api) -> None:
    created = await api.call("PUT", TEMPLATE, json=BODY, headers={"if-none-match": "*"})
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    assert created.headers["location"] == "/clinicians/cln-00001/schedule"
    again = await api.call("PUT", TEMPLATE, json=BODY, headers={"if-none-match": "*"})
    assert again.status_code == 412
    replaced = await api.call("PUT", TEMPLATE, json={**BODY, "depth": 2}, headers={"if-match": '"1"'})
    assert (replaced.status_code, replaced.headers["etag"]) == (200, '"2"')
    schedule = await api.call("GET", "/clinicians/cln-00001/schedule")
    assert schedule.json()["templates"] == [replaced.json()]
    assert replaced.json()["weekdays"] == ["mon", "wed"]
    stale = await api.call("DELETE", TEMPLATE, headers={"if-match": '"1"'})
    gone = await api.call("DELETE", TEMPLATE, headers={"if-match": '"2"'})
    missing = await api.call("DELETE", TEMPLATE)
    assert (stale.status_code, gone.status_code, missing.status_code) == (412, 204, 404)
    assert [action for action, _ in await api.audited()] == ["manage-schedule"] * 2 + [
        "read-schedule",
        "manage-schedule",
    ]


@pytest.mark.parametrize("headers", [{"if-match": '"7"'}, {"if-match": "*"}, {"if-match": "W/nonsense"}])
async def test_a_template_that_is_not_there_cannot_be_matched(api: Api, headers: dict[str, str]) -> None:
    assert (await api.call("PUT", TEMPLATE, json=BODY, headers=headers)).status_code == 412


async def test_a_template_needs_a_precondition(api: Api) -> None:
    assert (await api.call("PUT", TEMPLATE, json=BODY)).status_code == 428


@pytest.mark.parametrize(
    "change",
    [
        {"weekdays": []}, {"weekdays": ["noday"]}, {"starts": "25:00"}, {"starts": "9:00"}, {"ends": "12:00Z"},
        {"valid_from": "0001-01-01"}, {"valid_from": "9999-12-31"}, {"valid_until": "2025-01-01"}, {"depth": 9},
        {"grid_minutes": 10**30}, {"interval_weeks": 0}, {"visit_types": ["\x00"]}, {"facility_id": "a\x00b"},
        {"facility_id": "a\n"}, {"unknown": 1},
    ],
)  # fmt: skip
async def test_a_broken_template_is_refused(api: Api, change: dict[str, Any]) -> None:
    answer = await api.call("PUT", TEMPLATE, json={**BODY, **change}, headers={"if-none-match": "*"})
    assert (answer.status_code, bool(answer.json()["errors"])) == (422, True)


async def test_a_body_that_is_not_json_is_malformed(api: Api) -> None:
    answer = await api.call(
        "PUT", TEMPLATE, content=b"{", headers={"if-none-match": "*", "content-type": "application/json"}
    )
    assert answer.status_code == 400


async def test_a_scheduler_of_another_facility_is_refused(api: Api) -> None:
    refused = await api.call("PUT", TEMPLATE, "elsewhere", json=BODY, headers={"if-none-match": "*"})
    leave = await api.call("POST", "/clinicians/cln-00001/leave", "elsewhere", json=DAYS)
    assert (refused.status_code, leave.status_code) == (403, 403)
    assert await api.audited() == [("manage-schedule", "refused"), ("manage-leave", "refused")]


DAYS = {"first_day": "2027-01-04", "last_day": "2027-01-05"}


async def test_leave_is_recorded_told_and_withdrawn(api: Api) -> None:
    created = await api.call("POST", "/clinicians/cln-00001/leave", json=DAYS)
    assert created.status_code == 201
    assert created.json()["starts_at"] == "2027-01-04T05:00:00Z"
    gone = await api.call("DELETE", created.headers["location"])
    again = await api.call("DELETE", created.headers["location"])
    assert (gone.status_code, again.status_code) == (204, 404)
    (recorded, what), (withdrawn, _) = await api.told()
    assert (recorded, withdrawn) == ("availability.leave-recorded.v1", "availability.leave-withdrawn.v1")
    assert datetime.fromisoformat(what["ends_at"]) == datetime.fromisoformat("2027-01-06T05:00:00+00:00")


async def test_a_closure_is_recorded_listed_told_and_withdrawn(api: Api) -> None:
    instants = {"starts_at": "2027-01-04T09:00:00-05:00", "ends_at": "2027-01-04T12:00:00-05:00"}
    created = await api.call("POST", "/facilities/fac-0001/closures", json=instants)
    assert created.status_code == 201
    listed = await api.call("GET", "/facilities/fac-0001/closures")
    assert listed.json()["closures"] == [created.json()]
    assert created.json()["starts_at"] == "2027-01-04T14:00:00Z"
    assert (await api.call("DELETE", created.headers["location"])).status_code == 204
    assert [kind for kind, _ in await api.told()] == [
        "availability.closure-recorded.v1", "availability.closure-withdrawn.v1",
    ]  # fmt: skip
    assert (await api.call("POST", "/facilities/fac-9999/closures", json=DAYS)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {}, {"first_day": "2027-01-04"}, {**DAYS, "starts_at": "2027-01-04T09:00:00Z"},
        {"starts_at": "2027-01-04T09:00:00Z", "ends_at": "2027-01-04T09:00:00Z"},
        {"starts_at": "2027-01-04T09:00:00", "ends_at": "2027-01-04T10:00:00"},
        {"starts_at": "0001-01-01T00:00:00+14:00", "ends_at": "9999-12-31T00:00:00-12:00"},
        {"first_day": "0001-01-01", "last_day": "9999-12-31"}, {"first_day": "2027-01-05", "last_day": "2027-01-04"},
        {"first_day": 10**20, "last_day": 10**20}, {"starts_at": 1e300, "ends_at": 1e301},
    ],
)  # fmt: skip
async def test_an_unclear_absence_is_refused(api: Api, body: dict[str, Any]) -> None:
    for path in ("/clinicians/cln-00001/leave", "/facilities/fac-0001/closures"):
        assert (await api.call("POST", path, json=body)).status_code == 422


async def test_own_visit_lengths(api: Api) -> None:
    path = "/clinicians/cln-00001/visit-lengths/family-medicine-follow-up"
    assert (await api.call("PUT", path, json={"minutes": 30})).status_code == 204
    assert (await api.call("GET", "/clinicians/cln-00001/schedule")).json()["visit_lengths"] == {
        "family-medicine-follow-up": 30
    }
    assert (await api.call("DELETE", path)).status_code == 204
    assert (await api.call("PUT", path, json={"minutes": 4})).status_code == 422
    assert (await api.call("PUT", path.replace("cln-00001", "cln-99999"), json={"minutes": 30})).status_code == 404


async def test_an_unknown_clinicians_schedule_is_not_found(api: Api) -> None:
    assert (await api.call("GET", "/clinicians/cln-99999/schedule")).status_code == 404


async def test_slots_end_with_the_horizon(api: Api) -> None:
    await api.bench.give(template(FLORES))
    asked = {"clinician": "cln-00001", "from": "2027-02-01", "to": "2027-04-30", "limit": 100}
    found = (await api.call("GET", "/slots", "patient", params=asked)).json()["slots"]
    assert max(date.fromisoformat(one["starts_local"][:10]) for one in found) == date(2027, 2, 3)


async def test_openings_tell_what_a_change_of_length_does(api: Api) -> None:
    await api.bench.give(template())
    path = "/visit-types/family-medicine-follow-up/openings"
    same = (await api.call("GET", path, params={"minutes": 20})).json()
    assert same["now"] == same["then"] > 0
    longer = (await api.call("GET", path, params={"minutes": 60})).json()
    assert (longer["now"], longer["then"] < longer["now"], longer["at_most"]) == (same["now"], True, 2000)
    for params, status in (({"minutes": 3}, 422), ({}, 422)):
        assert (await api.call("GET", path, params=params)).status_code == status
    assert (await api.call("GET", "/visit-types/unknown/openings", params={"minutes": 20})).status_code == 422
    assert (await api.call("GET", path, "patient", params={"minutes": 20})).status_code == 403
