"""Buckets: what each has whatever it is for, and what only some have."""

from __future__ import annotations

import json

import pytest

from infra.components.bucket import Bucket, BucketArgs, admitted
from infra.recording.graph import Recording, Resource
from tests.fixtures.estate import Box, in_a_box

pytestmark = pytest.mark.xdist_group("estate")
KEY = "arn:aws:kms:us-east-1:111122223333:key/abc"


def made(**changes: object) -> Recording:
    """Record a bucket called ``papers``."""

    def make(box: Box) -> None:
        statements = [admitted(box.scope, "config.amazonaws.com", "Writes", ["s3:PutObject"], ["/AWSLogs/*"])]
        args = {"key_arn": KEY, "access_logs_bucket": "logs", "statements": statements, **changes}
        Bucket("papers", box.scope, BucketArgs(purpose="papers", data_class="phi", **args), parent=box)  # type: ignore[arg-type]

    return in_a_box(make)


def only(recording: Recording, type_: str) -> Resource | None:
    """Return the one resource of a type; None if there is none."""
    found = [r for r in recording.resolved.resources if r.custom and r.type.endswith(f":{type_}")]
    assert len(found) <= 1
    return found[0] if found else None


def test_a_bucket_is_private_encrypted_versioned_and_named_for_account_and_region() -> None:
    recording = made()
    assert recording.faults == ()
    bucket, policy = only(recording, "Bucket"), only(recording, "BucketPolicy")
    assert bucket is not None
    assert policy is not None
    assert bucket.inputs["bucket"] == "careslot-dev-papers-111122223333-us-east-1"
    deny, allow = json.loads(policy.inputs["policy"])["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert allow["Resource"][0].endswith("/AWSLogs/*")
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}
    encryption = only(recording, "BucketServerSideEncryptionConfiguration")
    assert encryption is not None
    by = encryption.inputs["rules"][0]["applyServerSideEncryptionByDefault"]
    assert by == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}


def test_a_lock_a_term_and_a_log_are_there_when_asked_for() -> None:
    plain = made(access_logs_bucket=None)
    assert only(plain, "BucketObjectLockConfiguration") is None
    assert only(plain, "BucketLogging") is None
    lifecycle = only(plain, "BucketLifecycleConfiguration")
    assert lifecycle is not None
    assert "expiration" not in lifecycle.inputs["rules"][0]
    full = made(locked_days=10, kept_days=400)
    lock, lifecycle = only(full, "BucketObjectLockConfiguration"), only(full, "BucketLifecycleConfiguration")
    assert lock is not None
    assert lifecycle is not None
    assert lock.inputs["rule"] == {"defaultRetention": {"mode": "GOVERNANCE", "days": 10}}
    assert lifecycle.inputs["rules"][0]["expiration"] == {"days": 400}
