"""Dashboards as code: one for every service, of one shape, and one that shows all of them.

Whoever knows one service's dashboard knows them all. The first row answers "are promises kept", the next "what do
callers see", the rest "where is it stuck"; runbooks name panels by their titles.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.slos.alerts import CLOCKWORK, polled_queues
from pipelines.slos.objectives import BUDGET_DAYS, OBJECTIVES, of_budget, promise, target
from services.contracts.catalogue import Service
from services.contracts.topology import dead_letters_of

HEIGHT, WIDTH = 8, 24
# Grafana's schema of the panels below; newer Grafana migrates it when it loads them.
SCHEMA = 39
SOURCE = {"type": "prometheus", "uid": "${source}"}
Query = tuple[str, str]


def service_dashboard(service: Service) -> dict[str, Any]:
    """Return the dashboard of one service."""
    of = f'service="{service.name}"'
    rows = [_promises(service), _callers(of), _limits(service, of)]
    if dead_letters_of(service.name):
        rows.append(_queues(service, of))
    return _dashboard(
        f"service-{service.name}",
        f"Service: {service.name}",
        f"{service.summary}. Without it: {service.without}.",
        rows,
    )


def overview(services: Mapping[str, Service]) -> dict[str, Any]:
    """Return the dashboard of all services: what of each budget is left, and where anything waits."""
    left = [
        _panel(
            f"{objective.capitalize()}: budget left",
            [(_left(service, objective), name) for name, service in services.items()],
            unit="percentunit",
        )
        for objective in OBJECTIVES
    ]
    traffic = [
        _panel("Requests", [('sum by (service) (service:slo_requests:rate5m{slo="availability"})', "{{service}}")],
               unit="reqps"),
        _panel("Bad requests", [("sum by (service, slo) (service:slo_bad:rate5m)", "{{service}} {{slo}}")],
               unit="reqps"),
    ]  # fmt: skip
    waiting = [
        _panel("Oldest in an outbox", [("max by (service, channel) (careslot_outbox_oldest_seconds)",
                                        "{{service}} {{channel}}")], unit="s"),
        _panel("Queues", [('max by (queue) (careslot_queue_messages{state="waiting"})', "{{queue}}")]),
        _panel("Dead letters", [("max by (queue) (careslot_dead_letters) > 0", "{{queue}}")]),
    ]  # fmt: skip
    return _dashboard(
        "overview", "Careslot: overview", "Every service's promises, and where anything waits.",
        [left, traffic, waiting],
    )  # fmt: skip


def text(dashboard: Mapping[str, Any]) -> str:
    """Return a dashboard as Grafana imports it."""
    return json.dumps(dashboard, indent=1, ensure_ascii=False) + "\n"


def _left(service: Service, objective: Any) -> str:
    allowed = round((100 - target(service, objective)) / 100, 8)
    return f"1 - {of_budget(service.name, objective, f'{BUDGET_DAYS}d')} / {allowed:g}"


def _promises(service: Service) -> list[dict[str, Any]]:
    panels = []
    for objective in OBJECTIVES:
        spoken = objective.capitalize()
        allowed = round((100 - target(service, objective)) / 100, 8)
        burning = [
            (f"{of_budget(service.name, objective, window)} / {allowed:g}", window)
            for window in ("5m", "1h", "6h", "3d")
        ]
        panels += [
            _panel(f"{spoken}: budget left", [(_left(service, objective), "left")], unit="percentunit", kind="stat",
                   tells=promise(service, objective)),
            _panel(f"{spoken}: burn rate", burning,
                   tells="1 uses the budget up in 30 days; 14.4 for an hour, or 6 for six, wakes somebody."),
        ]  # fmt: skip
    return panels


def _callers(of: str) -> list[dict[str, Any]]:
    series = "careslot_http_request_seconds"
    by_route = f"sum by (route, le) (rate({series}_bucket{{{of}}}[5m]))"
    return [
        _panel("Requests by status", [(f"sum by (status) (rate({series}_count{{{of}}}[5m]))", "{{status}}")],
               unit="reqps"),
        _panel("Faults by route", [(f'sum by (method, route, status) (rate({series}_count{{{of}, status=~"5.."}}[5m]))',
                                    "{{method}} {{route}} {{status}}")], unit="reqps"),
        _panel("Slowest routes (p99)", [(f"topk(10, histogram_quantile(0.99, {by_route}))", "{{route}}")], unit="s"),
    ]  # fmt: skip


def _limits(service: Service, of: str) -> list[dict[str, Any]]:
    refused = f"sum by (class, reason) (rate(careslot_admission_refused_total{{{of}}}[5m]))"
    waits = f"sum by (class, le) (rate(careslot_admission_wait_seconds_bucket{{{of}}}[5m]))"
    panels = [
        _panel("Admission", [(f"sum by (kind) (careslot_admission_requests{{{of}}})", "{{kind}}")],
               tells="What is in hand, what waits, and how much is let in at once."),
        _panel("Refused by class",
               [(refused, "{{class}} {{reason}}")],
               unit="reqps"),
        _panel("Wait for admission (p99)",
               [(f"histogram_quantile(0.99, {waits})", "{{class}}")], unit="s"),
        _panel("Counted outcomes", [(f"sum by (name) (rate(careslot_outcomes_total{{{of}}}[5m]))", "{{name}}")],
               unit="ops"),
    ]  # fmt: skip
    if service.calls or service.uses:
        calls = f"sum by (neighbour, outcome) (rate(careslot_neighbour_calls_total{{{of}}}[5m]))"
        panels.append(_panel("Neighbours", [(calls, "{{neighbour}} {{outcome}}")], unit="reqps"))
    if any(clock.service == service.name for clock in CLOCKWORK):
        late = f"max by (work) (careslot_overdue_seconds{{{of}}})"
        panels.append(_panel("Work of the clock that is late", [(late, "{{work}}")], unit="s"))
    if service.database:
        panels += [
            _panel("Database connections", [(f"max by (state) (careslot_database_connections{{{of}}})", "{{state}}")]),
            _panel("Oldest in the outbox",
                   [(f"max by (channel) (careslot_outbox_oldest_seconds{{{of}}})", "{{channel}}")], unit="s"),
            _panel("Waiting in the outbox", [(f"max by (channel) (careslot_outbox_waiting{{{of}}})", "{{channel}}")]),
            _panel("Events sent", [(f"sum by (service) (rate(careslot_outbox_sent_total{{{of}}}[5m]))", "sent")],
                   unit="ops"),
        ]  # fmt: skip
    return panels


def _queues(service: Service, of: str) -> list[dict[str, Any]]:
    panels = [
        _panel("Queues", [(f"max by (queue, state) (careslot_queue_messages{{{of}}})", "{{queue}} {{state}}")]),
        _panel("Dead letters", [(f"max by (queue) (careslot_dead_letters{{{of}}})", "{{queue}}")]),
    ]
    if polled_queues(service):
        taken = f"sum by (queue, outcome) (rate(careslot_inbox_events_total{{{of}}}[5m]))"
        ages = f"sum by (queue, le) (rate(careslot_inbox_event_age_seconds_bucket{{{of}}}[5m]))"
        panels += [
            _panel("Events taken", [(taken, "{{queue}} {{outcome}}")], unit="ops"),
            _panel("Age of events when taken (p95)", [(f"histogram_quantile(0.95, {ages})", "{{queue}}")], unit="s"),
        ]
    return panels


def _panel(
    title: str, queries: Sequence[Query], *, unit: str = "short", kind: str = "timeseries", tells: str = ""
) -> dict[str, Any]:
    return {
        "type": kind,
        "title": title,
        "description": tells,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
            for n, (expr, legend) in enumerate(queries)
        ],
    }


def _dashboard(uid: str, title: str, tells: str, rows: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    top = 0
    for row in rows:
        across = min(len(row), 4)
        for n, panel in enumerate(row):
            place = {"h": HEIGHT, "w": WIDTH // across, "x": n % across * (WIDTH // across),
                     "y": top + n // across * HEIGHT}  # fmt: skip
            panels.append({"id": len(panels) + 1, **panel, "gridPos": place})
        top += -(-len(row) // across) * HEIGHT
    return {
        "uid": f"careslot-{uid}",
        "title": title,
        "description": tells,
        "tags": ["careslot"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": False,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": panels,
    }
