"""What must be true everywhere once a rush is over: looked up in each service's own tables."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from services.local.aws import Aws
from services.local.seeding import queued
from services.local.state import PlatformState

SETTLE_SECONDS = 120.0
OVERLAPPING = """
    SELECT a.appointment_id, b.appointment_id FROM claim a
    JOIN claim b ON (a.kind, a.resource_id, a.lane) = (b.kind, b.resource_id, b.lane)
        AND a.appointment_id < b.appointment_id AND a.period && b.period
"""
SENT_TWICE = "SELECT message_id FROM deliveries WHERE state = 'sent' GROUP BY 1 HAVING count(*) > 1"


def rows(state: PlatformState, service: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Return what a service's database says."""
    with psycopg.connect(state.databases[service], autocommit=True) as connection:
        return connection.execute(query, values or None).fetchall()


def settle(state: PlatformState) -> None:
    """Wait until every event has left its outbox and every queue is empty."""
    aws = Aws(state.emulator)
    deadline = time.monotonic() + SETTLE_SECONDS
    quiet = 0
    while quiet < 3:
        unsent = sum(
            rows(state, name, "SELECT count(*) FROM outbox WHERE channel = 'bus' AND sent_at IS NULL")[0][0]
            for name in state.databases
        )
        waiting = unsent + queued(aws)
        quiet = 0 if waiting else quiet + 1
        assert time.monotonic() < deadline, f"{unsent} events unsent, {waiting - unsent} queued"
        time.sleep(0.2)


def assert_booked_once(state: PlatformState, won: Mapping[str, str], slots: Sequence[Mapping[str, Any]]) -> None:
    """``won`` maps slot ids to the appointments clients were told of: nothing lost, nothing doubled, anywhere."""
    wanted = [slot["slot"]["slot_id"] for slot in slots]
    found = rows(
        state, "booking",
        "SELECT slot_id, id::text FROM appointment WHERE slot_id = ANY(%s) AND status = 'booked'", wanted,
    )  # fmt: skip
    assert dict(found) == dict(won)
    assert len(found) == len(won)
    ids = sorted(won.values())
    history = rows(
        state, "booking",
        "SELECT appointment_id::text, count(*), max(version) FROM status_history "
        "WHERE appointment_id = ANY(%s::uuid[]) GROUP BY 1 ORDER BY 1", ids,
    )  # fmt: skip
    assert history == [(id_, 1, 1) for id_ in ids]
    events = rows(
        state, "booking",
        "SELECT data->>'appointment_id', count(*), count(sent_at) FROM outbox WHERE channel = 'bus' "
        "AND data->>'appointment_id' = ANY(%s) GROUP BY 1 ORDER BY 1", ids,
    )  # fmt: skip
    assert events == [(id_, 1, 1) for id_ in ids]
    busy = rows(
        state, "availability",
        "SELECT appointment_id::text FROM busy WHERE live AND appointment_id::text = ANY(%s) ORDER BY 1", ids,
    )  # fmt: skip
    assert busy == [(id_,) for id_ in ids]
    told = rows(
        state, "notifications",
        "SELECT appointment_id::text, count(*) FROM messages WHERE kind = 'confirmation' "
        "AND appointment_id = ANY(%s::uuid[]) GROUP BY 1 ORDER BY 1", ids,
    )  # fmt: skip
    assert told == [(id_, 1) for id_ in ids]
    assert rows(state, "booking", OVERLAPPING) == []
    assert rows(state, "notifications", SENT_TWICE) == []
