"""Proxies by age: who may be named by whom, when a parent's part becomes smaller, when it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.domain.proxies import GRANTED, PARENTAL, ProxyAges, birthday, grant, latest_expiry, realigned
from services.kernel.errors import Invalid
from tests.services.directory.conftest import Served
from tests.services.directory.fakes import CHILD, MARIA, NOW


@given(st.dates(date(1930, 1, 1), NOW.date()), st.integers(0, 18), st.integers(18, 21))
def test_a_parents_part_shrinks_and_ends_by_age(born: date, adolescence: int, ends: int) -> None:
    patient, ages = replace(MARIA, birth_date=born), ProxyAges(adolescence, ends)
    proxy = grant(patient, "pat-000009", latest_expiry(patient, NOW, ages), NOW, ages)
    of_age = birthday(patient, ends)
    if of_age > NOW:
        assert (proxy.kind, proxy.expires_at, proxy.confidential_until) == (
            PARENTAL, of_age, birthday(patient, adolescence),
        )  # fmt: skip
    else:
        assert (proxy.kind, proxy.confidential_until) == (GRANTED, None)
        assert NOW < proxy.expires_at <= NOW + timedelta(days=366)
    assert realigned(proxy, patient, ages) == proxy
    with pytest.raises(Invalid):
        grant(patient, "pat-000009", proxy.expires_at + timedelta(seconds=1), NOW, ages)


async def granted(served: Served, who: str, patient: str, until: datetime) -> int:
    path, body = f"/patients/{patient}/proxies/pat-000002", {"expires_at": until.isoformat()}
    return (await served.client(who).put(path, json=body)).status_code


async def test_an_adult_names_their_proxy_and_staff_a_childs(served: Served) -> None:
    soon = NOW + timedelta(days=30)
    assert await granted(served, "maria", "pat-000001", soon) == 201
    assert await granted(served, "desk", "pat-000003", soon) == 201
    [adults, childs] = await served.outbox("bus")
    assert (adults["confidential_until"], childs["confidential_until"]) == (None, "2028-02-29T05:00:00Z")
    mine = (await served.client("maria").get("/patients/pat-000001/proxies")).json()["proxies"]
    assert [(one["person"], one["kind"], one["active"]) for one in mine] == [("pat-000002", "granted", True)]
    # john (pat-000002) is who may act; the grant alone lets him know for whom.
    acting = (await served.client("john").get("/acting-for")).json()["acting_for"]
    assert {(one["patient_id"], one["given_name"], one["kind"]) for one in acting} == {
        ("pat-000001", "María", "granted"), ("pat-000003", "Lía", "parental"),
    }  # fmt: skip
    touched = [entry["about"] for entry in await served.outbox("audit") if entry["action"] == "read-acting-for"]
    assert sorted(map(str, touched)) == ["", "pat-000001", "pat-000003"]


async def test_a_minor_names_nobody(served: Served) -> None:
    edge = served.app.state.edge
    edge.verifier._actors["lia"] = replace(edge.verifier._actors["maria"], subject="lia", person="pat-000003")
    assert await granted(served, "lia", "pat-000003", NOW + timedelta(days=30)) == 403
    assert (await served.client("lia").get("/patients/pat-000003/proxies")).status_code == 200


async def test_a_corrected_birth_date_ends_what_it_should_not_have_begun(served: Served) -> None:
    of_age = birthday(CHILD, 18)
    assert await granted(served, "desk", "pat-000003", of_age) == 201
    body = {
        "given_name": "Lía", "family_name": "Muñoz", "birth_date": "2008-12-24", "language": "es",
        "timezone": "America/New_York", "facility_ids": ["fac-0001"],
    }  # fmt: skip
    answer = await served.client("desk").put("/patients/pat-000003", json=body, headers={"if-match": '"1"'})
    assert answer.status_code == 200, answer.text
    told = [event for event in await served.outbox("bus") if event["type"] == "directory.proxy-recorded.v1"]
    assert [(event["version"], event["expires_at"], event["confidential_until"]) for event in told[1:]] == [
        (2, "2026-12-24T05:00:00Z", "2020-12-24T05:00:00Z")
    ]
