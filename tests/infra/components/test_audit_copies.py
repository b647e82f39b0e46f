"""Anchors in the other region: copied both ways, by the other region's key, into a bucket that is locked as well."""

from __future__ import annotations

import json

import pytest

from services.contracts.topology import LOCKED_BUCKETS
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")
COPY = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
REGIONS = ("us-east-1", "us-west-2")


@pytest.mark.parametrize(("here", "there"), [REGIONS, REGIONS[::-1]])
def test_what_the_topology_locks_is_copied_to_a_locked_bucket_by_its_own_key(here: str, there: str) -> None:
    routing, source, target = stack("prod-routing"), stack(f"prod-{here}"), stack(f"prod-{there}")
    copies = [c for c in routing.of_type(COPY) if c.inputs["region"] == here]
    assert len(copies) == len(LOCKED_BUCKETS)
    for bucket in LOCKED_BUCKETS:
        (copy,) = [c for c in copies if c.inputs["bucket"] == source.outputs["audit_buckets"][bucket.name]]
        (rule,) = copy.inputs["rules"]
        name = target.outputs["audit_buckets"][bucket.name]
        assert rule["status"] == "Enabled"
        assert rule["filter"] == {"prefix": ""}
        assert rule["deleteMarkerReplication"]["status"] == "Disabled"
        assert rule["sourceSelectionCriteria"]["sseKmsEncryptedObjects"]["status"] == "Enabled"
        assert rule["destination"]["bucket"] == f"arn:aws:s3:::{name}"
        assert rule["destination"]["encryptionConfiguration"]["replicaKmsKeyId"] == target.outputs["key_arns"]["audit"]
        assert rule["destination"]["replicationTime"]["status"] == "Enabled"
        (there_too,) = [b for b in target.of_type("aws:s3/bucket:Bucket") if b.inputs["bucket"] == name]
        assert there_too.inputs["objectLockEnabled"] is True
        locks = target.of_type("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")
        (lock,) = [one for one in locks if there_too in target.mentioned(one)]
        assert lock.inputs["rule"]["defaultRetention"]["mode"] == "COMPLIANCE"


def test_whoever_copies_may_neither_delete_nor_shorten() -> None:
    routing = stack("prod-routing")
    policies = [p for p in routing.of_type("aws:iam/rolePolicy:RolePolicy") if p.name.startswith("audit-copies-")]
    assert len(policies) == len(LOCKED_BUCKETS) * len(REGIONS)
    for policy in policies:
        allowed = [a for s in json.loads(policy.inputs["policy"])["Statement"] for a in s["Action"]]
        assert {"s3:GetObjectRetention", "s3:ReplicateObject"} <= set(allowed)
        assert not [a for a in allowed if "Delete" in a or "Put" in a or "Bypass" in a]


def test_a_copy_that_fails_wakes_the_region_it_comes_from() -> None:
    alarms = [
        a for a in stack("prod-routing").resources if a.name.startswith("audit-copies-") and "metricName" in a.inputs
    ]
    assert {(a.inputs["region"], a.inputs["metricName"]) for a in alarms} == {
        (region, "OperationsFailedReplication") for region in REGIONS
    }
    for alarm in alarms:
        region = alarm.inputs["region"]
        (topic,) = [t for t in stack(f"prod-{region}").of_type("aws:sns/topic:Topic") if t.name == "alarms"]
        assert alarm.inputs["alarmActions"] == [f"arn:aws:sns:{region}:333344445555:{topic.inputs['name']}"]


def test_where_there_is_one_region_there_is_nothing_to_copy_to() -> None:
    assert not stack("dev-routing").of_type(COPY)
