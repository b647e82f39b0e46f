"""Backups: a vault nobody can empty, copies in the other region, restores as a test."""

from __future__ import annotations

import json

import pytest

from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")


def test_the_vault_is_locked_for_good_where_data_are_real() -> None:
    for name, forever in (("prod-us-east-1", 7), ("prod-us-west-2", 7), ("dev-us-east-1", None)):
        graph = stack(name)
        (lock,) = graph.of_type("aws:backup/vaultLockConfiguration:VaultLockConfiguration")
        assert lock.inputs.get("changeableForDays") == forever
        (vault,) = graph.of_type("aws:backup/vault:Vault")
        assert vault.data_class == "phi"
        policies = graph.of_type("aws:backup/vaultPolicy:VaultPolicy")
        effects = [s["Effect"] for p in policies for s in json.loads(p.inputs["policy"])["Statement"]]
        assert effects == (["Deny"] if forever else [])


def test_every_plan_fits_the_vaults_lock() -> None:
    for name in ("dev-us-east-1", "staging-us-east-1", "prod-us-east-1"):
        graph = stack(name)
        (lock,) = graph.of_type("aws:backup/vaultLockConfiguration:VaultLockConfiguration")
        (plan,) = graph.of_type("aws:backup/plan:Plan")
        for rule in plan.inputs["rules"]:
            days = rule["lifecycle"]["deleteAfter"]
            assert lock.inputs["minRetentionDays"] <= days <= lock.inputs["maxRetentionDays"]


def test_both_databases_are_taken_and_copied_to_the_other_regions_vault() -> None:
    for region, other in (("us-east-1", "us-west-2"), ("us-west-2", "us-east-1")):
        graph = stack(f"prod-{region}")
        (plan,) = graph.of_type("aws:backup/plan:Plan")
        (there,) = stack(f"prod-{other}").of_type("aws:backup/vault:Vault")
        targets = {c["destinationVaultArn"] for rule in plan.inputs["rules"] for c in rule["copyActions"]}
        assert targets == {f"arn:aws:backup:{other}:333344445555:backup-vault:{there.inputs['name']}"}
        (selection,) = graph.of_type("aws:backup/selection:Selection")
        clusters = {c.mark for c in graph.of_type("aws:rds/cluster:Cluster")}
        assert clusters <= selection.marks
    (alone,) = stack("dev-us-east-1").of_type("aws:backup/plan:Plan")
    assert all(rule["copyActions"] == [] for rule in alone.inputs["rules"])


def test_restores_are_tried_every_week_into_our_own_subnets() -> None:
    graph = stack("prod-us-east-1")
    (plan,) = graph.of_type("aws:backup/restoreTestingPlan:RestoreTestingPlan")
    assert plan.inputs["name"] == "careslot_prod_restore_tests"
    groups = {g.inputs["name"] for g in graph.of_type("aws:rds/subnetGroup:SubnetGroup")}
    selections = graph.of_type("aws:backup/restoreTestingSelection:RestoreTestingSelection")
    assert {s.inputs["restoreMetadataOverrides"]["dbSubnetGroupName"] for s in selections} == groups
