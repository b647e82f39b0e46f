"""Anchors in S3 under Object Lock, compliance mode: until its date nobody deletes or overwrites a version.

Object Lock protects versions, not names: someone can put a new version or a delete marker on top. What counts is
therefore the oldest version of each object, and that there are more is itself told.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from services.audit.ports import StoredAnchor
from services.kernel.errors import Unavailable

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

T = TypeVar("T")
_KEY = re.compile(r"^anchors/([0-9]{12})\.json$")
_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict"}


class S3AnchorStorage:
    """ports.AnchorStorage over one bucket that was made with Object Lock."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    async def put(self, number: int, body: str, retain_until: datetime) -> str:
        """Keep ``body`` until then; return what is kept under ``number``, which is older if something was."""

        def put() -> str:
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=_key(number), Body=body.encode(), ContentType="application/json",
                    ChecksumAlgorithm="SHA256", IfNoneMatch="*",
                    ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=retain_until,
                )  # fmt: skip
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in _EXISTS:
                    raise
                return self._first_versions()[number].body
            return body

        return await _answered(put)

    async def everything(self) -> Sequence[StoredAnchor]:
        """Return every anchor ever written, by number, whatever was done to hide it."""
        found = await _answered(self._first_versions)
        return [found[number] for number in sorted(found)]

    async def ping(self) -> None:
        """Raise Unavailable unless the bucket answers."""
        await _answered(lambda: self._client.head_bucket(Bucket=self._bucket))

    def _first_versions(self) -> dict[int, StoredAnchor]:
        versions: dict[int, list[tuple[datetime, str]]] = {}
        markers: dict[int, int] = {}
        for page in self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix="anchors/"):
            for version in page.get("Versions", ()):
                if match := _KEY.match(version["Key"]):
                    versions.setdefault(int(match[1]), []).append((version["LastModified"], version["VersionId"]))
            for marker in page.get("DeleteMarkers", ()):
                if match := _KEY.match(marker["Key"]):
                    markers[int(match[1])] = markers.get(int(match[1]), 0) + 1
        found: dict[int, StoredAnchor] = {}
        for number, several in versions.items():
            # S3 lists the versions of a name newest first; times have whole seconds, so the order decides ties.
            oldest = min(reversed(several), key=lambda version: version[0])
            answer = self._client.get_object(Bucket=self._bucket, Key=_key(number), VersionId=oldest[1])
            body = answer["Body"].read().decode("utf-8", errors="replace")
            found[number] = StoredAnchor(number, body, len(several) + markers.get(number, 0))
        return found


def _key(number: int) -> str:
    return f"anchors/{number:012}.json"


async def _answered(call: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(call)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("The storage of anchors does not answer.", retry_after=5) from error
