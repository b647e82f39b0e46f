"""What breaks before objectives do: queues nobody takes from, events that wait, work the clock forgot.

Everything is aggregated by service and by what is affected, so that forty pods make one alert. Thresholds are ours: so
long that the ordinary does not reach them (a retry, a deploy, a failover of a minute), so short that nobody has missed
a visit yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.slos.rules import Alert, Severity
from services.contracts.catalogue import Service
from services.contracts.topology import dead_letters_of, direct_queues_of, subscriptions_of


@dataclass(frozen=True, slots=True)
class Clockwork:
    """Work a service does by the clock (services/kernel/gauges.py, Overdue), and how late is worth telling."""

    name: str
    service: str
    works: tuple[str, ...]
    seconds: int
    severity: Severity
    summary: str


CLOCKWORK: tuple[Clockwork, ...] = (
    Clockwork(
        "HoldsOverdue", "booking", ("freed-slots", "holds"), 120, "ticket",
        "places of holds and cancelled visits that ran out do not come back to search",
    ),
    Clockwork(
        "OffersOverdue", "waitlist", ("offers",), 300, "ticket",
        "offers that ran out are not ended, and the next in line is not asked",
    ),
    Clockwork("MessagesOverdue", "notifications", ("messages",), 900, "page", "reminders and notices are not sent"),
    Clockwork(
        "AnchorsOverdue", "audit", ("anchors",), 1800, "page",
        "audit entries lie where somebody with rights on the database could still rewrite them unseen",
    ),
)  # fmt: skip


def platform_alerts() -> tuple[Alert, ...]:
    """Return the alert that always fires: whoever hears it no more knows that alerting itself is broken."""
    return (
        Alert(
            name="Watchdog", expr="vector(1)", service="platform", team="platform", severity="heartbeat",
            summary="alerting works",
            description="Always fires. The receiver outside the cluster calls when it has not heard this for minutes.",
        ),
    )  # fmt: skip


def operational_alerts(service: Service) -> tuple[Alert, ...]:
    """Return what is worth telling of a service besides its objectives."""
    told = (
        *_presence(service),
        *_neighbours(service),
        *(_database(service) if service.database else ()),
        *_queues(service),
        *_clockwork(service),
        *_findings(service),
    )
    return tuple(told)


def polled_queues(service: Service) -> list[str]:
    """Return the queues that the service's own processes take from."""
    polled = [s.queue for s in subscriptions_of(service.name) if s.runs == "process"]
    return polled + [queue.queue for queue in direct_queues_of(service.name)]


def _alert(
    service: Service, name: str, expr: str, minutes: int, severity: Severity, summary: str, description: str
) -> Alert:
    return Alert(
        name=name, expr=expr, minutes=minutes, severity=severity, service=service.name, team=service.team,
        summary=f"{service.name}: {summary}", description=description,
    )  # fmt: skip


def _presence(service: Service) -> Iterator[Alert]:
    of = f'{{service="{service.name}"}}'
    if service.runs_on == "eks":  # whatever runs elsewhere is watched from its load balancer (infra/components)
        yield _alert(
            service, "ServiceNotSeen", f'absent(careslot_admission_requests{{service="{service.name}", kind="limit"}})',
            5, "page", "no process tells metrics", f"While it is away: {service.without}.",
        )  # fmt: skip
    refused = f"sum by (service) (rate(careslot_admission_refused_total{of}[5m]))"
    admitted = f"sum by (service) (rate(careslot_admission_admitted_total{of}[5m]))"
    yield _alert(
        service, "RequestsShed", f"{refused} / ({refused} + {admitted}) > 0.05", 10, "ticket",
        "turns requests away", "{{ $value | humanizePercentage }} of requests are refused for want of room.",
    )  # fmt: skip


def _neighbours(service: Service) -> Iterator[Alert]:
    if service.calls or service.uses:
        of = f'service="{service.name}"'
        calls = "sum by (service, neighbour) (rate(careslot_neighbour_calls_total{{{}}}[5m]))"
        bad = calls.format(f'{of}, outcome!="answered"')
        yield _alert(
            service, "NeighbourFails", f"{bad} / ({calls.format(of)} > 0) > 0.5", 5, "ticket",
            "{{ $labels.neighbour }} does not answer",
            "{{ $value | humanizePercentage }} of calls fail or are not tried because the breaker is open.",
        )  # fmt: skip


