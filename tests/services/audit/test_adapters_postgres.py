"""Chains in real PostgreSQL: each entry once, in one order whatever writes at the same time, and never changed."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from services.audit.consumers import on_entries
from services.audit.domain.chain import ChainKey, day_of
from services.audit.domain.findings import Kind
from services.kernel.errors import Invalid, Unavailable
from services.kernel.outbox import Envelope
from tests.services.audit.chains import DAY, KEY, NOON, entry
from tests.services.audit.conftest import AuditTrail, Tamper, envelope


async def test_entries_form_a_chain_a_service_and_day(trail: AuditTrail) -> None:
    assert await trail.take([entry(n, service=s) for n in range(3) for s in ("booking", "directory")]) == 6
    trail.clock.at += timedelta(days=1)
    assert await trail.take([entry(7)]) == 1
    verdict = await trail.verify()
    assert (verdict.chains, verdict.entries, verdict.findings) == (3, 7, [])
    assert (await trail.verify(service="booking")).chains == 2
    assert (await trail.verify(service="booking", day=DAY)).entries == 3


async def test_an_entry_again_is_kept_once(trail: AuditTrail) -> None:
    entries = [entry(n) for n in range(5)]
    assert await trail.take(entries[:3]) == 3
    assert await trail.take([*entries, entries[4]]) == 2
    assert await trail.take(entries) == 0
    assert await trail.count() == 5
    assert (await trail.verify()).findings == []


async def test_a_late_entry_joins_the_day_it_arrives_and_keeps_its_own_time(trail: AuditTrail) -> None:
    late = entry(1, at=NOON - timedelta(days=3))
    await trail.take([late])
    row = await trail.count("SELECT (day, at)::text FROM entries")
    assert row == f'({DAY},"2027-01-01 12:00:01+00")'.replace("12:00:01", f"{late.at:%H:%M:%S}")
    assert (await trail.verify()).findings == []


async def test_many_writers_make_one_chain(trail: AuditTrail) -> None:
    batches = [
        [entry(n * 10 + m, service=random.choice(["booking", "directory"])) for m in range(10)] for n in range(30)
    ]
    again = random.sample(batches, 10)
    taken = await asyncio.gather(*(trail.take(batch) for batch in [*batches, *again]))
    assert sum(taken) == await trail.count() == 300
    verdict = await trail.verify()
    assert (verdict.chains, verdict.entries, verdict.findings) == (2, 300, [])


async def test_a_failed_batch_leaves_nothing(trail: AuditTrail) -> None:
    good, bad = envelope(entry(1)), envelope(entry(2))
    bad = Envelope(bad.id, bad.type, bad.source, bad.occurred_at, "", {**bad.data, "roles": "none"})
    with pytest.raises(Invalid, match="roles"):
        async with trail.database.transaction() as connection:
            await on_entries([good, bad], trail.bind(connection))
    assert await trail.count() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET subject = 'x'",
        "DELETE FROM entries",
        "TRUNCATE entries",
        "DELETE FROM chains",
        "UPDATE chains SET seq = seq - 1",
        "UPDATE chains SET hash = sha256('x')",
        "UPDATE chains SET day = day + 1",
        "UPDATE chains SET anchored_seq = seq + 1",
    ],
)
async def test_the_service_itself_can_only_add(trail: AuditTrail, statement: str) -> None:
    await trail.take([entry(1)])
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        async with trail.database.transaction() as connection:
            await connection.execute(statement)


async def test_a_closed_day_takes_nothing(trail: AuditTrail) -> None:
    await trail.take([entry(1)])
    trail.clock.at += timedelta(days=1)
    await trail.anchor()
    trail.clock.at -= timedelta(days=1)
    with pytest.raises(Unavailable, match="clock is behind"):
        await trail.take([entry(2)])
    assert await trail.count() == 1


async def test_verification_of_a_snapshot_is_not_disturbed_by_what_arrives(trail: AuditTrail) -> None:
    await trail.take([entry(n) for n in range(50)])
    stop = False

    async def keep_writing() -> None:
        number = 50
        while not stop:
            await trail.take([entry(number + n) for n in range(5)])
            await trail.anchor()
            number += 5

    writing = asyncio.create_task(keep_writing())
    for _ in range(5):
        assert (await trail.verify()).findings == []
    stop = True
    await writing


CHANGE = "UPDATE entries SET record = replace(record, 'user-', 'nobody-') WHERE seq = 4"
FORGE = """
    INSERT INTO entries SELECT service, day, 11, gen_random_uuid(), at, about, subject, outcome, break_glass,
        facilities, hash, sha256(hash || convert_to(record, 'UTF8')), record FROM entries WHERE seq = 10
