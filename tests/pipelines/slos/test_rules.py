"""Prometheus itself says when each alert fires: for what it is about, and not for what nearly looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.slos.alerts import CLOCKWORK, operational_alerts
from pipelines.slos.checking import ROOT, unwrapped
from pipelines.slos.files import every_alert
from pipelines.slos.objectives import BURNS, SECONDS
from services.contracts.catalogue import catalogue
from tests.pipelines.slos.prometheus import Scene, judge, needed
from tests.pipelines.slos.scenes import BAD, GOOD, scenes


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The committed rules as plain files, by service."""
    needed()
    files = unwrapped(ROOT, tmp_path_factory.mktemp("rules"))
    return {file.stem: file for file in files if file.stem != "alertmanager"}


def test_alerts_fire_when_it_is_so_and_only_then(rules: dict[str, Path], tmp_path: Path) -> None:
    assert judge(scenes(), rules, tmp_path) == ""


def test_a_wrong_expectation_is_noticed(rules: dict[str, Path], tmp_path: Path) -> None:
    silent = Scene("booking: planted", "AvailabilityBudgetBurnsFast", {GOOD: "0+990x120", BAD: "0+10x120"}, "70m")
    assert "FAILED" in judge([silent], rules, tmp_path)


def test_every_alert_has_a_scene_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    names = {alert.name for alert in every_alert()}
    assert {scene.alert for scene in scenes() if scene.fires} == names
    assert {scene.alert for scene in scenes() if not scene.fires} == names - {"Watchdog"}


def test_windows_spend_what_they_say() -> None:
    # Workbook, table 5-8: budget spent = factor x window / 30 days; the short window is a twelfth of the long one.
    for burn in BURNS:
        assert burn.factor * SECONDS[burn.long] / SECONDS["30d"] == pytest.approx(burn.spent / 100)
        assert SECONDS[burn.short] * 12 == SECONDS[burn.long]


def test_a_service_has_the_alerts_of_what_it_has() -> None:
    named = {name: {alert.name for alert in operational_alerts(service)} for name, service in catalogue().items()}
    for name, service in catalogue().items():
        assert ("OutboxEventsWait" in named[name]) == (service.database is not None)
        assert ("ServiceNotSeen" in named[name]) == (service.runs_on == "eks")
    assert {"DeadLetters", "QueueNotTaken"} <= named["notifications"]
    assert "EventsFail" not in named["notifications"], "its events are taken by functions"
    assert not {"DeadLetters", "QueueNotTaken"} & named["directory"]
    assert all(clock.name in named[clock.service] for clock in CLOCKWORK)
