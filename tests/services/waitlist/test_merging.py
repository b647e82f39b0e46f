"""Two records of one person on the list: they wait once, with the better standing, whenever the merge is heard of."""

from __future__ import annotations

from datetime import timedelta

from services.kernel.aliases import Aliases, AliasVerifier
from services.waitlist.usecases.merging import FollowMerges
from tests.services.waitlist.world import World, slot

OLD, NEW = "pat-000002", "pat-000001"


async def merged(world: World) -> int:
    """Tell that p2 was found to be p1, and follow."""
    await world.tell("directory.patient-merged.v1", replaced_id=OLD, survivor_id=NEW)
    return await FollowMerges(world.work, world.clock).run()


async def live(world: World) -> list[tuple[str, str]]:
    return await world.rows("SELECT patient_id, priority FROM request WHERE status IN ('waiting', 'offered')")


async def test_a_request_goes_over_with_its_offer(world: World) -> None:
    await world.consent(OLD)
    request = (await world.join("p2")).json()["id"]
    await world.free(slot())
    await world.offering.round()
    assert await merged(world) == 1
    assert await world.rows("SELECT patient_id FROM offer WHERE state = 'open'") == [NEW]
    found = await world.send("GET", f"/requests/{request}", "p1")
    assert (found.status_code, found.json()["status"]) == (200, "offered")
    assert (await world.send("GET", f"/requests/{request}", "p2")).status_code == 403


async def test_who_waits_twice_waits_once_with_the_better_standing(world: World) -> None:
    first = (await world.join("p2")).json()["id"]
    joined = world.clock.at
    world.clock.at += timedelta(days=3)
    second = (await world.join("p1")).json()["id"]
    await world.send("PUT", f"/requests/{second}/priority", "frontdesk", {"referral_priority": "urgent"})
    await merged(world)
    assert await live(world) == [(NEW, "urgent")]
    assert await world.rows("SELECT joined_at FROM request WHERE status = 'waiting'") == [joined]
    assert await world.rows("SELECT status FROM request WHERE id::text = $1", second) == ["withdrawn"]
    assert await world.rows("SELECT waiting FROM demand") == [1]
    assert first in str(await world.rows("SELECT data FROM outbox WHERE channel = 'audit'"))


async def test_the_request_with_an_offer_out_is_the_one_that_stays(world: World) -> None:
    await world.join("p2")
    world.clock.at += timedelta(days=3)
    await world.consent(NEW)
    second = (await world.join("p1")).json()["id"]
    await world.free(slot())
    await world.offering.round()
    await merged(world)
    assert await world.rows("SELECT id::text FROM request WHERE status = 'offered'") == [second]
    assert len(await live(world)) == 1


async def test_who_arrives_late_is_brought_home_and_again_nothing_happens(world: World) -> None:
    assert await merged(world) == 0
    await world.join("p2")
    follow = FollowMerges(world.work, world.clock)
    assert await follow.run() == 1
    assert await follow.run() == 0
    assert await live(world) == [(NEW, "routine")]


async def test_the_old_id_in_a_request_or_a_token_means_the_survivor(world: World) -> None:
    await world.join("p1")
    aliases = Aliases({OLD: NEW})
    world.app.state.waitlist = type(world.app.state.waitlist)(
        world.app.state.waitlist.list, world.app.state.waitlist.answers, aliases
    )
    world.app.state.edge.verifier = AliasVerifier(world.app.state.edge.verifier, aliases)
    found = await world.send("GET", f"/requests?patient_id={OLD}", "p2")
    assert [request["patient_id"] for request in found.json()["requests"]] == [NEW]
    again = await world.join("p2")
    assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "already-waiting")
