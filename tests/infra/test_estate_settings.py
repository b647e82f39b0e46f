"""One changed setting changes what it is about, in every stack, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from environments.model import Environment, load_environment
from infra.recording.graph import Recording
from pipelines.estate_diff import Change, changes
from tests.fixtures.estate import recorded, resolved

pytestmark = pytest.mark.xdist_group("estate")


def changed(environment: Environment, **settings: Mapping[str, Any]) -> list[Change]:
    """Return what differs after settings of an environment were replaced."""
    data = environment.model_dump()
    after = Environment.model_validate({**data, **{key: {**data[key], **new} for key, new in settings.items()}})
    before = [recording.as_dict() for recording in recorded(environment.name).values()]
    now = [Recording(resolved=graph, unresolved=graph).as_dict() for graph in resolved(after).values()]
    found = changes(before, now)
    assert {change.how for change in found} <= {"changed"}
    return found


def test_each_setting_changes_what_it_is_about() -> None:
    """All at once, because a recording takes seconds: no two of them are about the same property."""
    dev = load_environment("dev")
    booking = {**dev.database.booking.model_dump(), "max_acu": 32}
    shared = {**dev.database.shared.model_dump(), "instance_class": "db.r8g.large"}
    retention = {"audit_years": 8, "backup_days": 30, "logs_days": 30}
    found = changed(dev, database={"booking": booking, "shared": shared}, retention=retention)
    logs = [change for change in found if change.type == "aws:cloudwatch/logGroup:LogGroup"]
    assert len(logs) > 10
    assert {p.path for change in logs for p in change.properties} == {"retentionInDays"}
    assert {c.name: {p.path.partition("[")[0] for p in c.properties} for c in found if c not in logs} == {
        "audit-audit-anchors": {"rule.defaultRetention.days"},
        "audit-config": {"rule.defaultRetention.days"},
        "audit-trail": {"rule.defaultRetention.days"},
        "backup-plan": {"rules"},
        "backups": {"maxRetentionDays"},
        # What charts are told: a kept log has the same years in a cluster.
        "bridge-cluster": {"metadata.annotations.careslot.health/audit-years"},
        "configuration": {"retentionPeriodInDays"},
        "database-booking": {"backupRetentionPeriod", "serverlessv2ScalingConfiguration.maxCapacity"},
        "database-shared": {
            "backupRetentionPeriod",
            "serverlessv2ScalingConfiguration.maxCapacity",
            "serverlessv2ScalingConfiguration.minCapacity",
        },
        "database-shared-0": {"instanceClass"},
    }
