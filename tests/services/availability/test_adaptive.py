"""Adaptive templates from events to offers, over memory and over PostgreSQL, and explained over HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest_asyncio

from services.availability.ports import KeptLength
from services.availability.usecases.materialise import Horizon
from services.availability.usecases.projections import take_bookings
from services.availability.usecases.schedules import Schedules
from services.availability.usecases.search import OfferedSlot, SearchRequest
from services.availability.usecases.slotting_upkeep import SlottingUpkeep
from services.contracts.events.booking import (
    AppointmentBooked,
    AppointmentCheckedIn,
    AppointmentEvent,
    AppointmentFulfilled,
    AppointmentNoShow,
)
from services.contracts.security_labels import SecurityLabel
from services.contracts.slot_offer import slot_id
from services.kernel.database import Database
from tests.services.availability.bench import NOW, RULES, Bench, gate
from tests.services.availability.places import FLORES, FOLLOW_UP, SAME_DAY, template
from tests.services.availability.test_api import Api

STATUS = {
    AppointmentBooked: "booked", AppointmentCheckedIn: "checked-in", AppointmentFulfilled: "fulfilled",
    AppointmentNoShow: "noshow",
}  # fmt: skip
ADAPTIVE = template(adaptive=True, depth=2)
VERSIONS = list(STATUS)


def about(kind: type[AppointmentEvent], number: int, starts_at: datetime, **changes: object) -> AppointmentEvent:
    """Return what booking tells of a follow-up visit of 20 minutes."""
    return kind.model_validate(
        {
            **AppointmentBooked.EXAMPLE, "appointment_id": f"a-{number}", "patient_id": f"pat-{number % 5}",
            "starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=20),
            "version": VERSIONS.index(kind) + 1, "status": STATUS[kind], **changes,
        }
    )  # fmt: skip


async def tell(bench: Bench, told: AppointmentEvent, at: datetime) -> None:
    """Take an event as the consumer does."""
    async with bench.transaction() as store:
        await take_bookings(store, [(told, at)])


async def visits(bench: Bench, minutes: int, count: int, missed: int = 0) -> None:
    """Tell of past visits, one a day, that lasted ``minutes``; the last ``missed`` were missed instead."""
    for number in range(count):
        start = NOW - timedelta(days=count + 1 - number)
        await tell(bench, about(AppointmentBooked, number, start), start - timedelta(days=10))
        if number >= count - missed:
            await tell(bench, about(AppointmentNoShow, number, start), start)
            continue
        # Out of order, as events may arrive.
        await tell(bench, about(AppointmentFulfilled, number, start), start + timedelta(minutes=minutes))
        await tell(bench, about(AppointmentCheckedIn, number, start), start)


async def open_tomorrow(bench: Bench, visit_type: str = "") -> list[OfferedSlot]:
    """Return tomorrow's open slots."""
    day = NOW.date() + timedelta(days=1)
    return list(await bench.offers(SearchRequest("family-medicine", visit_type, since=day, until=day, limit=100)))


@pytest_asyncio.fixture
async def adaptive(bench: Bench) -> Bench:
    """Return a bench whose clinician has an adaptive template of depth two, where half of the visits are missed."""
    bench.horizon = Horizon(bench.clock, 3, replace(RULES, base_rate=0.5))
    bench.schedules = Schedules(bench.transaction, bench.horizon)
    await bench.know()
    await bench.give(ADAPTIVE)
    return bench


async def test_depth_is_the_rules_and_a_reserve_is_seen_by_urgent_visits_only(adaptive: Bench) -> None:
    planned, urgent = await open_tomorrow(adaptive), await open_tomorrow(adaptive, SAME_DAY.visit_type)
    assert {one.slot.depth for one in planned} == {1, 2}
    assert all(one.offer.resources[0].depth == one.slot.depth for one in planned)
    kept = {one.slot.starts_at for one in urgent} - {one.slot.starts_at for one in planned}
    assert kept
    assert {one.slot.starts_at for one in urgent if one.reserve and one.reserve > NOW} == kept
    adaptive.clock.at = NOW + timedelta(days=1, hours=-1)
    assert kept & {one.slot.starts_at for one in await open_tomorrow(adaptive)}


async def test_a_second_patient_gets_the_second_lane_and_a_third_nothing(adaptive: Bench) -> None:
    (deep, *_) = [one.slot for one in await open_tomorrow(adaptive) if one.slot.depth == 2]
    await tell(adaptive, about(AppointmentBooked, 1, deep.starts_at, lane=0), NOW)
    assert deep.starts_at in {one.slot.starts_at for one in await open_tomorrow(adaptive)}
    await tell(adaptive, about(AppointmentBooked, 2, deep.starts_at, lane=1), NOW)
    assert deep.starts_at not in {one.slot.starts_at for one in await open_tomorrow(adaptive)}


async def test_a_fixed_template_is_left_alone_and_an_adaptive_one_can_become_it(adaptive: Bench) -> None:
    await adaptive.give(template())
    slots = await open_tomorrow(adaptive)
    assert len(slots) == 9 and {one.slot.depth for one in slots} == {1}
    assert not any(one.reserve for one in slots)


