"""Who is told: Alertmanager's configuration by team and severity.

Written as Alertmanager's own file, so that what `amtool` tests is what runs. Where receivers are reached are secrets:
the file names the files that the Secret RECEIVERS is mounted as, and holds none itself.
"""

from __future__ import annotations

from typing import Any, get_args

from services.contracts.catalogue.model import Team

TEAMS: tuple[str, ...] = get_args(Team)
# Keys of this Secret: `<team>-page` (an Events API v2 key of the pager), `<team>-ticket` and `heartbeat` (addresses).
RECEIVERS = "alertmanager-receivers"
MOUNTED = f"/etc/alertmanager/secrets/{RECEIVERS}"
# Whose alerts nobody's name is on, and who cares for alerting itself.
FALLBACK = "platform-ticket"


def receiver_keys() -> tuple[str, ...]:
    """Return the keys that the Secret RECEIVERS must have."""
    return (*(f"{team}-{severity}" for team in TEAMS for severity in ("page", "ticket")), "heartbeat")


def configuration() -> dict[str, Any]:
    """Return alertmanager.yaml."""
    return {
        "route": {
            "receiver": FALLBACK,
            "group_by": ["alertname", "service", "team"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "24h",
            "routes": [
                {
                    "receiver": "heartbeat",
                    "matchers": ['severity="heartbeat"'],
                    "group_wait": "0s",
                    "group_interval": "1m",
                    "repeat_interval": "1m",
                },
                *(_route(team) for team in TEAMS),
            ],
        },
        "inhibit_rules": _inhibitions(),
        "receivers": [receiver for team in TEAMS for receiver in _receivers(team)] + [_webhook("heartbeat")],
    }


def _route(team: str) -> dict[str, Any]:
    return {
        "receiver": f"{team}-ticket",
        "matchers": [f'team="{team}"'],
        "routes": [{"receiver": f"{team}-page", "matchers": ['severity="page"'], "repeat_interval": "4h"}],
    }


def _receivers(team: str) -> list[dict[str, Any]]:
    page = {
        "name": f"{team}-page",
        "pagerduty_configs": [
            {
                "routing_key_file": f"{MOUNTED}/{team}-page",
                "description": "{{ .CommonLabels.alertname }}: {{ .CommonAnnotations.summary }}",
                "severity": "critical",
                "client": "careslot",
                "client_url": "{{ .CommonAnnotations.runbook_url }}",
            }
        ],
    }
    return [page, _webhook(f"{team}-ticket")]


def _webhook(name: str) -> dict[str, Any]:
    return {"name": name, "webhook_configs": [{"url_file": f"{MOUNTED}/{name}"}]}


def _inhibitions() -> list[dict[str, Any]]:
    """One cause, one call: who was woken need not read the same as a ticket."""
    same = ["service", "slo"]
    return [
        {
            "source_matchers": [f'alertname="{objective}BudgetBurnsFast"'],
            "target_matchers": [f'alertname="{objective}BudgetBurnsSlowly"'],
            "equal": same,
        }
        for objective in ("Availability", "Latency")
    ] + [
        {
            "source_matchers": ['alertname="ServiceNotSeen"'],
            "target_matchers": ['alertname!="ServiceNotSeen"', 'severity=~"page|ticket"'],
            "equal": ["service"],
        }
    ]
