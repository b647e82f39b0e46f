"""The audit trail: write-once buckets of the topology, every touch of them recorded, and what watches the account."""

from __future__ import annotations

import json

import pytest

from infra.components.detection import CONFIG_RULES, GUARDDUTY_FEATURES
from infra.recording.graph import Resource
from services.contracts.topology import LOCKED_BUCKETS
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"


def retention(name: str) -> dict[str, dict[str, object]]:
    """Return how objects are locked, by bucket."""
    return {lock.name: lock.inputs["rule"]["defaultRetention"] for lock in stack(name).of_type(LOCK)}


@pytest.mark.parametrize("name", ["prod-us-east-1", "prod-us-west-2"])
def test_what_the_topology_locks_and_the_trail_cannot_be_deleted(name: str) -> None:
    declared = {f"audit-{bucket.name.removeprefix('careslot-')}" for bucket in LOCKED_BUCKETS}
    locked = retention(name)
    assert set(locked) == {"audit-trail", "audit-config", *declared}
    assert all(rule["mode"] == "COMPLIANCE" for rule in locked.values())
    assert all(rule["days"] == 7 * 366 for rule in locked.values())
    buckets = {b.name: b for b in stack(name).of_type("aws:s3/bucket:Bucket")}
    assert all(buckets[bucket].inputs["objectLockEnabled"] for bucket in locked)
    assert buckets["audit-audit-anchors"].tags["service"] == "audit"


def test_where_nobodys_data_are_a_lock_can_be_lifted() -> None:
    assert {rule["mode"] for rule in retention("dev-us-east-1").values()} == {"GOVERNANCE"}


def test_access_to_every_bucket_is_recorded_but_of_the_records() -> None:
    graph = stack("prod-us-east-1")
    logged = {logging.name for logging in graph.of_type("aws:s3/bucketLogging:BucketLogging")}
    assert logged == {b.name for b in graph.of_type("aws:s3/bucket:Bucket")} - {"audit-access-logs"}


def test_bucket_policies_admit_aws_for_this_account_and_nobody_else() -> None:
    for policy in stack("prod-us-west-2").of_type("aws:s3/bucketPolicy:BucketPolicy"):
        tls, *admitted = json.loads(policy.inputs["policy"])["Statement"]
        assert tls["Effect"] == "Deny"
        for statement in admitted:
            assert set(statement["Principal"]) == {"Service"}
            condition = statement["Condition"]
            account = condition.get("StringEquals", {}).get("aws:SourceAccount") == "333344445555"
            assert account or ":333344445555:" in condition["ArnLike"]["aws:SourceArn"]
            assert "s3:*" not in statement["Action"]


def selectors(trail: Resource) -> dict[str, dict[str, dict[str, object]]]:
    """Return a trail's event selectors: conditions by field, by title."""
    return {s["name"]: {f["field"]: f for f in s["fieldSelectors"]} for s in trail.inputs["advancedEventSelectors"]}


def test_the_trail_records_all_regions_and_each_object_of_buckets_with_phi() -> None:
    graph = stack("prod-us-west-2")
    (trail,) = graph.of_type("aws:cloudtrail/trail:Trail")
    assert all(trail.inputs[key] is True for key in ("enableLogFileValidation", "enableLogging", "isMultiRegionTrail"))
    objects = selectors(trail)["Objects of PHI buckets"]["resources.ARN"]["startsWiths"]
    phi = {b.mark for b in graph.of_type("aws:s3/bucket:Bucket") if b.data_class == "phi"}
    assert isinstance(objects, list)
    assert len(objects) == len(phi) == 3
    assert all(any(mark in text for mark in phi) and text.endswith("/") for text in objects)


def test_configuration_is_recorded_before_rules_judge_it() -> None:
    graph = stack("prod-us-east-1")
    (status,) = graph.of_type("aws:cfg/recorderStatus:RecorderStatus")
    assert status.inputs["isEnabled"] is True
    rules = graph.of_type("aws:cfg/rule:Rule")
    assert {r.inputs["source"]["sourceIdentifier"] for r in rules} == set(CONFIG_RULES)
    assert all(status.urn in r.depends_on for r in rules)
    (retained,) = graph.of_type("aws:cfg/retentionConfiguration:RetentionConfiguration")
    assert 30 <= retained.inputs["retentionPeriodInDays"] <= 2557


@pytest.mark.parametrize("name", ["prod-us-east-1", "prod-us-west-2"])
def test_each_region_is_watched(name: str) -> None:
    graph = stack(name)
    (detector,) = graph.of_type("aws:guardduty/detector:Detector")
    assert detector.inputs["enable"] is True
    features = graph.of_type("aws:guardduty/detectorFeature:DetectorFeature")
    assert {f.inputs["name"] for f in features if f.inputs["status"] == "ENABLED"} == set(GUARDDUTY_FEATURES)
    standards = graph.of_type("aws:securityhub/standardsSubscription:StandardsSubscription")
    assert {s.inputs["standardsArn"].split(":")[3] for s in standards} == {graph.region}
    (job,) = graph.of_type("aws:macie2/classificationJob:ClassificationJob")
    (searched,) = job.inputs["s3JobDefinition"]["bucketDefinitions"]
    assert len(searched["buckets"]) == 3
    kinds = {a.inputs["type"] for a in graph.of_type("aws:accessanalyzer/analyzer:Analyzer")}
    assert "ACCOUNT" in kinds
