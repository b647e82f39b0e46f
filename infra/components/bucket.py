"""One way to make a bucket: private, over TLS only, encrypted, versioned, its access on record, optionally write-once.

Write-once is S3 Object Lock. Where the environment is protected it is in compliance mode: not even the account's root
user can delete or shorten (45 CFR 164.312(c)(1), 164.316(b)(2)(i)). Elsewhere, where nobody's data are, in governance
mode, so that `careslot destroy` can end what was tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, DataClass, Scope


@dataclass(frozen=True, slots=True)
class BucketArgs:
    """``purpose`` completes the bucket's name, which is unique in all of AWS: account and region are in it.

    ``key_arn`` None means S3's own keys, which only a target of access logs may use (S3 user guide, "Enabling server
    access logging"). ``locked_days`` locks every object for so long; ``kept_days`` deletes old ones.
    ``statements`` admit AWS services; ``{bucket}`` in their resources becomes the bucket's ARN.
    """

    purpose: str
    data_class: DataClass
    key_arn: pulumi.Input[str] | None
    access_logs_bucket: pulumi.Input[str] | None
    locked_days: int | None = None
    kept_days: int | None = None
    service: str = "platform"
    statements: Sequence[Mapping[str, Any]] = field(default=())


class Bucket(Component):
    """A bucket and everything that makes it safe."""

    data_class = "phi"
    bucket_name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: BucketArgs, *, parent: pulumi.Resource | None = None) -> None:
        super().__init__(name, scope, data_class=args.data_class, service=args.service, parent=parent)
        self.args = args
        self.physical = bucket_name(scope, args.purpose)
        bucket = aws.s3.Bucket(
            name,
            bucket=self.physical,
            object_lock_enabled=args.locked_days is not None,
            force_destroy=not scope.environment.protected,
            opts=self.child(protect=scope.environment.protected),
        )
        self.bucket_name, self.arn = bucket.bucket, bucket.arn
        self._private(bucket)
        self._encrypted(bucket)
        versioning = aws.s3.BucketVersioning(
            name,
            bucket=bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=self.child(),
        )
        if args.locked_days is not None:
            self._locked(bucket, versioning, args.locked_days)
        self._lifecycle(bucket, versioning)
        if args.access_logs_bucket is not None:
            aws.s3.BucketLogging(
                name,
                bucket=bucket.id,
                target_bucket=args.access_logs_bucket,
                target_prefix=f"{args.purpose}/",
                opts=self.child(),
            )
        self.registered()

    def _private(self, bucket: aws.s3.Bucket) -> None:
        blocked = aws.s3.BucketPublicAccessBlock(
            self.name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.child(),
        )
        aws.s3.BucketOwnershipControls(
            self.name,
            bucket=bucket.id,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self.child(),
        )
        aws.s3.BucketPolicy(
            self.name, bucket=bucket.id, policy=self._policy(bucket), opts=self.child(depends_on=[blocked])
        )

    def _policy(self, bucket: aws.s3.Bucket) -> pulumi.Output[str]:
        tls_only = {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["{bucket}", "{bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        statements = [
            {**statement, "Resource": [self._resource(bucket, resource) for resource in statement["Resource"]]}
            for statement in (tls_only, *self.args.statements)
        ]
        return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})

    @staticmethod
    def _resource(bucket: aws.s3.Bucket, resource: str) -> pulumi.Output[str]:
        return pulumi.Output.concat(bucket.arn, resource.removeprefix("{bucket}"))

    def _encrypted(self, bucket: aws.s3.Bucket) -> None:
        by = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="AES256" if self.args.key_arn is None else "aws:kms", kms_master_key_id=self.args.key_arn
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            self.name,
            bucket=bucket.id,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=by, bucket_key_enabled=self.args.key_arn is not None
                )
            ],
            opts=self.child(),
        )

    def _locked(self, bucket: aws.s3.Bucket, versioning: aws.s3.BucketVersioning, days: int) -> None:
        mode = "COMPLIANCE" if self.scope.environment.protected else "GOVERNANCE"
        retention = aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(mode=mode, days=days)
        aws.s3.BucketObjectLockConfiguration(
            self.name,
            bucket=bucket.id,
            rule=aws.s3.BucketObjectLockConfigurationRuleArgs(default_retention=retention),
            opts=self.child(depends_on=[versioning]),
        )

    def _lifecycle(self, bucket: aws.s3.Bucket, versioning: aws.s3.BucketVersioning) -> None:
        days = self.args.kept_days
        rule = aws.s3.BucketLifecycleConfigurationRuleArgs(
            id="tidy",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            abort_incomplete_multipart_upload=(
                aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(days_after_initiation=7)
            ),
            expiration=(None if days is None else aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days)),
            noncurrent_version_expiration=(
                None
                if days is None
                else aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(noncurrent_days=30)
            ),
        )
        aws.s3.BucketLifecycleConfiguration(
            self.name, bucket=bucket.id, rules=[rule], opts=self.child(depends_on=[versioning])
        )


def bucket_name(scope: Scope, purpose: str) -> str:
    """Return a bucket's physical name: bucket names are shared by all of AWS, so account and region are part of it."""
    return f"{scope.named(purpose)}-{scope.environment.account}-{scope.region}"


def admitted(scope: Scope, service: str, sid: str, actions: Sequence[str], paths: Sequence[str]) -> Mapping[str, Any]:
    """Return a statement that admits an AWS service for this account, to the bucket's ``paths`` ("" is itself)."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": list(actions),
        "Resource": [f"{{bucket}}{path}" for path in paths],
        "Condition": {"StringEquals": {"aws:SourceAccount": scope.environment.account}},
    }
