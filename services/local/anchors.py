"""Brings the audit trail's anchors back into an emulator that lost them.

On the laptop only: there the emulator's memory is not where truth lives, and begins empty on another port. In AWS
nothing can lose an anchor, nothing puts one back, and one that is missing is a finding.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
from botocore.exceptions import ClientError

from services.contracts.topology import LOCKED_BUCKETS
from services.local.aws import Aws

A_YEAR = timedelta(days=366)


def restore_anchors(aws: Aws, database_url: str, bucket: str = "") -> int:
    """Put the anchors that the audit database recorded and the bucket lacks into it; return how many those were."""
    [locked] = [one for one in LOCKED_BUCKETS if one.service == "audit"]
    with psycopg.connect(database_url) as connection:
        recorded = connection.execute("SELECT number, body FROM anchors ORDER BY number").fetchall()
    until = datetime.now(UTC) + locked.retention_years * A_YEAR
    return sum(_put(aws, bucket or locked.name, int(number), str(body), until) for number, body in recorded)


def _put(aws: Aws, bucket: str, number: int, body: str, until: datetime) -> bool:
    try:
        aws.s3.put_object(
            Bucket=bucket, Key=f"anchors/{number:012}.json", Body=body.encode(), ContentType="application/json",
            IfNoneMatch="*", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until,
        )  # fmt: skip
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "PreconditionFailed":
            raise
        return False
    return True
