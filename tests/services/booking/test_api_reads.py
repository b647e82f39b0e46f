"""Reading: pages, the facility's own day, history; every read that shows something is written down."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from tests.services.booking.world import START, World, offer


async def test_an_appointment_with_its_etag(world: World) -> None:
    booked = (await world.book(offer(), who="maria")).json()
    before = await world.value("SELECT count(*) FROM outbox WHERE channel = 'audit'")
    answer = await world.client("maria").get(f"/appointments/{booked['id']}")
    assert (answer.json(), answer.headers["etag"]) == (booked, '"1"')
    assert await world.value("SELECT count(*) FROM outbox WHERE channel = 'audit'") == before + 1
    assert (await world.client("elsewhere").get(f"/appointments/{booked['id']}")).status_code == 403
    assert (await world.client("maria").get("/appointments/0197a000-0000-7000-8000-00000000000a")).status_code == 404


async def test_history_tells_who_did_what(world: World) -> None:
    held = (await world.hold(offer(), who="maria")).json()
    booked = (await world.do(held, "confirm", who="maria")).json()
    moved = (await world.move(booked, offer(START + timedelta(hours=1)))).json()
    await world.do(moved, "cancel", {"reason": "prov-pers"})
    entries = (await world.client("maria").get(f"/appointments/{held['id']}/history")).json()["entries"]
    assert [(e["action"], e["from_status"], e["to_status"], e["actor_subject"], e["reason"]) for e in entries] == [
        ("hold", "", "pending", "sub-maria", ""),
        ("confirm", "pending", "booked", "sub-maria", ""),
        ("move", "booked", "booked", "sub-frontdesk", ""),
        ("cancel", "booked", "cancelled", "sub-frontdesk", "prov-pers"),
    ]
    assert [e["starts_at"][11:16] for e in entries] == ["15:00", "15:00", "16:00", "16:00"]


async def test_a_patients_list_pages_through_everything_once(world: World) -> None:
    starts = [START + timedelta(days=n % 4, hours=n) for n in range(11)]
    booked = await asyncio.gather(*(world.book(offer(start), who="maria") for start in starts))
    wanted = sorted(answer.json()["starts_at"] for answer in booked)
    seen: list[str] = []
    after = None
    for _ in range(10):
        query = {"patient_id": "pat-000001", "limit": "3", **({"after": after} if after else {})}
        page = (await world.client("maria").get("/appointments", params=query)).json()
        seen += [item["starts_at"] for item in page["appointments"]]
        if (after := page["next"]) is None:
            break
    assert seen == wanted
    later = {"patient_id": "pat-000001", "from": (START + timedelta(days=2)).isoformat()}
    rest = (await world.client("maria").get("/appointments", params=later)).json()["appointments"]
    assert [item["starts_at"] for item in rest] == [s for s in wanted if s >= "2027-01-06T15:00:00Z"]


async def test_the_day_is_the_facilitys(world: World) -> None:
    evening = datetime(2027, 1, 5, 4, 30, tzinfo=UTC)  # 23:30 on the fourth in New York
    await world.book(offer(evening), "pat-1")
    gone = (await world.book(offer(START), "pat-2")).json()
    await world.book(offer(START, facility="fac-0002", clinician="cln-2"), "pat-3", who="elsewhere")
    await world.do(gone, "cancel", {"reason": "other"})

    async def day(date: str, **more: str) -> list[str]:
        answer = await world.client("frontdesk").get("/facilities/fac-0001/day", params={"date": date, **more})
        return [item["patient_id"] for item in answer.json()["appointments"]]

    assert await day("2027-01-04") == ["pat-1"]
    assert await day("2027-01-04", cancelled="true") == ["pat-2", "pat-1"]
    assert await day("2027-01-05") == []
    assert (await world.client("elsewhere").get("/facilities/fac-0001/day?date=2027-01-04")).status_code == 403


async def test_odd_queries_are_the_callers_fault(world: World) -> None:
    for path in (
        "/appointments?patient_id=pat-000001&from=0001-01-01T00:00:00%2B23:59",
        "/appointments?patient_id=pat-000001&from=9999-12-31T23:59:59-23:59",
        "/appointments?patient_id=pat-000001&from=2027-01-01T00:00:00",
        "/appointments?patient_id=pat%00",
        "/appointments?patient_id=pat-000001&after=x",
        "/appointments?patient_id=pat-000001&limit=0",
        "/appointments?patient_id=pat-000001&limit=99999999999999999999",
        "/appointments",
        "/appointments/not-a-uuid",
        "/facilities/fac-0001/day?date=2027-02-30",
        "/facilities/fac-0001/day?date=0",
        "/appointments?patient_id=pat-000001&from=0",
        "/facilities/%20/day?date=2027-02-01",
        "/changes?after=1-2-3",
        "/changes?limit=501",
    ):
        assert (await world.client("maria").get(path)).status_code == 422, path


async def test_the_ends_of_time_are_answered(world: World) -> None:
    for path in (
        "/appointments?patient_id=pat-000001&from=0001-01-01T00:00:00Z&after=99999999999999999-" + "f" * 32,
        "/appointments?patient_id=pat-000001&from=9999-12-31T23:59:59Z",
        "/facilities/fac-0001/day?date=0001-01-01",
        "/facilities/fac-0001/day?date=9999-12-31",
        "/changes?after=9999999999999999999-999999999999999999",
        "/changes?after=0-0",
    ):
        who = {"/a": "maria", "/f": "frontdesk", "/c": "feed"}[path[:2]]
        answer = await world.client(who).get(path)
        assert answer.status_code == 200, (path, answer.text)


async def test_booked_visits_of_a_kind_are_counted_for_who_may_change_the_kind(world: World) -> None:
    booked = (await world.book(offer(), "pat-1")).json()
    await world.book(offer(START + timedelta(hours=1)), "pat-2")
    await world.book(offer(facility="fac-0002", clinician="cln-2"), "pat-3", who="elsewhere")
    gone = (await world.book(offer(START + timedelta(hours=2)), "pat-4")).json()
    await world.do(gone, "cancel", {"reason": "other"})
    path = f"/visit-types/{booked['visit_type']}/booked"
    assert (await world.client("system").get(path)).json() == {"facilities": {"fac-0001": 2, "fac-0002": 1}}
    assert (await world.client("system").get("/visit-types/other/booked")).json() == {"facilities": {}}
    assert (await world.client("frontdesk").get(path)).status_code == 403