def _database(service: Service) -> Iterator[Alert]:
    of = f'service="{service.name}"'
    lent = f'careslot_database_connections{{{of}, state="lent"}}'
    limit = f'careslot_database_connections{{{of}, state="limit"}}'
    yield _alert(
        service, "DatabasePoolBusy", f"max by (service) ({lent} / ignoring (state) {limit}) > 0.9", 10, "ticket",
        "nearly every database connection is lent", "A process has {{ $value | humanizePercentage }} of its pool out.",
    )  # fmt: skip
    oldest = 'max by (service) (careslot_outbox_oldest_seconds{{{}, channel="{}"}})'.format
    yield _alert(
        service, "OutboxEventsWait", f"{oldest(of, 'bus')} > 120", 3, "page", "committed events do not reach the bus",
        "The oldest has waited {{ $value | humanizeDuration }}.",
    )  # fmt: skip
    yield _alert(
        service, "AuditEntriesWait", f"{oldest(of, 'audit')} > 900", 5, "ticket",
        "audit entries do not reach the trail", "The oldest has waited {{ $value | humanizeDuration }}. None is lost.",
    )  # fmt: skip
    yield _alert(
        service, "GaugesStale",
        f"time() - max by (service, source) (careslot_gauges_read_timestamp_seconds{{{of}}}) > 180", 5, "ticket",
        "its gauges are old", "{{ $labels.source }} were last read {{ $value | humanizeDuration }} ago: other alerts "
        "of this service may be silent for want of figures.",
    )  # fmt: skip


def _queues(service: Service) -> Iterator[Alert]:
    own = dead_letters_of(service.name)
    if not own:
        return
    of = f'service="{service.name}"'
    polled = polled_queues(service)
    fed = [s.queue for s in subscriptions_of(service.name) if s.runs == "lambda"]
    yield _alert(
        service, "DeadLetters", f"max by (service, queue) (careslot_dead_letters{{{of}}}) > 0", 5,
        "page" if direct_queues_of(service.name) else "ticket", "messages of {{ $labels.queue }} were given up",
        "{{ $value }} lie in its dead-letter queue.",
    )  # fmt: skip
    # Functions tell no metrics here, so that a queue that never runs empty is all there is to see, and takes longer.
    for queues, minutes in ((polled, 15), (fed, 30)):
        if queues:
            yield _not_taken(service, queues, minutes, polled=queues is polled)
    if polled:
        taken = "sum by (service, queue) (rate(careslot_inbox_events_total{{{}}}[10m]))"
        failed = taken.format(f'{of}, outcome="failed"')
        yield _alert(
            service, "EventsFail", f"{failed} / {taken.format(of)} > 0.1", 10, "ticket",
            "events of {{ $labels.queue }} fail", "{{ $value | humanizePercentage }} of attempts fail.",
        )  # fmt: skip
        ages = f"sum by (service, queue, le) (rate(careslot_inbox_event_age_seconds_bucket{{{of}}}[10m]))"
        yield _alert(
            service, "EventsTakenLate", f"histogram_quantile(0.95, {ages}) > 300", 10, "ticket",
            "takes events of {{ $labels.queue }} late", "One in twenty is older than {{ $value | humanizeDuration }}.",
        )  # fmt: skip


def _not_taken(service: Service, queues: list[str], minutes: int, *, polled: bool) -> Alert:
    of = f'service="{service.name}", queue=~"{"|".join(sorted(queues))}"'
    waiting = f'min by (service, queue) (min_over_time(careslot_queue_messages{{{of}, state="waiting"}}[{minutes}m]))'
    taken = f'sum by (service, queue) (increase(careslot_inbox_events_total{{{of}, outcome!="failed"}}[{minutes}m]))'
    expression = f"{waiting} > 0 unless on (service, queue) {taken} > 0" if polled else f"{waiting} > 0"
    return _alert(
        service, "QueueNotTaken", expression, 0, "page",
        "nobody takes from {{ $labels.queue }}",
        f"{{{{ $value }}}} or more have waited for {minutes} minutes, and none was taken.",
    )  # fmt: skip


def _clockwork(service: Service) -> Iterator[Alert]:
    for clock in CLOCKWORK:
        if clock.service == service.name:
            of = f'service="{service.name}", work=~"{"|".join(clock.works)}"'
            yield _alert(
                service, clock.name, f"max by (service, work) (careslot_overdue_seconds{{{of}}}) > {clock.seconds}", 5,
                clock.severity, clock.summary, "{{ $labels.work }} are {{ $value | humanizeDuration }} late.",
            )  # fmt: skip


def _findings(service: Service) -> Iterator[Alert]:
    """Counted outcomes of which one is enough."""
    found = {
        "audit": ("AnchorForeign", "anchor-foreign", "page", "an anchor of the audit trail is not ours",
                  "Write-once storage holds an anchor that does not follow our last one."),
        "booking": ("PatientDoubleBooked", "patient-double-booked", "ticket", "a merged patient has two visits at once",
                    "Two records were one person, and both had booked the same time."),
    }  # fmt: skip
    if service.name in found:
        name, outcome, severity, summary, description = found[service.name]
        counted = f'careslot_outcomes_total{{service="{service.name}", name="{outcome}"}}'
        yield _alert(
            service, name, f"sum by (service) (increase({counted}[1h])) > 0", 0,
            "page" if severity == "page" else "ticket", summary, description,
        )  # fmt: skip
