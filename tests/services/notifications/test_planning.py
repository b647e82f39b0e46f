"""From events to planned messages, in whatever order and however often events come."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.events.base import Event
from services.kernel.clock import FixedClock
from services.kernel.errors import Invalid
from services.notifications.domain.messages import Kind, State
from services.notifications.domain.people import FacilityZone, Preferences
from services.notifications.usecases.planning import Planning
from tests.services.notifications.examples import NOW, RECIPIENT, START, booked, cancelled, checked_in, moved, patient
from tests.services.notifications.fakes import FakeStore

ALL = [Kind.CONFIRMATION, Kind.REMINDER_7D, Kind.REMINDER_3D, Kind.REMINDER_1D]
REMINDERS = ALL[1:]
LATER = START + timedelta(days=7)


async def after(*events: Event, store: FakeStore | None = None) -> FakeStore:
    store = store or FakeStore()
    for event in events:
        await Planning(store, FixedClock(NOW)).take(event)
    return store


async def test_booking_plans_a_confirmation_now_and_three_reminders() -> None:
    store = await after(booked())
    assert store.kinds(State.PLANNED) == ALL
    assert [row.message.due_at for row in store.rows.values()] == [
        NOW, START - timedelta(days=7), START - timedelta(days=3), START - timedelta(days=1),
    ]  # fmt: skip


async def test_a_visit_tomorrow_has_only_the_confirmation() -> None:
    store = await after(booked(starts_at=NOW + timedelta(hours=20), ends_at=NOW + timedelta(hours=21)))
    assert store.kinds(State.PLANNED) == [Kind.CONFIRMATION]


async def test_a_visit_that_has_begun_is_not_announced() -> None:
    past: dict[str, Any] = {"starts_at": NOW - timedelta(hours=1), "ends_at": NOW}
    assert not (await after(booked(**past))).rows
    assert not (await after(cancelled(2, **past))).rows


async def test_redelivery_plans_nothing_new() -> None:
    assert len((await after(booked(), booked(), booked())).rows) == 4


async def test_moving_replaces_what_was_planned() -> None:
    store = await after(booked(), moved(2, starts_at=LATER))
    assert store.kinds(State.WITHDRAWN) == ALL
    assert store.kinds(State.PLANNED) == [Kind.MOVED, *REMINDERS]
    assert {row.message.starts_at for row in store.rows.values() if row.state is State.PLANNED} == {LATER}


async def test_moved_away_and_back_is_reminded_of_again() -> None:
    store = await after(booked(), moved(2, starts_at=LATER), moved(3))
    assert store.kinds(State.PLANNED) == [Kind.MOVED, *REMINDERS]
    assert {row.message.starts_at for row in store.rows.values() if row.state is State.PLANNED} == {START}


async def test_an_event_that_was_overtaken_tells_nothing() -> None:
    store = await after(moved(2, starts_at=LATER), booked())
    assert store.kinds(State.PLANNED) == [Kind.MOVED, *REMINDERS]
    assert len(store.rows) == 4


async def test_cancelling_before_the_booking_is_heard_of_leaves_only_the_cancellation() -> None:
    store = await after(cancelled(2), booked())
    assert store.kinds(State.PLANNED) == [Kind.CANCELLED]
    assert len(store.rows) == 1


async def test_arriving_withdraws_the_reminders() -> None:
    store = await after(booked(), checked_in(2))
    assert store.kinds(State.WITHDRAWN) == ALL
    assert not store.kinds(State.PLANNED)


HISTORY = [booked(), moved(2, starts_at=LATER), moved(3), moved(4, starts_at=LATER), cancelled(5)]


@given(st.integers(1, 5), st.randoms(use_true_random=False), st.lists(st.integers(0, 4), max_size=6))
async def test_order_and_repetition_do_not_matter(last: int, shuffle: random.Random, again: list[int]) -> None:
    history: list[Event] = [*HISTORY[:last]]
    repeated = [*history, *(history[index] for index in again if index < last)]
    shuffle.shuffle(repeated)
    expected = Counter((await after(*history)).kinds(State.PLANNED))
    assert Counter((await after(*repeated)).kinds(State.PLANNED)) == expected


async def test_quiet_hours_are_the_patients() -> None:
    store = FakeStore()
    store.recipients[RECIPIENT.patient_id] = RECIPIENT
    store.wanted[RECIPIENT.patient_id] = Preferences(RECIPIENT.patient_id, 1, timezone="Asia/Tokyo")
    await after(booked(), store=store)
    due = {row.message.kind: row.message.due_at for row in store.rows.values()}
    assert due[Kind.REMINDER_1D] == START - timedelta(days=1) + timedelta(hours=4)  # 04:00 to 08:00 in Tokyo
    assert due[Kind.CONFIRMATION] == NOW


async def test_the_directory_knows_the_facilitys_zone_better() -> None:
    store = FakeStore(facilities={"fac-0001": FacilityZone("fac-0001", 1, "America/Denver")})
    await after(booked(), store=store)
    assert {row.message.timezone for row in store.rows.values()} == {"America/Denver"}


async def test_other_events_are_refused() -> None:
    with pytest.raises(Invalid, match=r"directory\.patient-recorded\.v1"):
        await after(patient())
