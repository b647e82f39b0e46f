"""Opening a record in an emergency, over HTTP: by whom, after which sign-in, for how long, and what it opens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.contracts.break_glass import Revocations
from services.contracts.roles import Role
from services.directory.adapters.postgres import ended_break_glass
from services.kernel.actor import Actor
from services.kernel.clock import FixedClock
from tests.fixtures.edge import TokenTable
from tests.fixtures.glass import glass_keys
from tests.services.directory.conftest import Served
from tests.services.directory.fakes import ACTORS, NOW, actor

WHY = {"reason": "emergency-treatment", "note": "found unconscious, no papers"}
JOHN = {**WHY, "patient_id": "pat-000002"}


def signed_in(who: Actor, minutes: int) -> Actor:
    """Return `who` as of a sign-in `minutes` ago."""
    return replace(who, authenticated_at=int((NOW - timedelta(minutes=minutes)).timestamp()))


DOCTOR = actor("doctor", Role.CLINICIAN, "fac-0001", person="cln-00001")
WHO = {
    **{name: signed_in(who, 1) for name, who in ACTORS.items()},
    "doctor": signed_in(DOCTOR, 5),
    "tired": signed_in(DOCTOR, 6),
    "unsaid": DOCTOR,
}


@pytest_asyncio.fixture
async def hospital(served: Served) -> AsyncIterator[Served]:
    """Return a directory whose callers have signed in."""
    served.app.state.edge.verifier = TokenTable(WHO)
    yield served


async def opened(hospital: Served, who: str = "doctor", body: Any = JOHN) -> httpx.Response:
    return await hospital.client(who).post("/break-glass", json=body)


async def test_who_may_open(hospital: Served) -> None:
    expected = {
        "doctor": 201, "desk": 201, "tired": 401, "unsaid": 401, "callcentre": 403, "administrator": 403,
        "auditor": 403, "maria": 403, "john": 403,
    }  # fmt: skip
    for who, status in expected.items():
        answer = await opened(hospital, who)
        assert answer.status_code == status, (who, answer.text)
        [*_, last] = await hospital.outbox("audit")
        assert last["outcome"] == ("allowed" if status == 201 else "refused"), who
        assert str(last["reason"]).startswith("break-glass: "), who
        assert last["about"] == "pat-000002", who


async def test_a_sign_in_that_is_too_old_is_told_as_rfc_9470_has_it(hospital: Served) -> None:
    answer = await opened(hospital, "tired")
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_user_authentication", max_age=300'
    problem = answer.json()
    assert (problem["type"], problem["max_age"]) == ("urn:careslot:problem:insufficient-user-authentication", 300)
    assert "Sign in again" in problem["detail"]
    assert await hospital.outbox("bus") == []


async def test_it_opens_one_record_for_as_long_as_it_lasts(hospital: Served) -> None:
    assert (await hospital.client("doctor").get("/patients/pat-000002")).status_code == 403
    made = (await opened(hospital)).json()
    glass = {"x-careslot-break-glass": made["token"]}
    client = hospital.client("doctor")
    assert (await client.get("/patients/pat-000002", headers=glass)).json()["given_name"] == "John"
    [*_, last] = await hospital.outbox("audit")
    assert (last["action"], last["reason"]) == ("read-patient", f"break-glass: {made['grant_id']}")
    assert (await client.get("/patients/pat-000001", headers=glass)).status_code == 403
    change = await client.put("/patients/pat-000002", headers={**glass, "if-match": '"1"'}, json={})
    assert change.status_code in {403, 422}
    assert (await hospital.client("desk").get("/patients/pat-000002", headers=glass)).status_code == 401, "not theirs"
    [told] = await hospital.outbox("bus")
    assert (told["type"], told["grant_id"], told["role"]) == (
        "directory.break-glass-recorded.v1", made["grant_id"], "clinician",
    )  # fmt: skip
    assert not {"patient_id", "subject", "note"} & set(told)


async def test_the_token_is_renewed_while_the_access_lasts_and_ends_with_it(hospital: Served) -> None:
    made = (await opened(hospital)).json()
    one, clock = f"/break-glass/{made['grant_id']}", hospital.app.state.directory.break_glass.clock
    assert isinstance(clock, FixedClock)
    client = hospital.client("doctor")
    later = NOW + timedelta(minutes=50)
    clock.at = later
    renewed = (await client.get(one)).json()
    assert renewed["token_expires_at"] == made["expires_at"], "never longer than the access itself"
    assert glass_keys()(renewed["token"], "doctor", later).patient == "pat-000002"
    assert (await hospital.client("desk").get(one)).status_code == 403
    looked_at = (await hospital.client("auditor").get(one)).json()
    assert (looked_at["token"], looked_at["note"]) == ("", WHY["note"])
    for _ in range(2):
        ended = await client.post(f"{one}/end")
        assert (ended.status_code, ended.json()["token"]) == (200, "")
    assert (await client.get(one)).json()["token"] == ""
    assert [event["ended_at"] is None for event in await hospital.outbox("bus")] == [True, False]


async def test_once_ended_it_opens_nothing_whatever_its_token_says(hospital: Served) -> None:
    made = (await opened(hospital)).json()
    client, glass = hospital.client("doctor"), {"x-careslot-break-glass": made["token"]}
    # What is over by the database's clock needs no look; this one is made to end later.
    async with hospital.database.connection() as connection:
        await connection.execute("UPDATE break_glass SET expires_at = now() + interval '1 hour'")
    revocations = Revocations(glass_keys())
    hospital.app.state.edge.emergency, look = revocations, partial(ended_break_glass, hospital.database)
    async with revocations.following(look):
        assert (await client.get("/patients/pat-000002", headers=glass)).status_code == 200
        await client.post(f"/break-glass/{made['grant_id']}/end")
        await revocations.refresh(look)
        answer = await client.get("/patients/pat-000002", headers=glass)
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:careslot:problem:break-glass-ended")


async def test_somebody_is_found_by_name_and_birth_date_when_only_one_is_so_called(hospital: Served) -> None:
    def called(name: str) -> dict[str, Any]:
        return {**WHY, "family_name": name, "birth_date": "1980-02-03"}

    assert (await opened(hospital, "doctor", called("Munroe"))).json()["patient_id"] == "pat-000002"
    for name in ("Mun", "Nobody"):
        assert (await opened(hospital, "doctor", called(name))).status_code == 404, name
        assert (await hospital.outbox("audit"))[-1]["action"] == "break-glass"


@pytest.mark.parametrize(
    "body",
    [
        WHY, {**JOHN, "family_name": "A"}, {**JOHN, "reason": "curiosity"}, {**JOHN, "note": "short"},
        {**WHY, "family_name": "A"}, {**JOHN, "note": "x" * 121}, {**JOHN, "more": 1},
    ],
)  # fmt: skip
async def test_without_a_reason_or_a_patient_nothing_opens(hospital: Served, body: Any) -> None:
    assert (await opened(hospital, "doctor", body)).status_code == 422
