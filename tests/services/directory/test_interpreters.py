"""Interpreters over HTTP and real PostgreSQL: registered, found by language and place, told, and by whom."""

from __future__ import annotations

from typing import Any

import pytest

from services.directory.domain.interpreters import Interpreter
from services.kernel.errors import Invalid
from tests.services.directory.conftest import Served

LUCIA: dict[str, Any] = {
    "name": "Lucía Ortega", "languages": ["es"], "facility_ids": ["fac-0001"], "timezone": "America/New_York",
    "weekdays": ["mon", "tue"], "starts": "08:00", "ends": "17:00", "days_off": ["2027-01-18"],
}  # fmt: skip
AFAR: dict[str, Any] = {**LUCIA, "name": "Ana Ruiz", "languages": ["es", "ase"], "facility_ids": [], "remote": True}


async def test_registered_told_found_and_changed(served: Served) -> None:
    async with served.client("administrator") as client:
        made = await client.put("/interpreters/int-00001", json=LUCIA)
        assert (made.status_code, made.headers["etag"], made.json()["days_off"]) == (201, '"1"', ["2027-01-18"])
        assert (await client.put("/interpreters/int-00002", json=AFAR)).status_code == 201
        assert (await client.put("/interpreters/int-00002", json={**AFAR, "starts": "09:00"})).status_code == 428
        stale = await client.put(
            "/interpreters/int-00002", json={**AFAR, "starts": "09:00"}, headers={"if-match": '"9"'}
        )
        assert stale.status_code == 412
    async with served.client("maria") as client:

        async def found(**query: str) -> list[str]:
            listed = (await client.get("/interpreters", params=query)).json()
            return [one["interpreter_id"] for one in listed["interpreters"]]

        assert await found(language="es", facility="fac-0001") == ["int-00001", "int-00002"]
        assert await found(language="es", facility="fac-0002") == ["int-00002"], "from afar for every facility"
        assert await found(language="ase") == ["int-00002"]
        assert (await client.get("/interpreter-languages")).json() == {"languages": ["ase", "es"]}
        assert (await client.get("/interpreters/int-00001")).json()["name"] == "Lucía Ortega"
        assert (await client.get("/interpreters/int-00009")).status_code == 404
        page = (await client.get("/interpreters", params={"limit": 1})).json()
        assert await found(cursor=page["next"]) == ["int-00002"]
        assert (await client.put("/interpreters/int-00003", json=LUCIA)).status_code == 403
    told = [row for row in await served.outbox("bus") if row["type"] == "directory.interpreter-recorded.v1"]
    assert [row["interpreter_id"] for row in told] == ["int-00001", "int-00002"]


async def test_who_serves_everywhere_is_for_those_responsible_for_all(served: Served) -> None:
    async with served.client("administrator1") as client:
        assert (await client.put("/interpreters/int-00001", json=LUCIA)).status_code == 201
        assert (await client.put("/interpreters/int-00002", json=AFAR)).status_code == 403
        # Nor may one of a single facility be made one of all.
        widened = {**LUCIA, "remote": True, "facility_ids": []}
        answer = await client.put("/interpreters/int-00001", json=widened, headers={"if-match": '"1"'})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"facility_ids": []}, "facility_ids"),
        ({"facility_ids": ["fac-9999"]}, "facility_ids"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"days_off": ["2027-02-29"]}, "days_off"),
        ({"weekdays": ["mon", "mon"]}, "weekdays"),
        ({"starts": "8"}, "body/starts"),
    ],
)
async def test_what_is_wrong_is_said(served: Served, change: dict[str, Any], where: str) -> None:
    async with served.client("administrator") as client:
        answer = await client.put("/interpreters/int-00001", json={**LUCIA, **change})
    assert answer.status_code == 422
    assert where in {error["where"] for error in answer.json()["errors"]}


def test_a_record_checks_itself() -> None:
    with pytest.raises(Invalid) as refused:
        Interpreter("x", "", (), (), False, "UTC", (), "25:00", "", ("2027-13-01",))
    assert {error.where for error in refused.value.errors} == {
        "interpreter_id", "name", "languages", "facility_ids", "weekdays", "starts", "ends", "days_off",
    }  # fmt: skip
