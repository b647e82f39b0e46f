"""Events of neighbours: in any order, repeated, withdrawn before recorded; and what booking then refuses."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from services.booking.adapters.projections import PostgresProjections
from services.booking.consumers import on_block, on_delivery, on_demand, on_directory
from services.contracts.events import availability as a
from services.contracts.events import directory as d
from services.contracts.events.base import Event
from services.contracts.topology import subscriptions_of
from services.kernel.errors import CareslotError
from services.kernel.outbox import Envelope
from tests.services.booking.world import NOW, World, offer

DAY = {"starts_at": "2027-01-04T05:00:00Z", "ends_at": "2027-01-05T05:00:00Z"}
LEAVE = a.LeaveRecorded(leave_id="leave-1", clinician_id="cln-00001", **DAY)  # type: ignore[arg-type]  # pydantic parses
LEAVE_GONE = a.LeaveWithdrawn(leave_id="leave-1", clinician_id="cln-00001")
CLOSURE = a.ClosureRecorded(closure_id="closure-1", facility_id="fac-0001", **DAY)  # type: ignore[arg-type]
CLOSURE_GONE = a.ClosureWithdrawn(closure_id="closure-1", facility_id="fac-0001")


async def take(world: World, *events: Event) -> None:
    for event in events:
        envelope = Envelope(uuid4(), event.type, event.source, NOW, "", event.payload())
        async with world.database.transaction() as connection:
            handler = on_directory if event.source == "careslot.directory" else on_block
            await handler(envelope, PostgresProjections(connection))


async def outcome(world: World) -> str:
    answer = await world.book(offer(), f"pat-{uuid4().hex[:8]}")
    return "booked" if answer.status_code == 201 else answer.json()["type"].rpartition(":")[2]


@pytest.mark.parametrize("block", [LEAVE, CLOSURE])
async def test_leave_and_closure_withdraw_slots(world: World, block: Event) -> None:
    await take(world, block, block)
    assert await outcome(world) == "slot-withdrawn"


@pytest.mark.parametrize("order", list(permutations([LEAVE, LEAVE_GONE, LEAVE])))
async def test_withdrawn_leave_stays_withdrawn_in_any_order(world: World, order: tuple[Event, ...]) -> None:
    await take(world, *order)
    assert await outcome(world) == "booked"


async def test_a_closure_withdrawn_before_it_was_recorded(world: World) -> None:
    await take(world, CLOSURE_GONE, CLOSURE)
    assert await outcome(world) == "booked"


async def test_blocks_of_others_and_of_other_days_do_not_matter(world: World) -> None:
    await take(
        world,
        LEAVE.model_copy(update={"clinician_id": "cln-00002"}),
        CLOSURE.model_copy(update={"facility_id": "fac-0002"}),
        LEAVE.model_copy(update={"leave_id": "leave-2", "starts_at": LEAVE.ends_at, "ends_at": LEAVE.ends_at}),
    )
    assert await outcome(world) == "booked"


async def test_a_move_into_leave_is_refused(world: World) -> None:
    booked = (await world.book(offer(clinician="cln-00002"))).json()
    await take(world, LEAVE)
    answer = await world.move(booked, offer())
    assert answer.json()["type"] == "urn:careslot:problem:slot-withdrawn"


def proxy(version: int, **more: Any) -> d.ProxyRecorded:
    fields: Mapping[str, Any] = {
        "proxy_id": "prx-1", "version": version, "patient_id": "pat-000001", "person": "pat-000900",
        "expires_at": "2027-06-01T00:00:00Z", "active": True,
    }  # fmt: skip
    return d.ProxyRecorded.model_validate({**fields, **more})


async def test_a_proxy_acts_while_the_grant_lasts(world: World) -> None:
    assert (await world.book(offer(), who="jo")).status_code == 403
    await take(world, proxy(1))
    booked = await world.book(offer(), who="jo")
    assert booked.status_code == 201
    assert (await world.client("jo").get(f"/appointments/{booked.json()['id']}")).status_code == 200
    assert (await world.client("jo").get("/appointments?patient_id=pat-000001")).status_code == 200
    assert (await world.client("jo").get("/appointments?patient_id=pat-000002")).status_code == 403
    await take(world, proxy(3, active=False), proxy(2))
    refused = await world.do(booked.json(), "cancel", {"reason": "other"}, who="jo")
    assert refused.status_code == 403


async def test_an_expired_grant_is_none(world: World) -> None:
    await take(world, proxy(1, expires_at="2027-01-04T12:00:00Z"))
    assert (await world.book(offer(), who="jo")).status_code == 403


def patient(version: int, *, active: bool = True, facilities: tuple[str, ...] = ("fac-0001",)) -> d.PatientRecorded:
    return d.PatientRecorded.model_validate(
        {**d.PatientRecorded.EXAMPLE, "version": version, "active": active, "facility_ids": facilities}
    )


async def test_staff_list_the_patients_of_their_facilities(world: World) -> None:
    client = world.client("frontdesk")
    assert (await client.get("/appointments?patient_id=pat-000001")).status_code == 403
    await take(world, patient(2), patient(1, facilities=()))
    assert (await client.get("/appointments?patient_id=pat-000001")).status_code == 200
    assert (await world.client("elsewhere").get("/appointments?patient_id=pat-000001")).status_code == 403


async def test_a_closed_record_cannot_be_booked_for(world: World) -> None:
    await take(world, patient(1, active=False))
    answer = await world.book(offer(), "pat-000001")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:careslot:problem:patient-inactive")


async def test_handlers_take_what_the_topology_sends_and_nothing_else(world: World) -> None:
    handlers = {
        "services.booking.consumers:on_block": on_block,
        "services.booking.consumers:on_directory": on_directory,
        "services.booking.consumers:on_demand": on_demand,
        "services.booking.consumers:on_delivery": on_delivery,
    }
    for subscription in subscriptions_of("booking"):
        for event in subscription.events:
            envelope = Envelope(uuid4(), event.TYPE, "", NOW, "", event.EXAMPLE)
            async with world.database.transaction() as connection:
                await handlers[subscription.handler](envelope, PostgresProjections(connection))
    facility = Envelope(uuid4(), d.FacilityRecorded.TYPE, "", NOW, "", d.FacilityRecorded.EXAMPLE)
    for handler in handlers.values():
        async with world.database.transaction() as connection:
            with pytest.raises(CareslotError):
                await handler(facility, PostgresProjections(connection))
    assert await world.value("SELECT count(*) FROM blocked_period") == 2
