"""The files that stand in gitops/platform/slos: made from catalogue and topology, never by hand.

Every environment and region has the same: each has a cluster, a Prometheus and an Alertmanager of its own, and what
differs is a label of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from environments.model import load_environment
from pipelines.slos import dashboards, routes
from pipelines.slos.alerts import operational_alerts, platform_alerts
from pipelines.slos.objectives import burn_alerts, records
from pipelines.slos.rules import Alert, Record, groups
from services.contracts.catalogue import Service, catalogue

FOLDER = Path("gitops/platform/slos")
NAMESPACE = "monitoring"
PART_OF = {"app.kubernetes.io/part-of": "careslot"}
# What kube-prometheus-stack's Prometheus, Alertmanager and Grafana look for (gitops/platform).
RULES_LABEL = {"careslot.health/rules": "slos"}
DASHBOARD_LABEL = {"grafana_dashboard": "1"}
ALERTMANAGER_SECRET = "careslot-alertmanager"  # noqa: S105 -- a name
HEAD = "# Written by `careslot slos write` from services/contracts: change them there.\n"


@cache
def every_file() -> Mapping[Path, str]:
    """Return what each file of FOLDER holds, by its path in the repository."""
    files = {"rules/platform.yaml": _rules("platform", {"platform-operations": platform_alerts()})}
    for name, service in catalogue().items():
        files[f"rules/{name}.yaml"] = _rules(name, rules_of(service))
        files[f"dashboards/{name}.yaml"] = _dashboard(name, dashboards.service_dashboard(service))
    files["dashboards/overview.yaml"] = _dashboard("overview", dashboards.overview(catalogue()))
    files["alertmanager.yaml"] = _alertmanager()
    return {FOLDER / path: HEAD + _dump(document) for path, document in sorted(files.items())}


def rules_of(service: Service) -> dict[str, tuple[Record | Alert, ...]]:
    """Return a service's rules by the names of their groups: rules of one are evaluated in order, groups in none."""
    return {
        f"{service.name}-objectives": (*records(service), *burn_alerts(service)),
        f"{service.name}-operations": operational_alerts(service),
    }


def every_alert() -> tuple[Alert, ...]:
    """Return every alert there is."""
    rules = [rule for service in catalogue().values() for group in rules_of(service).values() for rule in group]
    return (*platform_alerts(), *(rule for rule in rules if isinstance(rule, Alert)))


def runbooks() -> str:
    """Return where people read this repository, as the environment that patients use says it."""
    return f"https://github.com/{load_environment('prod').github.repository}/blob/main"


def _rules(name: str, named: Mapping[str, tuple[Record | Alert, ...]]) -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": f"slos-{name}", "namespace": NAMESPACE, "labels": {**PART_OF, **RULES_LABEL}},
        "spec": {"groups": groups(named, runbooks())},
    }


def _dashboard(name: str, dashboard: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"dashboard-{name}", "namespace": NAMESPACE, "labels": {**PART_OF, **DASHBOARD_LABEL}},
        "data": {f"{name}.json": dashboards.text(dashboard)},
    }


def _alertmanager() -> dict[str, Any]:
    """The operator reads Alertmanager's configuration from a Secret; this one holds nothing secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": ALERTMANAGER_SECRET, "namespace": NAMESPACE, "labels": PART_OF},
        "type": "Opaque",
        "stringData": {"alertmanager.yaml": _dump(routes.configuration())},
    }


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, as a person would, and lists indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _dump(document: Mapping[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
