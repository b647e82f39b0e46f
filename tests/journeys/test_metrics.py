"""Every series that an alert or a panel reads is told by the running service it is asked of, labels and all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from pipelines.slos.series import Selector, expressions, selectors
from services.contracts.catalogue import catalogue
from services.contracts.topology import dead_letters_of
from tests.journeys.running import Running

# Values that come with what they count, such as a fault, and metrics that do.
RARE = {"status", "route"}
RARE_METRICS = {
    "careslot_admission_admitted_total", "careslot_admission_refused_total", "careslot_admission_wait_seconds",
    "careslot_outcomes_total",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What services tell: which families each has, and the labels of their samples."""

    families: Mapping[str, frozenset[str]]
    samples: Mapping[str, list[Mapping[str, str]]]

    @classmethod
    def of(cls, scraped: Mapping[str, Iterable[Metric]]) -> Told:
        """Read scrapes by service."""
        families: dict[str, frozenset[str]] = {}
        samples: dict[str, list[Mapping[str, str]]] = {}
        for service, metrics in scraped.items():
            found = list(metrics)
            # The parser takes the ending of a counter away, as the format says.
            families[service] = frozenset(m.name + ("_total" if m.type == "counter" else "") for m in found)
            for sample in (sample for metric in found for sample in metric.samples):
                samples.setdefault(sample.name, []).append(sample.labels)
        return cls(families, samples)

    def fault(self, selector: Selector) -> str | None:
        """Return what of a selector nobody tells."""
        _, service = selector.labels.get("service", ("", ""))
        asked = [self.families[service]] if service else list(self.families.values())
        if not any(selector.family in families for families in asked):
            return f"{service or 'nobody'} tells no {selector.family}"
        seen = self.samples.get(selector.name, [])
        if seen and (unknown := set(selector.labels) - {label for labels in seen for label in labels}):
            return f"{selector.name} has no label {', '.join(sorted(unknown))}"
        if selector.family in RARE_METRICS and "name" not in selector.labels:
            return None
        ours = [labels for labels in seen if not service or labels.get("service") == service]
        for label, (operator, value) in selector.labels.items():
            wanted = value.split("|") if operator == "=~" else [value]
            values = {labels.get(label) for labels in ours}
            if label not in RARE and operator in {"=", "=~"} and (missing := [v for v in wanted if v not in values]):
                return f"{selector.name}: {service} tells no {label} {', '.join(missing)}"
        return None


@pytest.fixture(scope="module")
def told(platform: Running) -> Told:
    """What every service of the running platform tells, once each has read its gauges."""
    return Told.of(
        {name: platform.wait_for(partial(_scraped, platform, name), f"{name}'s gauges") for name in catalogue()}
    )


def test_every_series_of_rules_and_dashboards_is_told(told: Told) -> None:
    faults = {
        f"{where}: {fault}"
        for where, expression in expressions(catalogue())
        for selector in selectors(expression)
        if not selector.recorded and (fault := told.fault(selector))
    }
    assert not faults, "\n".join(sorted(faults))


PLANTED = """
# TYPE careslot_overdue_seconds gauge
careslot_overdue_seconds{service="booking",work="holds"} 0.0
# TYPE careslot_taken_total counter
careslot_taken_total{service="booking"} 1.0
"""


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ('careslot_taken_total{service="booking"}', None),
        ('careslot_overdue_seconds{service="booking", work=~"holds"}', None),
        ('careslot_token_total{service="booking"}', "booking tells no careslot_token_total"),
        ('careslot_taken_total{service="booking", queue="x"}', "careslot_taken_total has no label queue"),
        (
            'careslot_overdue_seconds{service="booking", work=~"holds|chores"}',
            "careslot_overdue_seconds: booking tells no work chores",
        ),
        ('careslot_overdue_seconds{service="portal"}', "portal tells no careslot_overdue_seconds"),
    ],
)
def test_a_series_nobody_tells_is_found(expression: str, fault: str | None) -> None:
    [selector] = selectors(expression)
    scraped = {"booking": text_string_to_metric_families(PLANTED), "portal": text_string_to_metric_families("")}
    assert Told.of(scraped).fault(selector) == fault


def test_no_label_holds_an_id(told: Told) -> None:
    values = {value for samples in told.samples.values() for labels in samples for value in labels.values()}
    assert not [value for value in values if re.search(r"\b(pat|cln|fac)-\d|[0-9a-f]{8}-[0-9a-f]{4}|@", value)]


def _scraped(platform: Running, service: str) -> list[Metric] | None:
    """Return what a service tells, None while its gauges have not been read for the first time."""
    answer = httpx.get(f"http://127.0.0.1:{platform.child(service).port}/metrics").raise_for_status()
    found = list(text_string_to_metric_families(answer.text))
    read = {
        sample.labels["source"]
        for metric in found
        if metric.name == "careslot_gauges_read_timestamp_seconds"
        for sample in metric.samples
    }
    wanted = {"database"} if catalogue()[service].database else set()
    wanted |= {"queues"} if dead_letters_of(service) else set()
    return found if wanted <= read else None
