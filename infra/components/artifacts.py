"""The zips that functions run from: uploaded by the deploy into the region's own bucket, one object a hash.

The deploy takes them from ``FOLDER`` at the repository's root, where ``careslot functions`` put them; which one, the
environment's file says by its SHA-256, so that what was tested is what runs and a rollback is a line changed back.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.bucket import Bucket, BucketArgs
from infra.components.functions import Code
from infra.zips import FOLDER, zip_name


@dataclass(frozen=True, slots=True)
class ArtifactsArgs:
    """``hashes``: SHA-256 of each service's zip, hexadecimal."""

    key_arn: pulumi.Input[str]
    access_logs_bucket: pulumi.Input[str] | None
    hashes: Mapping[str, str]


class Artifacts(Component):
    """A bucket with the code of a region's functions."""

    data_class = "internal"

    def __init__(self, name: str, scope: Scope, args: ArtifactsArgs, *, parent: pulumi.Resource | None = None) -> None:
        super().__init__(name, scope, parent=parent)
        bucket = Bucket(
            name,
            scope,
            BucketArgs("functions", "internal", args.key_arn, access_logs_bucket=args.access_logs_bucket),
            parent=self,
        )
        self.code: dict[str, Code] = {}
        for service, sha256 in args.hashes.items():
            # The engine runs programs inside infra/.
            file = pulumi.FileAsset(f"../{FOLDER}/{zip_name(service, sha256)}")
            uploaded = aws.s3.BucketObjectv2(
                f"{name}-{service}",
                bucket=bucket.bucket_name,
                key=zip_name(service, sha256),
                source=file,
                source_hash=sha256,
                server_side_encryption="aws:kms",
                kms_key_id=args.key_arn,
                tags={"service": service},
                opts=self.child(),
            )
            encoded = base64.b64encode(bytes.fromhex(sha256)).decode()
            self.code[service] = Code(uploaded.bucket, uploaded.key, uploaded.version_id, encoded)
        self.registered()
