"""Alertmanager itself says who is told: the team that owns the service, by page or ticket, and nobody else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipelines.slos.checking import ROOT, unwrapped
from pipelines.slos.files import every_alert
from pipelines.slos.routes import MOUNTED, TEAMS, configuration, receiver_keys
from tests.pipelines.slos.prometheus import needed


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed routes as Alertmanager reads them."""
    needed()
    files = unwrapped(ROOT, tmp_path_factory.mktemp("routes"))
    return next(file for file in files if file.name == "alertmanager.yml")


def told(config: Path, labels: dict[str, str]) -> list[str]:
    """Return the receivers of an alert with ``labels``."""
    words = [f"{label}={value}" for label, value in labels.items()]
    done = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={config}", *words],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_every_alert_reaches_its_team_in_its_way(config: Path) -> None:
    wanted = {(alert.team, alert.severity) for alert in every_alert()}
    assert {severity for _, severity in wanted} == {"page", "ticket", "heartbeat"}
    for team, severity in sorted(wanted):
        receiver = "heartbeat" if severity == "heartbeat" else f"{team}-{severity}"
        assert told(config, {"alertname": "Any", "team": team, "severity": severity}) == [receiver]


@pytest.mark.parametrize("labels", [{"alertname": "KubeNodeNotReady"}, {"team": "strangers", "severity": "page"}])
def test_what_is_nobodys_is_the_platforms(config: Path, labels: dict[str, str]) -> None:
    assert told(config, labels) == ["platform-ticket"]


def test_no_address_and_no_key_stands_in_the_routes() -> None:
    receivers = configuration()["receivers"]
    named = [
        value
        for receiver in receivers
        for kind, settings in receiver.items()
        if kind != "name"
        for setting in settings
        for key, value in setting.items()
        if key.endswith("_file")
    ]
    assert sorted(named) == sorted(f"{MOUNTED}/{key}" for key in receiver_keys())
    assert {receiver["name"] for receiver in receivers} == set(receiver_keys())
    assert len(named) == 2 * len(TEAMS) + 1


def test_what_wakes_somebody_holds_back_its_ticket_alone() -> None:
    held = {
        (rule["source_matchers"][0], rule["target_matchers"][0], tuple(rule["equal"]))
        for rule in configuration()["inhibit_rules"]
    }
    for objective in ("Availability", "Latency"):
        fast, slow = (f'alertname="{objective}BudgetBurns{pace}"' for pace in ("Fast", "Slowly"))
        assert (fast, slow, ("service", "slo")) in held
    assert all("service" in equal for *_, equal in held)
