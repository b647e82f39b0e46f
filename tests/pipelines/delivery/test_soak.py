"""Soaking asks every region about every objective, stops at the first fire, and takes silence for no proof."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from pipelines.delivery.metrics import PrometheusMetrics, Sample
from pipelines.delivery.soak import WINDOWS, Burning, look, wanted, watch
from pipelines.slos.objectives import OBJECTIVES, of_budget, records, target
from services.kernel.errors import Forbidden, Invalid, Unavailable

BOOKING = wanted("booking")


class Measured:
    """Metrics from a table: expression to the share of bad requests; what is not there has no series."""

    def __init__(self, shares: Mapping[str, float]) -> None:
        self.shares = dict(shares)
        self.asked: list[str] = []

    def query(self, expression: str) -> tuple[Sample, ...]:
        """Return the sample of the table."""
        self.asked.append(expression)
        return (Sample({}, self.shares[expression]),) if expression in self.shares else ()


def burning_at(factor: float, windows: tuple[str, ...] = WINDOWS) -> Measured:
    """Return metrics where booking burns so many times too fast in some windows, and not at all in others."""
    return Measured(
        {
            of_budget("booking", slo, window): (factor if window in windows else 0) * (100 - target(BOOKING, slo)) / 100
            for slo in OBJECTIVES
            for window in WINDOWS
        }
    )


def test_what_is_asked_is_what_the_rules_record() -> None:
    recorded = {(record.name, tuple(record.labels.items())) for record in records(BOOKING)}
    metrics = burning_at(0)
    look(BOOKING, "us-east-1", metrics)
    names = {name for name, _ in recorded}
    assert len(metrics.asked) == len(OBJECTIVES) * len(WINDOWS)
    assert {expression.partition("{")[0] for expression in metrics.asked} <= names


def test_rates_are_shares_of_the_budget() -> None:
    burns = look(BOOKING, "us-east-1", burning_at(2))
    assert [burn.slo for burn in burns] == list(OBJECTIVES)
    assert all(rate == pytest.approx(2) for burn in burns for rate in burn.rates.values())


@pytest.mark.parametrize(
    ("factor", "windows", "burns"),
    [
        (5, WINDOWS, False),
        (7, WINDOWS, True),
        (20, ("5m", "1h"), True),
        # A short flare, or a fire that is out: nobody is woken for it.
        (20, ("5m", "30m"), False),
        (20, ("1h", "6h"), False),
        (7, ("5m", "1h"), False),
    ],
)
def test_it_burns_when_somebody_would_be_woken(factor: float, windows: tuple[str, ...], burns: bool) -> None:
    assert any(burn.burning for burn in look(BOOKING, "us-east-1", burning_at(factor, windows))) is burns


def test_one_silent_window_in_one_region_is_no_pass() -> None:
    silent = burning_at(0)
    del silent.shares[of_budget("booking", "latency", "6h")]
    with pytest.raises(Invalid, match="us-west-2: 0 series say latency of booking over 6h"):
        watch(BOOKING, {"us-east-1": burning_at(0), "us-west-2": silent}, 0, 60, lambda _: None)
    silent.shares[of_budget("booking", "latency", "6h")] = float("nan")
    with pytest.raises(Invalid, match="no proof"):
        look(BOOKING, "us-west-2", silent)


def test_it_watches_until_the_time_is_over() -> None:
    told: list[str] = []
    slept: list[float] = []
    found = watch(BOOKING, {"us-east-1": burning_at(1)}, 600, 60, told.append, slept.append)
    assert slept == [60.0] * 10
    assert len(told) == 11
    assert len(found) == len(OBJECTIVES)


def test_a_fire_on_the_way_stops_it_at_once() -> None:
    calm, fire = burning_at(0), burning_at(30)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        calm.shares.update(fire.shares)

    with pytest.raises(Burning, match="us-east-1 availability"):
        watch(BOOKING, {"us-east-1": calm}, 600, 60, lambda _: None, sleep)
    assert slept == [60.0]


def answering(status: int, told: Any) -> tuple[list[httpx.Request], httpx.MockTransport]:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, content=told if isinstance(told, bytes) else json.dumps(told).encode())

    return asked, httpx.MockTransport(answer)


def test_prometheus_is_asked_by_its_api() -> None:
    result = {"resultType": "vector", "result": [{"metric": {"slo": "latency"}, "value": [1.0, "0.25"]}]}
    asked, transport = answering(200, {"status": "success", "data": result})
    found = PrometheusMetrics("http://prometheus.test:9090/", "us-east-1", transport).query("up > 0")
    assert found == (Sample({"slo": "latency"}, 0.25),)
    assert asked[0].url == "http://prometheus.test:9090/api/v1/query"
    assert parse_qs(asked[0].content.decode()) == {"query": ["up > 0"]}
    assert "authorization" not in asked[0].headers


def test_amazons_prometheus_is_asked_with_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    asked, transport = answering(200, {"status": "success", "data": {"result": []}})
    address = "https://aps-workspaces.us-west-2.amazonaws.com/workspaces/ws-1"
    assert PrometheusMetrics(address, "us-west-2", transport).query("up") == ()
    signature = asked[0].headers["authorization"]
    assert signature.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/us-west-2/aps/aws4_request" in signature


@pytest.mark.parametrize(
    ("status", "told", "error", "words"),
    [
        (400, {"status": "error", "error": "parse error"}, Invalid, "parse error"),
        (403, {"message": "no"}, Forbidden, "403"),
        (502, b"<html>", Unavailable, "502"),
    ],
)
def test_what_prometheus_refuses_is_told(status: int, told: Any, error: type[Exception], words: str) -> None:
    _, transport = answering(status, told)
    with pytest.raises(error, match=words):
        PrometheusMetrics("https://prometheus.test", "us-east-1", transport).query("up >")


def test_no_address_and_no_service_are_refused() -> None:
    with pytest.raises(Invalid, match="no address"):
        PrometheusMetrics("prometheus", "us-east-1")
    with pytest.raises(Invalid, match="no service is called 'bookings'"):
        wanted("bookings")
