"""Anchors lie where nobody can change them, follow one another, and catch whoever rewrites the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from services.audit.adapters.postgres_anchors import OVERDUE, begin_anchoring
from services.audit.domain.anchors import next_anchor
from services.audit.domain.findings import Kind
from services.audit.settings import Settings
from services.audit.usecases.anchor import AnchorHeads, retain_until
from services.kernel.errors import Conflict, Unavailable
from services.local.aws import Aws
from tests.services.audit.chains import NOON, entry
from tests.services.audit.conftest import AuditTrail, Tamper
from tests.services.kernel.overdue import seconds_late

KEY = "anchors/000000000001.json"


async def test_an_anchor_holds_what_moved_and_nothing_else(trail: AuditTrail) -> None:
    assert await trail.anchor() is None
    await trail.take([entry(n, service=s) for n in range(3) for s in ("booking", "directory")])
    first = await trail.anchor()
    assert first is not None and [(one.key.service, one.head.seq) for one in first.heads] == [
        ("booking", 3),
        ("directory", 3),
    ]
    assert await trail.anchor() is None
    await trail.take([entry(4)])
    second = await trail.anchor()
    assert second is not None and [(one.key.service, one.head.seq) for one in second.heads] == [("booking", 4)]
    assert (second.number, second.previous) == (2, first.hash)
    assert [stored.body for stored in await trail.storage.everything()] == [first.body(), second.body()]
    verdict = await trail.verify()
    assert (verdict.anchors, verdict.findings) == (2, [])


async def test_a_day_that_is_over_is_closed_and_anchored_for_good(trail: AuditTrail) -> None:
    await trail.take([entry(1)])
    await trail.anchor()
    trail.clock.at = datetime(2027, 1, 5, 0, 4, tzinfo=UTC)
    assert await trail.anchor() is None
    trail.clock.at = datetime(2027, 1, 5, 0, 6, tzinfo=UTC)
    last = await trail.anchor()
    assert last is not None and [one.final for one in last.heads] == [True]
    trail.clock.at += timedelta(days=5)
    assert await trail.anchor() is None


async def test_nobody_deletes_or_replaces_an_anchor(trail: AuditTrail, aws: Aws) -> None:
    await trail.take([entry(1)])
    await trail.anchor()
    head = aws.s3.head_object(Bucket=trail.bucket, Key=KEY)
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert head["ObjectLockRetainUntilDate"] >= NOON.replace(year=NOON.year + 6)
    with pytest.raises(ClientError, match="AccessDenied"):
        aws.s3.delete_object(Bucket=trail.bucket, Key=KEY, VersionId=head["VersionId"], BypassGovernanceRetention=True)
    with pytest.raises(ClientError, match=r"AccessDenied|InvalidRequest"):
        aws.s3.put_object_retention(
            Bucket=trail.bucket, Key=KEY, VersionId=head["VersionId"],
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": NOON},
        )  # fmt: skip
    assert (await trail.verify()).findings == []


async def test_a_version_or_a_marker_on_top_hides_nothing_and_is_told(trail: AuditTrail, aws: Aws) -> None:
    await trail.take([entry(1)])
    anchor = await trail.anchor()
    aws.s3.put_object(Bucket=trail.bucket, Key=KEY, Body=b"{}")
    aws.s3.delete_object(Bucket=trail.bucket, Key=KEY)
    assert anchor is not None
    assert [(s.body, s.versions) for s in await trail.storage.everything()] == [(anchor.body(), 3)]
    [finding] = (await trail.verify()).findings
    assert (finding.kind, finding.seq) == (Kind.ANCHOR_CHANGED, 1)


async def test_history_made_anew_with_every_hash_contradicts_the_anchor(trail: AuditTrail, tamper: Tamper) -> None:
    await trail.take([entry(n) for n in range(4)])
    await trail.anchor()
    await trail.take([entry(n) for n in range(4, 9)])
    await trail.anchor()
    tamper(
        """
        WITH RECURSIVE changed AS (
            SELECT seq, CASE seq WHEN 6 THEN replace(record, 'user-', 'nobody-') ELSE record END AS record FROM entries
        ), made AS (
            SELECT c.seq, c.record, e.previous, sha256(e.previous || convert_to(c.record, 'UTF8')) AS hash
            FROM changed c JOIN entries e USING (seq) WHERE seq = 6
            UNION ALL
            SELECT c.seq, c.record, m.hash, sha256(m.hash || convert_to(c.record, 'UTF8'))
            FROM made m JOIN changed c ON c.seq = m.seq + 1
        )
        UPDATE entries SET record = made.record, previous = made.previous, hash = made.hash,
            subject = CASE entries.seq WHEN 6 THEN replace(subject, 'user-', 'nobody-') ELSE subject END
        FROM made WHERE made.seq = entries.seq
        """
    )
    tamper("UPDATE chains SET hash = (SELECT hash FROM entries WHERE seq = 9)")
    [finding] = (await trail.verify()).findings
    assert (finding.kind, finding.service, finding.seq) == (Kind.REWRITTEN, "booking", 5)
    assert "numbers 5 to 9" in finding.detail


async def test_a_whole_day_that_is_gone_is_missed(trail: AuditTrail, tamper: Tamper) -> None:
    await trail.take([entry(n) for n in range(4)])
    await trail.anchor()
    tamper("DELETE FROM entries")
    tamper("DELETE FROM chains")
    tamper("DELETE FROM inbox")
    [finding] = (await trail.verify(service="booking")).findings
    assert (finding.kind, finding.detail) == (Kind.MISSING, "the whole chain is gone; an anchor counts 4 entries")


async def test_an_anchor_that_could_not_be_recorded_is_taken_up_again(trail: AuditTrail) -> None:
    await trail.take([entry(1)])
    async with begin_anchoring(trail.database)() as ledger:
        written = next_anchor(None, await ledger.heads(), trail.clock.now())
    await trail.storage.put(1, written.body(), retain_until(NOON, 6))
    await trail.take([entry(2)])
    trail.clock.at += timedelta(minutes=5)
    assert await trail.anchor() == written
    following = await trail.anchor()
    assert following is not None and (following.number, following.heads[0].head.seq) == (2, 2)
    assert (await trail.verify()).findings == []


async def test_a_foreign_anchor_in_the_way_is_an_error(trail: AuditTrail) -> None:
    await trail.take([entry(1)])
    await trail.storage.put(1, "{}", retain_until(NOON, 6))
    with pytest.raises(Conflict, match="verify"):
        await trail.anchor()
    assert [f.kind for f in (await trail.verify()).findings] == [Kind.ANCHOR_CHANGED]


async def test_an_anchor_that_storage_lost_is_told(trail: AuditTrail, aws: Aws, bucket: str) -> None:
    await trail.take([entry(1)])
    await trail.anchor()
    aws.s3.create_bucket(Bucket=f"{bucket}-b", ObjectLockEnabledForBucket=True)
    elsewhere = AuditTrail(trail.dsn, trail.database, type(trail.storage)(aws.s3, f"{bucket}-b"), f"{bucket}-b")
    assert [(f.kind, f.seq) for f in (await elsewhere.verify()).findings] == [(Kind.ANCHOR_MISSING, 1)]


async def test_one_process_anchors_at_a_time(trail: AuditTrail) -> None:
    await trail.take([entry(1)])
    async with begin_anchoring(trail.database)() as ledger:
        assert await ledger.claim()
        assert await trail.anchor() is None
    assert await trail.anchor() is not None


async def test_storage_that_does_not_answer_stops_nothing_else(trail: AuditTrail, aws: Aws) -> None:
    await trail.take([entry(1)])
    nowhere = type(trail.storage)(aws.s3, "careslot-no-such-bucket")
    with pytest.raises(Unavailable):
        await AnchorHeads(begin_anchoring(trail.database), nowhere, trail.clock).run()
    with pytest.raises(Unavailable):
        await nowhere.ping()
    assert await trail.take([entry(2)]) == 1
    assert await trail.anchor() is not None


def test_retention_is_at_least_six_years() -> None:
    assert retain_until(datetime(2028, 2, 29, tzinfo=UTC), 6) == datetime(2034, 3, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="six years"):
        retain_until(NOON, 5)


def test_settings_refuse_less_than_six_years(monkeypatch: pytest.MonkeyPatch) -> None:
    required = {
        "DATABASE_URL": "postgresql://x", "TOKEN_ISSUER": "i", "TOKEN_AUDIENCES": "a", "TOKEN_JWKS_URL": "j",
        "ACCESS_POLICIES": "p",
    }  # fmt: skip
    for name, value in required.items():
        monkeypatch.setenv(f"CARESLOT_{name}", value)
    assert Settings().retention_years == 6
    monkeypatch.setenv("CARESLOT_RETENTION_YEARS", "5")
    with pytest.raises(ValidationError, match="greater than or equal to 6"):
        Settings()


async def test_how_long_entries_wait_for_an_anchor_is_told_of_the_oldest_beyond_them(trail: AuditTrail) -> None:
    assert await seconds_late(trail.database, OVERDUE) is None
    await trail.take([entry(1), entry(2)])
    waiting = (datetime.now(UTC) - NOON).total_seconds()
    assert await seconds_late(trail.database, OVERDUE) == pytest.approx(waiting, abs=3600)
    await trail.anchor()
    assert await seconds_late(trail.database, OVERDUE) is None
    await trail.take([entry(3, service="directory")])
    assert await seconds_late(trail.database, OVERDUE) is not None
