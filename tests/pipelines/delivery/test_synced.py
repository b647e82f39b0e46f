"""What Argo CD says of clusters, read as `argocd` prints it; and the order in which stacks are deployed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from environments.model import load_environment
from infra.stacks import stacks_of
from pipelines.delivery import summary
from pipelines.delivery.synced import Application, ArgoCdCommand, missing, read
from pipelines.delivery.waves import runner, waves
from pipelines.estate_diff import Change, Property
from pipelines.main import build_app
from policies.assessment import assess
from policies.controls.model import load_catalogue
from services.contracts.catalogue import catalogue
from services.kernel.errors import Invalid, Unavailable


def application(namespace: str, sync: str = "Synced", health: str = "Healthy") -> dict[str, object]:
    return {
        "metadata": {"name": f"{namespace}-prod"},
        "spec": {"destination": {"namespace": namespace}},
        "status": {"sync": {"status": sync}, "health": {"status": health, "message": "why"}},
    }


CORE = [name for name, service in catalogue().items() if service.runs_on == "eks"]


@pytest.fixture
def argocd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file whose content a stand-in of `argocd` prints, found on PATH."""
    printed = tmp_path / "printed"
    command = tmp_path / "argocd"
    command.write_text(f'#!/bin/sh\ntest "$*" = "app list --core --output json" && cat {printed}\n', "utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return printed


def test_a_cluster_like_the_repository_passes(argocd: Path) -> None:
    argocd.write_text(json.dumps([application(name) for name in CORE]), "utf-8")
    ran = CliRunner().invoke(build_app()[0], ["synced", "prod"])
    assert ran.exit_code == 0, ran.output
    assert f"0 of {len(CORE)} applications of prod differ" in ran.output


def test_drift_sickness_and_absence_are_told(argocd: Path) -> None:
    told = [application(CORE[0], sync="OutOfSync"), application(CORE[1], health="Degraded"),
            *(application(name) for name in CORE[3:])]  # fmt: skip
    argocd.write_text(json.dumps(told), "utf-8")
    ran = CliRunner().invoke(build_app()[0], ["synced", "prod", "--json"])
    assert ran.exit_code == 1
    said = json.loads(ran.output)
    assert Counter(one["drifted"] for one in said["applications"]) == {True: 2, False: len(CORE) - 3}
    assert said["missing"] == [CORE[2]]


def test_an_empty_cluster_is_no_pass() -> None:
    assert missing(read("null")) == tuple(CORE)


@pytest.mark.parametrize("printed", ["", "{}x", '[{"metadata": {}}]', '{"a": 1}'])
def test_another_answer_is_refused(printed: str) -> None:
    with pytest.raises(Invalid, match="no list of applications"):
        read(printed)


def test_a_command_that_fails_or_is_not_there_is_told(argocd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="argocd cannot list applications"):
        ArgoCdCommand().applications()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unavailable, match="no command `argocd`"):
        ArgoCdCommand().applications()


def test_a_rollout_that_waits_is_no_drift() -> None:
    assert not Application("a", "a", "Synced", "Suspended").drifted
    assert Application("a", "a", "Unknown", "Healthy").drifted


def test_a_standby_goes_before_the_region_that_works() -> None:
    prod = load_environment("prod")
    assert [stack.name for stack in waves(prod)] == [
        "prod-foundation", "prod-us-west-2", "prod-us-west-2-cluster", "prod-us-east-1", "prod-us-east-1-cluster",
        "prod-routing",
    ]  # fmt: skip
    moved = prod.model_copy(update={"serving": "us-west-2"})
    assert next(stack.region for stack in waves(moved) if stack.layer == "region") == "us-east-1"
    for name in ("dev", "staging", "prod"):
        settings = load_environment(name)
        order = waves(settings)
        assert set(order) == set(stacks_of(settings))
        assert all(order.index(below) < order.index(stack) for stack in order for below in stack.reads)
    assert {runner(stack) for stack in waves(prod)} == {
        "ubuntu-24.04", "careslot-prod-us-east-1", "careslot-prod-us-west-2"
    }  # fmt: skip


def test_waves_are_a_matrix() -> None:
    ran = CliRunner().invoke(build_app()[0], ["waves", "prod", "--layer", "region", "--json"])
    rows = json.loads(ran.output)["include"]
    assert [row["stack"] for row in rows] == ["prod-us-west-2", "prod-us-east-1"]
    assert {tuple(row) for row in rows} == {("stack", "region", "runner")}


def test_a_summary_counts_folds_and_keeps_values_to_itself() -> None:
    change = Change("changed", "prod-routing", "aws:x:Y", "zone", "infra/a.py:3", (Property("ttl", "s3cret", "t0p"),))
    many = [Change("added", "prod-foundation", "aws:x:Y", f"n{number}", "infra/a.py:1") for number in range(60)]
    text = summary.markdown([*many, change], assess([], date(2026, 11, 23), whole=False), load_catalogue())
    assert "60 added, 0 removed, 1 changed." in text
    assert "~ aws:x:Y zone: ttl" in text
    assert "... and 20 more" in text
    assert "s3cret" not in text
    assert "t0p" not in text
