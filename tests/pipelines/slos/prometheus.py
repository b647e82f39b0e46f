"""Prometheus's and Alertmanager's own tools, and what is written for them to judge."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from pipelines.slos.checking import missing_tools


def needed() -> None:
    """Skip where promtool or amtool is not installed; fail where it must be."""
    if missing := missing_tools():
        told = f"needs {', '.join(missing)} (Debian and Ubuntu: apt-get install prometheus prometheus-alertmanager)"
        if os.environ.get("CARESLOT_REQUIRE_PROMETHEUS") == "1":
            pytest.fail(told, pytrace=False)
        pytest.skip(told)


@dataclass(frozen=True, slots=True)
class Scene:
    """Series as they were told (promtool's notation), and which alerts of one name stand ``at`` an instant.

    ``fires``: for each alert the labels that tell it apart; none: it is silent.
    """

    name: str
    alert: str
    series: Mapping[str, str]
    at: str
    fires: Sequence[Mapping[str, str]] = field(default_factory=tuple)
    lasts: Literal["hours", "days"] = "hours"

    @property
    def pace(self) -> tuple[str, str]:
        """How far samples are apart, and evaluations: days of them every minute would take minutes."""
        if self.lasts == "days":
            return "2m", "30m"
        return "1m", "5m" if "Budget" in self.alert else "1m"


def judge(scenes: Sequence[Scene], rules: Mapping[str, Path], folder: Path) -> str:
    """Return what promtool says of ``scenes`` when rules of their services are loaded; "" when all are as told."""
    said = []
    for service, lasts, objectives in sorted({_kind(scene) for scene in scenes}):
        chosen = [scene for scene in scenes if _kind(scene) == (service, lasts, objectives)]
        groups = yaml.load(rules[service].read_text("utf-8"), yaml.CSafeLoader)["groups"]
        # Evaluating what no scene is about is most of the time it takes.
        loaded = [group for group in groups if group["name"].endswith("-operations") is not objectives]
        for group in loaded:
            group["rules"] = [rule for rule in group["rules"] if not rule.get("record", "").endswith("rate30d")]
        alerts = {rule["alert"]: rule["labels"] for group in loaded for rule in group["rules"] if "alert" in rule}
        file = folder / f"{service}-{lasts}-{objectives}.yml"
        plain = file.with_suffix(".rules.yml")
        plain.write_text(json.dumps({"groups": loaded}), "utf-8")
        document = {
            "rule_files": [str(plain)],
            "evaluation_interval": chosen[0].pace[1],
            "tests": [_test(scene, alerts[scene.alert]) for scene in chosen],
        }
        file.write_text(json.dumps(document), "utf-8")
        done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
        if done.returncode:
            said.append(done.stdout + done.stderr)
    return "\n".join(said)


def _kind(scene: Scene) -> tuple[str, str, bool]:
    return scene.name.partition(":")[0], scene.lasts, "Budget" in scene.alert


def _test(scene: Scene, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": scene.name,
        "interval": scene.pace[0],
        "input_series": [{"series": series, "values": values} for series, values in scene.series.items()],
        "promql_expr_test": [
            {
                "expr": f"count by ({', '.join(sorted({*labels, *found}))}) "
                f'(ALERTS{{alertname="{scene.alert}", alertstate="firing"}})',
                "eval_time": scene.at,
                "exp_samples": [
                    {"labels": "{" + ", ".join(f'{k}="{v}"' for k, v in {**labels, **one}.items()) + "}", "value": 1}
                    for one in scene.fires
                ],
            }
            for found in [scene.fires[0] if scene.fires else {}]
        ],
    }
