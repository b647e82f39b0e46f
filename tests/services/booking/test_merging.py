"""Two records of one patient: every appointment comes to the survivor, and what then overlaps is shown, not lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from services.booking.adapters.merging import PostgresMerging
from services.booking.adapters.projections import PostgresProjections
from services.booking.consumers import on_directory
from services.booking.main import assemble
from services.contracts.events.directory import PatientMerged
from services.kernel.aliases import Aliases, AliasVerifier
from services.kernel.outbox import Envelope
from tests.services.booking.world import START, World, offer

OLD, NEW = "pat-000002", "pat-000001"


async def merge(world: World, *, times: int = 1) -> int:
    """Tell that one record replaced the other, and sweep."""
    event = PatientMerged.model_validate({**PatientMerged.EXAMPLE, "replaced_id": OLD, "survivor_id": NEW})
    for _ in range(times):
        envelope = Envelope(uuid4(), event.TYPE, event.source, world.clock.at, "", dict(event.payload()))
        async with world.database.transaction() as connection:
            await on_directory(envelope, PostgresProjections(connection))
    return await PostgresMerging(world.database, world.clock).sweep()


async def double(world: World, facility: str = "fac-0001", who: str = "callcenter") -> list[dict[str, Any]]:
    found = await world.client(who).get(f"/facilities/{facility}/double-bookings")
    assert found.status_code == 200, found.text
    pairs: list[dict[str, Any]] = found.json()["double_bookings"]
    return pairs


async def test_everything_comes_over_with_its_history(world: World) -> None:
    booked = (await world.book(offer(), OLD)).json()
    late = (await world.book(offer(START + timedelta(hours=2)), OLD)).json()
    await world.do(late, "cancel", {"reason": "pat"})
    await world.hold(offer(START + timedelta(hours=3)), OLD)
    assert await merge(world, times=2) == 3
    listed = (await world.client("maria").get("/appointments", params={"patient_id": NEW})).json()
    assert [one["status"] for one in listed["appointments"]] == ["booked", "cancelled", "pending"]
    history = (await world.client("frontdesk").get(f"/appointments/{booked['id']}/history")).json()["entries"]
    assert [(entry["action"], entry["to_status"]) for entry in history] == [("book", "booked"), ("reassign", "booked")]
    assert (await world.events())[-3:] == ["booking.appointment-reassigned.v1"] * 3
    told = await world.value("SELECT event FROM status_history WHERE action = 'reassign' ORDER BY id LIMIT 1")
    assert (told["patient_id"], told["former_patient_id"], told["version"]) == (NEW, OLD, 2)
    assert await world.value("SELECT hold_expires_at IS NOT NULL FROM appointment WHERE status = 'pending'")
    assert await merge(world) == 0


async def test_the_survivor_cannot_be_booked_twice_after_the_merge(world: World) -> None:
    await world.book(offer(), OLD)
    await merge(world)
    refused = await world.book(offer(clinician="cln-00002"), NEW)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "patient-busy")
    assert await double(world) == []


async def test_overlapping_visits_both_stand_and_are_shown_until_one_goes(world: World) -> None:
    mine = (await world.book(offer(clinician="cln-00002"), NEW)).json()
    theirs = (await world.book(offer(minutes=40), OLD)).json()
    await merge(world)
    [pair] = await double(world)
    assert pair["patient_id"] == NEW
    assert {pair["one"]["id"], pair["other"]["id"]} == {mine["id"], theirs["id"]}
    assert await double(world, "fac-0002") == []
    assert (await world.client("elsewhere").get("/facilities/fac-0001/double-bookings")).status_code == 403
    # The forty minutes of the one that stands on a further lane are as taken as any.
    known = assemble(world.database, world.clock, world.slots, world.replacements, world.settings, Aliases({OLD: NEW}))
    world.app.state.booking = known[0]
    behind = offer(START + timedelta(minutes=20), clinician="cln-00003")
    assert (await world.book(behind, NEW)).json()["type"].rpartition(":")[2] == "patient-busy"
    assert (await world.do(mine, "cancel", {"reason": "oth-oerr"})).status_code == 200
    assert await double(world) == []
    assert await world.value("SELECT count(*) FROM claim WHERE kind = 'patient'") == 1


async def test_moving_one_of_two_resolves_it_too(world: World) -> None:
    await world.book(offer(clinician="cln-00002"), NEW)
    theirs = (await world.book(offer(), OLD)).json()
    await merge(world)
    moved = await world.move({**theirs, "version": 2}, offer(START + timedelta(hours=4)))
    assert moved.status_code == 200
    assert await double(world) == []
    assert await world.value("SELECT max(lane) FROM claim WHERE kind = 'patient'") == 0


async def test_what_is_booked_late_under_the_old_id_comes_over(world: World) -> None:
    assert await merge(world) == 0
    await world.book(offer(), OLD)
    assert await PostgresMerging(world.database, world.clock).sweep() == 1
    assert await world.value("SELECT patient_id FROM appointment") == NEW


async def test_the_old_id_in_a_request_or_a_token_means_the_survivor(world: World) -> None:
    aliases = Aliases({NEW: "pat-000007"})
    world.app.state.booking = replace(world.parts, aliases=aliases)
    world.app.state.edge.verifier = AliasVerifier(world.app.state.edge.verifier, aliases)
    booked = await world.book(offer(), NEW, who="maria")
    assert (booked.status_code, booked.json()["patient_id"]) == (201, "pat-000007")
    listed = await world.client("maria").get("/appointments", params={"patient_id": NEW})
    assert [one["id"] for one in listed.json()["appointments"]] == [booked.json()["id"]]
