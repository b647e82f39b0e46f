"""Databases: global, private, IAM sign-in, TLS only, no values in the log, passwords kept as secrets and rotated."""

from __future__ import annotations

import json

import pytest

from infra.components.database import CLUSTERS, INSIGHTS_DAYS
from infra.recording.graph import Resource
from tests.fixtures.estate import recorded, stack

pytestmark = pytest.mark.xdist_group("estate")
CLUSTER = "aws:rds/cluster:Cluster"


def cluster(name: str, database: str) -> Resource:
    """Return a database's cluster in a stack."""
    return next(c for c in stack(name).of_type(CLUSTER) if c.name == f"database-{database}")


def test_booking_is_apart_and_both_are_global() -> None:
    globals_ = stack("prod-foundation").of_type("aws:rds/globalCluster:GlobalCluster")
    assert {g.inputs["globalClusterIdentifier"] for g in globals_} == {f"careslot-prod-{name}" for name in CLUSTERS}
    assert all(g.inputs["storageEncrypted"] and g.inputs["deletionProtection"] for g in globals_)
    booking, shared = cluster("prod-us-east-1", "booking"), cluster("prod-us-east-1", "shared")
    assert booking.tags["service"] == "booking"
    assert booking.inputs["globalClusterIdentifier"] != shared.inputs["globalClusterIdentifier"]


@pytest.mark.parametrize("name", ["dev-us-east-1", "prod-us-east-1", "prod-us-west-2"])
def test_clusters_are_encrypted_private_and_take_iam_sign_in(name: str) -> None:
    graph = stack(name)
    for found in graph.of_type(CLUSTER):
        inputs = found.inputs
        assert inputs["storageEncrypted"] is True
        assert inputs["iamDatabaseAuthenticationEnabled"] is True
        assert inputs["enabledCloudwatchLogsExports"] == ["iam-db-auth-error", "postgresql"]
        (group,) = [r for r in graph.mentioned(found) if r.type == "aws:ec2/securityGroup:SecurityGroup"]
        (rule,) = [
            r
            for r in graph.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
            if group.mark in r.marks
        ]
        assert (rule.inputs["fromPort"], rule.inputs["cidrIpv4"][:3]) == (5432, "10.")
        assert not [k for k in inputs if k.startswith("manageMaster")]
    instances = graph.of_type("aws:rds/clusterInstance:ClusterInstance")
    assert all(i.inputs["publiclyAccessible"] is False and i.inputs["performanceInsightsEnabled"] for i in instances)
    assert {i.inputs["instanceClass"] for i in instances} == {"db.serverless"}


def test_only_the_region_that_writes_has_a_master_password_and_it_is_a_secret() -> None:
    writer, standby = cluster("prod-us-east-1", "booking"), cluster("prod-us-west-2", "booking")
    assert writer.secrets == ("masterPassword",)
    assert {"masterUsername", "masterPassword"}.isdisjoint(standby.inputs)
    primary = stack("prod-us-east-1")
    for version in primary.of_type("aws:secretsmanager/secretVersion:SecretVersion"):
        assert version.secrets == ("secretString",)
        assert version.options["ignoreChanges"] == ["secretString"]
        assert json.loads(version.inputs["secretString"])["username"] == "careslot_master"
    rotations = primary.of_type("aws:secretsmanager/secretRotation:SecretRotation")
    assert {r.inputs["rotationRules"]["automaticallyAfterDays"] for r in rotations} == {30}
    assert len(rotations) == len(CLUSTERS)
    unknown = recorded("prod")["prod-us-east-1"].unresolved
    assert all(c.secrets == ("masterPassword",) for c in unknown.of_type(CLUSTER))


def test_tls_is_forced_and_values_stay_out_of_the_log() -> None:
    for name, lag in (("prod-us-east-1", "60"), ("dev-us-east-1", None)):
        for group in stack(name).of_type("aws:rds/clusterParameterGroup:ClusterParameterGroup"):
            values = {p["name"]: p["value"] for p in group.inputs["parameters"]}
            assert values["rds.force_ssl"] == "1"
            assert values["log_parameter_max_length"] == values["log_parameter_max_length_on_error"] == "0"
            assert values["log_error_verbosity"] == "terse"
            assert values["log_min_error_statement"] == "panic"
            assert values.get("rds.global_db_rpo") == lag
            assert group.inputs["family"] == "aurora-postgresql17"


def test_readers_capacity_and_what_insights_keep_are_settings() -> None:
    prod, dev = stack("prod-us-east-1"), stack("dev-us-east-1")
    instances = "aws:rds/clusterInstance:ClusterInstance"
    assert (len(prod.of_type(instances)), len(dev.of_type(instances))) == (6, 2)
    kept = {
        graph.stack: {i.inputs["performanceInsightsRetentionPeriod"] for i in graph.of_type(instances)}
        for graph in (prod, dev)
    }
    assert kept == {"prod-us-east-1": {INSIGHTS_DAYS["advanced"]}, "dev-us-east-1": {INSIGHTS_DAYS["standard"]}}
    scaling = cluster("prod-us-east-1", "booking").inputs["serverlessv2ScalingConfiguration"]
    assert scaling == {"minCapacity": 8, "maxCapacity": 128}
