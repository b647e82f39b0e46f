"""The files on record are what the catalogue asks for, and whatever is amiss is named with its file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from typer.testing import CliRunner

from pipelines.slos import dashboards
from pipelines.slos.checking import ASKED, ROOT, findings, pages, refused_by_tools, stale, unrecorded
from pipelines.slos.files import FOLDER, every_alert, every_file
from pipelines.slos.rules import RUNBOOKS
from pipelines.slos.series import Selector, selectors
from pipelines.slos.verbs import verbs
from services.contracts.catalogue import catalogue
from tests.pipelines.slos.prometheus import needed

BOOKING = FOLDER / "rules/booking.yaml"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository as far as it is checked."""
    for folder in (FOLDER, Path(RUNBOOKS)):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_what_is_on_record_is_fresh_and_every_alert_has_its_page() -> None:
    assert [str(finding) for finding in findings()] == []


def test_every_service_of_the_catalogue_has_rules_and_a_dashboard() -> None:
    assert {path.stem for path in every_file() if path.parent.name == "rules"} == {*catalogue(), "platform"}
    assert {path.stem for path in every_file() if path.parent.name == "dashboards"} == {*catalogue(), "overview"}


def test_what_was_changed_by_hand_removed_or_left_over_is_named_and_written_again(copy: Path) -> None:
    (copy / BOOKING).write_text((copy / BOOKING).read_text("utf-8").replace("14.4", "99"), "utf-8")
    text = (copy / BOOKING).read_text("utf-8")
    (copy / BOOKING).write_text(text.replace("severity: page", "severity: ticket", 1), "utf-8")
    (copy / FOLDER / "rules/audit.yaml").unlink()
    (copy / FOLDER / "rules/gone.yaml").write_text("kind: PrometheusRule\n", "utf-8")
    found = {(finding.path, finding.where.partition(" ")[0]) for finding in stale(copy)}
    assert found == {(f"{FOLDER}/rules/audit.yaml", ""), (f"{FOLDER}/rules/gone.yaml", ""), (str(BOOKING), "line")}
    told = CliRunner().invoke(verbs, ["check", "--root", str(copy), "--json"])
    assert told.exit_code == 1 and len(json.loads(told.stdout)["findings"]) == 3
    assert "3 changed" in CliRunner().invoke(verbs, ["write", "--root", str(copy)]).stdout
    assert stale(copy) == []


def test_pages_and_alerts_are_held_to_each_other(copy: Path) -> None:
    pages_of = copy / RUNBOOKS
    (pages_of / "DeadLetters.md").rename(pages_of / "DeadLettrs.md")
    text = (pages_of / "HoldsOverdue.md").read_text("utf-8")
    (pages_of / "HoldsOverdue.md").write_text(text.replace(f"## {ASKED[0]}", "## Whatever"), "utf-8")
    (pages_of / "README.md").write_text("# Runbooks\n", "utf-8")
    found = {(Path(finding.path).name, finding.where) for finding in pages(copy)}
    names = {alert.name for alert in every_alert()}
    assert found == {
        ("DeadLetters.md", ""), ("DeadLettrs.md", ""), ("HoldsOverdue.md", ASKED[0]),
        *(("README.md", name) for name in names),
    }  # fmt: skip


def test_the_tools_refuse_what_could_not_be_loaded(copy: Path) -> None:
    needed()
    text = (copy / BOOKING).read_text("utf-8")
    (copy / BOOKING).write_text(text.replace("rate(careslot", "rtae(careslot", 1), "utf-8")
    [finding] = refused_by_tools(copy)
    assert "promtool refuses" in finding.what and "rtae" in finding.what


def test_rules_read_what_is_recorded() -> None:
    assert unrecorded() == []
    told = 'sum by (le) (rate(careslot_x_bucket{a="1", b!~"2|3"}[5m])) / service:slo_bad:rate5m'
    assert selectors(told) == [
        Selector("careslot_x_bucket", {"a": ("=", "1"), "b": ("!~", "2|3")}),
        Selector("service:slo_bad:rate5m", {}),
    ]
    assert [(one.family, one.recorded) for one in selectors(told)] == [
        ("careslot_x", False), ("service:slo_bad:rate5m", True),
    ]  # fmt: skip


def test_an_alerts_runbook_is_its_page() -> None:
    for path, text in every_file().items():
        for group in yaml.load(text, yaml.CSafeLoader).get("spec", {}).get("groups", ()):
            for rule in group["rules"]:
                if "alert" in rule:
                    page = rule["annotations"]["runbook_url"].partition("/blob/main/")[2]
                    assert (ROOT / page).is_file() and Path(page).stem == rule["alert"], path


def test_rules_are_what_the_operator_takes(shared: Callable[[str], Path]) -> None:
    schema = json.loads(shared("schemas/crds/monitoring.coreos.com/prometheusrule_v1.json").read_text("utf-8"))
    for path, text in every_file().items():
        document = yaml.load(text, yaml.CSafeLoader)
        if document["kind"] == "PrometheusRule":
            jsonschema_rs.validate(schema, document)
            with pytest.raises(jsonschema_rs.ValidationError):
                jsonschema_rs.validate(schema, {**document, "spec": {"groups": [{"rules": []}]}})
        assert document["metadata"]["namespace"] == "monitoring", path


def test_dashboards_are_json_with_panels_in_their_places() -> None:
    for path, text in every_file().items():
        if path.parent.name == "dashboards":
            [dashboard] = (json.loads(one) for one in yaml.load(text, yaml.CSafeLoader)["data"].values())
            places = [tuple(panel["gridPos"][key] for key in "xywh") for panel in dashboard["panels"]]
            cells = [(x + dx, y + dy) for x, y, w, h in places for dx in range(w) for dy in range(h)]
            assert len(cells) == len(set(cells)), "panels overlap"
            assert all(x + w <= 24 for x, _, w, _ in places)
            assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_a_dashboard_shows_what_a_service_has() -> None:
    titles = {
        name: {panel["title"] for panel in dashboards.service_dashboard(service)["panels"]}
        for name, service in catalogue().items()
    }
    assert {"Availability: budget left", "Latency: burn rate", "Faults by route"} <= set.intersection(*titles.values())
    assert "Events taken" in titles["booking"] and "Events taken" not in titles["notifications"]
    assert "Queues" in titles["notifications"] and "Queues" not in titles["directory"]
    assert "Oldest in the outbox" not in titles["portal"]
    left = dashboards.overview(catalogue())["panels"][0]
    assert {target["legendFormat"] for target in left["targets"]} == set(catalogue())


def test_list_tells_promises_and_alerts() -> None:
    told = json.loads(CliRunner().invoke(verbs, ["list", "--json"]).stdout)
    booking = next(one for one in told if one["service"] == "booking")
    assert booking["team"] == "scheduling"
    assert booking["promises"][0].startswith("99.95 % of requests end without a fault")
    assert "HoldsOverdue (ticket)" in booking["alerts"]
    assert "99.95 %" in CliRunner().invoke(verbs, ["list"]).stdout
