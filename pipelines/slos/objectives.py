"""A service's objectives as PromQL: which requests count, which were bad, how fast the error budget burns.

Windows and factors are those of the Google SRE Workbook, chapter 5 "Alerting on SLOs", table 5-8 ("Recommended time
windows and burn rates for percentages of error budget consumed"), for a budget of 30 days: the long window says that a
share of the budget is gone, the short one, a twelfth of it, that it is still going.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client.utils import floatToGoString

from pipelines.slos.rules import INTERVAL, Alert, Record
from services.contracts.catalogue import Service

Objective = Literal["availability", "latency"]
OBJECTIVES: tuple[Objective, ...] = ("availability", "latency")
BUDGET_DAYS = 30
REQUESTS, BAD, RATIO = "service:slo_requests:rate5m", "service:slo_bad:rate5m", "service:slo_errors:ratio_rate"
# Asked by the platform or by scanners: they say nothing about anybody who wanted something.
NOBODYS = "/livez|/readyz|/metrics|unmatched"
# Where few come, one failure is a large share (Workbook, "Low-Traffic Services and Error Budget Alerting"): fewer bad
# requests than this in the long window wake nobody.
FEWEST_BAD = 10
SECONDS = {"5m": 300, "30m": 1800, "1h": 3600, "6h": 21600, "3d": 259200, "30d": 2592000}


@dataclass(frozen=True, slots=True)
class Burn:
    """``spent`` percent of the budget within ``long``, which is ``factor`` times as fast as allowed."""

    spent: int
    long: str
    short: str
    factor: float
    severity: Literal["page", "ticket"]


BURNS: tuple[Burn, ...] = (
    Burn(2, "1h", "5m", 14.4, "page"),
    Burn(5, "6h", "30m", 6, "page"),
    Burn(10, "3d", "6h", 1, "ticket"),
)


def target(service: Service, objective: Objective) -> float:
    """Return what is promised, in percent of requests."""
    return service.slo.availability if objective == "availability" else service.slo.latency_ratio


def promise(service: Service, objective: Objective) -> str:
    """Return what is promised, in words."""
    ending = "without a fault of ours" if objective == "availability" else f"within {service.slo.latency_ms} ms"
    return f"{target(service, objective):g} % of requests end {ending}, over {BUDGET_DAYS} days"


def records(service: Service) -> tuple[Record, ...]:
    """Return the recording rules of both objectives: rates of requests and bad requests, and their ratio by window.

    A longer window is the average of five-minute rates: weighted by traffic, and cheap over 30 days.
    """
    return tuple(rule for objective in OBJECTIVES for rule in _records(service, objective))


def burn_alerts(service: Service) -> tuple[Alert, ...]:
    """Return the alerts of both objectives: one that wakes somebody, one that waits for the working day."""
    return tuple(alert for objective in OBJECTIVES for alert in _alerts(service, objective))


def of_budget(service: str, objective: Objective, window: str) -> str:
    """Return the selector of the recorded share of bad requests."""
    return f"{RATIO}{window}{_labels(service, objective)}"


def _records(service: Service, objective: Objective) -> Sequence[Record]:
    labels = {"service": service.name, "slo": objective}
    of = _labels(service.name, objective)
    requests, bad = _sli(service, objective)
    made = [Record(REQUESTS, requests, labels), Record(BAD, bad, labels)]
    for window in SECONDS:
        share = f"avg_over_time({BAD}{of}[{window}]) / (avg_over_time({REQUESTS}{of}[{window}]) > 0)"
        if window == "5m":
            share = f"{BAD}{of} / ({REQUESTS}{of} > 0)"
        made.append(Record(f"{RATIO}{window}", share, labels))
    return made


def _sli(service: Service, objective: Objective) -> tuple[str, str]:
    """Return the rates of the requests that count and of those that were bad."""
    series = "careslot_http_request_seconds"
    ours = f'service="{service.name}", route!~"{NOBODYS}"'
    if objective == "availability":
        # What is turned away in a rush is a fault of ours as well: 503 (429 is for who asks more than their share).
        every = _rate(f"{series}_count{{{ours}}}")
        faults = _rate(f'{series}_count{{{ours}, status=~"5.."}}')
        return every, f"{faults} or {every} * 0"
    # A fault has its own objective, and a refusal is fast: neither says how long anybody waited.
    served = f'service="{service.name}", route!~"{NOBODYS}|refused", status!~"5.."'
    every = _rate(f"{series}_count{{{served}}}")
    # The client's own way of writing a bucket's edge; its types do not say so.
    edge = floatToGoString(service.slo.latency_ms / 1000)  # type: ignore[no-untyped-call]
    fast = _rate(f'{series}_bucket{{{served}, le="{edge}"}}')
    return every, f"clamp_min({every} - {fast}, 0)"


def _rate(selector: str) -> str:
    return f"sum by (service) (rate({selector}[5m]))"


def _alerts(service: Service, objective: Objective) -> Sequence[Alert]:
    spoken = objective.capitalize()
    made = []
    for severity, pace in (("page", "Fast"), ("ticket", "Slowly")):
        burns = [burn for burn in BURNS if burn.severity == severity]
        paces = " or ".join(f"{burn.spent} % of the month's budget within {burn.long}" for burn in burns)
        made.append(
            Alert(
                name=f"{spoken}BudgetBurns{pace}",
                expr="\nor\n".join(_burning(service, objective, burn) for burn in burns),
                service=service.name,
                team=service.team,
                severity=burns[0].severity,
                summary=f"{service.name} breaks its promise too fast: {promise(service, objective)}",
                description=f"At this pace {paces}. Bad just now: {{{{ $value | humanizePercentage }}}} of requests.",
                labels={"slo": objective},
            )
        )
    return made


def _burning(service: Service, objective: Objective, burn: Burn) -> str:
    allowed = round(burn.factor * (100 - target(service, objective)) / 100, 8)
    of = _labels(service.name, objective)
    return (
        f"({of_budget(service.name, objective, burn.long)} > {allowed:g}\n"
        f"  and {of_budget(service.name, objective, burn.short)} > {allowed:g}\n"
        f"  and sum_over_time({BAD}{of}[{burn.long}]) * {INTERVAL} >= {FEWEST_BAD})"
    )


def _labels(service: str, objective: Objective) -> str:
    return f'{{service="{service}", slo="{objective}"}}'
