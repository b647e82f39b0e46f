"""The process: it goes on when a round fails, and its contract can be written without an environment."""

from __future__ import annotations

import asyncio

from services.kernel.database import Database
from services.waitlist.adapters.store import unit_of_work
from services.waitlist.main import create, offer_for_ever
from services.waitlist.usecases.merging import FollowMerges
from services.waitlist.usecases.offering import Offering
from tests.services.waitlist.world import NOTICE, World, slot


async def test_rounds_go_on_after_a_failure(world: World) -> None:
    await world.consent("pat-000001")
    await world.join("p1")
    # Ended by its first statement: there is no pool behind it yet.
    lost = Offering(unit_of_work(Database("postgresql://nowhere", application="t")), world.booking, world.clock, NOTICE)
    merges = FollowMerges(world.work, world.clock)
    failing = asyncio.create_task(offer_for_ever(lost, merges, 0.01, 0.01))
    rounds = asyncio.create_task(offer_for_ever(world.offering, merges, 0.01, 0.01))
    await world.free(slot())
    async with asyncio.timeout(10):
        while await world.rows("SELECT count(*) FROM offer WHERE state = 'open'") != [1]:
            await asyncio.sleep(0.02)
    assert not failing.done()
    for task in (failing, rounds):
        task.cancel()
    await asyncio.gather(failing, rounds, return_exceptions=True)


def test_every_route_is_in_the_contract() -> None:
    paths = create().openapi()["paths"]
    assert {"/requests", "/requests/{request_id}/withdraw", "/offers/{offer_id}/accept"} <= set(paths)
    assert set(paths["/offers/{offer_id}/accept"]) == {"post"}