async def test_measured_visits_make_longer_slots_unless_people_chose(adaptive: Bench) -> None:
    await visits(adaptive, minutes=38, count=60)
    upkeep = SlottingUpkeep(adaptive.transaction, adaptive.horizon, adaptive.horizon.rules)
    assert await upkeep.learn_lengths() == 1
    assert await upkeep.learn_lengths() == 0
    while await upkeep.renew_plans():
        pass
    slots = [one.slot for one in await open_tomorrow(adaptive)]
    assert {(one.ends_at - one.starts_at) // timedelta(minutes=1) for one in slots} == {40}
    assert all((one.starts_at - slots[0].starts_at) % timedelta(minutes=40) == timedelta() for one in slots)
    await adaptive.schedules.set_visit_length("cln-00001", FOLLOW_UP.visit_type, 25, gate("manage-schedule"))
    await upkeep.learn_lengths()
    async with adaptive.transaction() as store:
        kept: KeptLength = (await store.kept_lengths(["cln-00001"]))["cln-00001", FOLLOW_UP.visit_type]
    assert kept.chosen and kept.length.minutes == 25


async def test_people_who_come_take_the_second_lanes_away(adaptive: Bench) -> None:
    await visits(adaptive, minutes=20, count=80)
    upkeep = SlottingUpkeep(adaptive.transaction, adaptive.horizon, adaptive.horizon.rules)
    await upkeep.learn_lengths()
    while await upkeep.renew_plans():
        pass
    assert {one.slot.depth for one in await open_tomorrow(adaptive)} == {1}


async def test_what_part_2_protects_teaches_nothing(adaptive: Bench) -> None:
    start = NOW - timedelta(days=2)
    for kind in (AppointmentBooked, AppointmentNoShow):
        await tell(adaptive, about(kind, 1, start, security_label=SecurityLabel.PART_2), start)
    async with adaptive.transaction() as store:
        assert not await store.attendance(["family-medicine"], NOW - timedelta(days=30))


async def test_urgent_demand_switches_surge_mode_and_keeps_more_places(adaptive: Bench) -> None:
    before = len(await open_tomorrow(adaptive))
    for number in range(30):
        told = about(AppointmentBooked, number, NOW - timedelta(hours=number + 1), visit_type=SAME_DAY.visit_type)
        await tell(adaptive, told, NOW - timedelta(hours=number + 2))
    upkeep = SlottingUpkeep(adaptive.transaction, adaptive.horizon, adaptive.horizon.rules)
    assert await upkeep.follow_demand() == 1
    assert await upkeep.follow_demand() == 0
    while await upkeep.renew_plans():
        pass
    assert len(await open_tomorrow(adaptive)) < before
    async with adaptive.transaction() as store:
        assert (await store.surges())["fac-0001", "family-medicine"].active


async def test_a_slot_tells_why_over_http(opened: Database) -> None:
    api = Api(opened)
    await api.bench.know()
    await api.bench.give(ADAPTIVE)
    found = await api.call("GET", "/slots", "patient", params={"specialty": "family-medicine", "limit": 30})
    for view in found.json()["slots"]:
        answer = await api.call("GET", f"/slots/{view['slot']['slot_id']}/why")
        assert answer.status_code == 200, answer.text
        why = answer.json()
        assert (why["starts_at"], why["visit_type"]) == (view["slot"]["starts_at"], view["slot"]["visit_type"])
        assert why["depth"] == view["slot"]["resources"][0]["depth"]
        assert {reason.split(":")[0].split()[0] for reason in why["reasons"]} >= {
            "template",
            "length",
            "depth",
            "surge",
        }
    assert (await api.call("GET", f"/slots/{why['slot_id']}/why", "patient")).status_code == 403
    assert (await api.call("GET", f"/slots/{why['slot_id']}/why", "elsewhere")).status_code == 403
    assert ("explain-slot", "allowed") in await api.audited()
    past = slot_id("cln-00001", "fac-0001", FOLLOW_UP.visit_type, NOW - timedelta(days=400), 20)
    assert "no working time" in (await api.call("GET", f"/slots/{past}/why")).json()["reasons"][0]
    for unknown in ("slot-aaaa", "slot-" + "a" * 26, slot_id("cln-x", "f", "v", NOW, 20)):
        assert (await api.call("GET", f"/slots/{unknown}/why")).status_code == 404


async def test_a_fixed_slot_tells_its_template(opened: Database) -> None:
    api = Api(opened)
    await api.bench.know()
    await api.bench.give(template(FLORES, depth=3))
    found = await api.call("GET", "/slots", "patient", params={"specialty": "family-medicine", "limit": 1})
    why = (await api.call("GET", f"/slots/{found.json()['slots'][0]['slot']['slot_id']}/why")).json()
    assert why["depth"] == 3 and why["depth_decision"] is None
    assert "depth: the template is fixed and allows 3 at a time" in why["reasons"]
