"""Thousands want ten slots: ten get them, the others are offered something else, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.journeys.consequences import assert_booked_once, rows, settle
from tests.journeys.running import Running, slots
from tests.journeys.rush import Attempt, attempts, rush

SLOTS = 10
# The first five are the demo's cast.
PATIENTS = tuple(f"pat-{number:06}" for number in range(6, 206))
# Fewer where not the crowd is the point: the kills come within the first seconds of the rush.
FEW, HALF = PATIENTS[:20], PATIENTS[:80]
KILLS = 4


def fresh_slots(platform: Running, week: int) -> Sequence[dict[str, Any]]:
    """Return ten slots of a week no other test uses."""
    starts = datetime.now(UTC) + timedelta(days=7 * week + 2)
    window = {"from": starts.isoformat(), "to": (starts + timedelta(days=6)).isoformat()}
    found = slots(platform.person("scheduler"), 60, specialty="family-medicine", **window)
    return found[::6][:SLOTS]


def winners(wishes: Sequence[Attempt]) -> dict[str, str]:
    """Return appointment ids by slot id; every wish must have been granted or refused, with alternatives.

    On a machine with nothing to spare a search may not answer in time; then the refusal says so, for a while only.
    """
    assert Counter(wish.status for wish in wishes) == {201: SLOTS, 409: len(wishes) - SLOTS}
    helped = set()
    for wish in wishes:
        if wish.status == 409:
            assert wish.body["type"].startswith("urn:careslot:problem:")
            assert wish.body["alternatives"] or wish.body["alternatives_status"] == "unavailable"
            if wish.body["alternatives"]:
                helped.add(wish.slot["slot"]["slot_id"])
    assert len(helped) == SLOTS
    won = {wish.slot["slot"]["slot_id"]: wish.body["id"] for wish in wishes if wish.status == 201}
    assert len(won) == SLOTS
    return won


def told_to_wait(wishes: Sequence[Attempt]) -> bool:
    """Tell whether nobody met a fault: who came when too many did was told 503 and to come again, as all of them do."""
    return set(sum((wish.undecided for wish in wishes), Counter())) <= {503}


async def test_of_two_thousand_exactly_ten_win(platform: Running) -> None:
    wanted = fresh_slots(platform, 0)
    wishes = attempts(wanted, PATIENTS)
    await rush(platform.state.gateway, platform.person("scheduler").token, wishes)
    assert told_to_wait(wishes)
    won = winners(wishes)
    settle(platform.state)
    assert_booked_once(platform.state, won, wanted)


async def test_the_same_key_gets_the_same_answer_however_often_it_is_sent(platform: Running) -> None:
    wanted = fresh_slots(platform, 1)
    wishes = attempts(wanted, FEW)
    await rush(platform.state.gateway, platform.person("scheduler").token, wishes, repeats=2)
    assert told_to_wait(wishes)
    won = winners(wishes)
    for wish in wishes:
        assert {status for status, _ in wish.answers} == {wish.status}
        if wish.status == 201:
            assert all(body == wish.body for _, body in wish.answers)
    settle(platform.state)
    assert_booked_once(platform.state, won, wanted)


@pytest.mark.timeout(400)
async def test_killing_booking_meanwhile_loses_and_doubles_nothing(platform: Running) -> None:
    wanted = fresh_slots(platform, 2)
    wishes = attempts(wanted, HALF)
    rushing = asyncio.create_task(rush(platform.state.gateway, platform.person("scheduler").token, wishes))
    before = platform.child("booking").restarts
    for _ in range(KILLS):
        await asyncio.sleep(0.7)
        if platform.child("booking").state == "ready":
            platform.kill("booking")
        await asyncio.to_thread(
            platform.wait_for, lambda: platform.child("booking").state == "ready" or None, "booking back", 60
        )
        if rushing.done():
            break
    await rushing
    assert platform.child("booking").restarts > before
    statuses = {status for wish in wishes for status, _ in wish.answers}
    assert statuses == {201, 409}, statuses
    won = winners(wishes)
    settle(platform.state)
    assert_booked_once(platform.state, won, wanted)


def test_losers_write_nothing(platform: Running) -> None:
    """Run after the rushes: a lost race leaves no appointment, no answer, no event and no audit entry of success."""
    [(kept,)] = rows(platform.state, "booking", "SELECT count(*) FROM idempotency")
    [(made,)] = rows(platform.state, "booking", "SELECT count(*) FROM status_history")
    assert kept == made
