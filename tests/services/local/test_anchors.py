"""An emulator that lost the anchors gets them back, and none that it has is touched."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from services.local.anchors import declare_locked_buckets, restore_anchors
from services.local.aws import Aws


def test_lost_anchors_come_back_and_those_there_stay(database: Callable[[str], str], aws: Aws) -> None:
    [bucket] = declare_locked_buckets(aws, prefix="restored-").values()
    url = database("audit")
    with psycopg.connect(url) as connection:
        for number in (1, 2):
            connection.execute("INSERT INTO anchors VALUES (%s, now(), %s, %s)", (number, bytes(32), f"body {number}"))
    aws.s3.put_object(Bucket=bucket, Key="anchors/000000000002.json", Body=b"was here")
    assert [restore_anchors(aws, url, bucket), restore_anchors(aws, url, bucket)] == [1, 0]
    bodies = [aws.s3.get_object(Bucket=bucket, Key=f"anchors/{number:012}.json")["Body"].read() for number in (1, 2)]
    assert bodies == [b"body 1", b"was here"]
    assert len(aws.s3.list_object_versions(Bucket=bucket)["Versions"]) == 2
