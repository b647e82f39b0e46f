"""The write-once buckets of the emulated account, and the audit trail's anchors brought back where it lost them.

On the laptop only: there the emulator's memory is not where truth lives, and begins empty on another port. In AWS
nothing can lose an anchor, nothing puts one back, and one that is missing is a finding.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import psycopg
from botocore.exceptions import ClientError

from services.contracts.topology import LOCKED_BUCKETS, LockedBucket
from services.local.aws import Aws

A_YEAR = timedelta(days=366)


def declare_locked_buckets(
    aws: Aws, buckets: Iterable[LockedBucket] = LOCKED_BUCKETS, *, prefix: str = ""
) -> dict[str, str]:
    """Make the write-once buckets; return their names by the topology's names.

    A killed emulator may come back with the objects and without the bucket's settings, so all are made sure of. The
    default retention is a second belt: whoever writes says how long to keep each object.
    """
    made = {bucket.name: prefix + bucket.name for bucket in buckets}
    for bucket in buckets:
        name = made[bucket.name]
        try:
            aws.s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
        except (aws.s3.exceptions.BucketAlreadyOwnedByYou, aws.s3.exceptions.BucketAlreadyExists):
            pass
        aws.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        aws.s3.put_object_lock_configuration(
            Bucket=name,
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": bucket.retention_years}},
            },
        )
    return made


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