"""


@pytest.mark.parametrize(
    ("how", "kind", "seqs"),
    [
        ([CHANGE], Kind.CHANGED, {4}),
        (["UPDATE entries SET about = 'pat-x' WHERE seq = 4"], Kind.CHANGED, {4}),
        (["UPDATE entries SET at = at - interval '1 year' WHERE seq = 4"], Kind.CHANGED, {4}),
        (["DELETE FROM entries WHERE seq = 4"], Kind.MISSING, {4}),
        (["DELETE FROM entries WHERE seq BETWEEN 9 AND 10"], Kind.TRUNCATED, {9}),
        (
            [
                "UPDATE entries SET seq = 99 WHERE seq = 3",
                "UPDATE entries SET seq = 3 WHERE seq = 7",
                "UPDATE entries SET seq = 7 WHERE seq = 99",
            ],
            Kind.REORDERED,
            {3, 7},
        ),
        ([FORGE], Kind.APPENDED, {11}),
    ],
)
async def test_tampering_in_the_database_is_found_and_located(
    trail: AuditTrail, tamper: Tamper, how: list[str], kind: Kind, seqs: set[int]
) -> None:
    entries = [entry(n) for n in range(10)]
    await trail.take(entries)
    await trail.take([entry(n, service="directory") for n in range(3)])
    tamper("UPDATE entries SET seq = seq + 100 WHERE service = 'directory'")
    for statement in how:
        tamper(statement)
    tamper("UPDATE entries SET seq = seq - 100 WHERE service = 'directory'")
    verdict = await trail.verify()
    placed = [f for f in verdict.findings if f.seq]
    assert {(f.kind, f.seq, f.service, f.day) for f in placed} >= {(kind, seq, "booking", DAY) for seq in seqs}
    assert {f.seq for f in placed} == seqs
    if kind is Kind.MISSING:
        assert [f.entry_id for f in verdict.findings] == [entries[3].id], "the inbox knows which one it was"
    assert (await trail.verify(service="directory")).findings == []


async def test_a_truncated_tail_with_its_head_is_known_to_the_inbox(trail: AuditTrail, tamper: Tamper) -> None:
    entries = [entry(n) for n in range(6)]
    await trail.take(entries)
    await trail.anchor()
    await trail.take([entry(6)])
    lost = await trail.count("SELECT entry_id FROM entries WHERE seq = 7")
    tamper("DELETE FROM entries WHERE seq = 7")
    tamper("UPDATE chains SET seq = 6, hash = (SELECT hash FROM entries WHERE seq = 6)")
    assert [(f.kind, f.entry_id) for f in (await trail.verify()).findings] == [(Kind.MISSING, lost)]


async def test_a_head_that_was_deleted_hides_no_chain(trail: AuditTrail, tamper: Tamper) -> None:
    await trail.take([entry(n) for n in range(3)])
    tamper("DELETE FROM chains")
    assert [f.kind for f in (await trail.verify()).findings] == [Kind.HEAD]


def test_the_key_of_a_chain_reads_as_service_and_day() -> None:
    assert str(KEY) == "booking 2027-01-04"
    assert ChainKey("a", date(2027, 1, 2)) < KEY < ChainKey("booking", day_of(datetime(2027, 1, 5, tzinfo=UTC)))
