"""Who may see a disruption, its calls and a patient's alternatives, and what the lists show."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.services.booking.disrupting import booked, seen, sick, visit_of
from tests.services.booking.world import World


@pytest.mark.parametrize(
    ("who", "disruption", "calls", "alternatives"),
    [
        ("frontdesk", 200, 200, 200), ("elsewhere", 403, 403, 403), ("doctor", 200, 403, 403),
        ("maria", 403, 403, 200), ("jo", 403, 403, 403), ("auditor", 200, 200, 403), ("feed", 403, 403, 403),
    ],
)  # fmt: skip
async def test_who_may_see_what(world: World, who: str, disruption: int, calls: int, alternatives: int) -> None:
    (made,) = await booked(world, 1)
    await sick(world)
    visit, client = await visit_of(world, made), world.client(who)
    assert (await client.get("/disruptions/leave-1")).status_code == disruption
    assert (await client.get("/disruptions/leave-1/visits")).status_code == disruption
    assert (await client.get("/facilities/fac-0001/calls")).status_code == calls
    assert (await client.get(f"/disrupted-visits/{visit}")).status_code == alternatives


async def test_lists_and_what_they_refuse(world: World) -> None:
    await booked(world, 3)
    await sick(world)
    await sick(world, "leave-9", "cln-00009")
    at = (await world.client("frontdesk").get("/disruptions?facility_id=fac-0001")).json()["disruptions"]
    own = (await world.client("doctor").get("/disruptions?clinician_id=cln-00001")).json()["disruptions"]
    assert [[one["disruption_id"] for one in listed] for listed in (at, own)] == [["leave-1"], ["leave-1"]]
    assert (await seen(world, "leave-9", "elsewhere"))["affected"] == 0
    assert (await world.client("frontdesk").get("/disruptions")).status_code == 422
    assert (await world.client("callcenter").get("/disruptions/none")).status_code == 404
    assert (await world.client("callcenter").get(f"/disrupted-visits/{uuid4()}")).status_code == 404
    assert (await world.post(f"/disrupted-visits/{uuid4()}/calls", {"outcome": "reached"})).status_code == 404
    page = (await world.client("frontdesk").get("/disruptions/leave-1/visits?limit=2")).json()
    rest = (await world.client("frontdesk").get(f"/disruptions/leave-1/visits?limit=2&after={page['next']}")).json()
    assert (len(page["visits"]), len(rest["visits"]), rest["next"]) == (2, 1, None)
