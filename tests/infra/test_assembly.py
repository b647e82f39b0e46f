"""The estate as a whole: which layers have what, and that one changed setting changes only what it should."""

from __future__ import annotations

import pytest

from environments.model import load_environment
from infra.assembly import assemble
from infra.recording.record import record_environment
from tests.fixtures.estate import recorded

pytestmark = pytest.mark.xdist_group("estate")


def test_every_stack_has_one_provider_of_its_account_and_region() -> None:
    for recording in recorded("prod").values():
        graph = recording.resolved
        (provider,) = graph.of_type("pulumi:providers:aws")
        assert provider.inputs["region"] == graph.region
        assert "333344445555" in provider.inputs["allowedAccountIds"]


def test_regions_of_an_environment_differ_by_replicas_only() -> None:
    primary, standby = (recorded("prod")[f"prod-{region}"].resolved for region in ("us-east-1", "us-west-2"))
    extra = dict(standby.counts() - primary.counts())
    assert extra == {"aws:kms/replicaKey:ReplicaKey": 3}
    assert not primary.counts() - standby.counts()


def test_log_retention_changes_log_groups_and_nothing_else() -> None:
    before = recorded("dev")
    environment = load_environment("dev")
    retention = environment.retention.model_copy(update={"logs_days": 30})
    after = record_environment(environment.model_copy(update={"retention": retention}), program=assemble)
    changed = {
        resource.type
        for name, recording in after.items()
        for resource in recording.resolved.resources
        if resource != before[name].resolved.by_urn[resource.urn]
    }
    assert changed == {"aws:cloudwatch/logGroup:LogGroup"}
