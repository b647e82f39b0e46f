"""`careslot slotting evaluate` and `simulate`: scores without leaks, clear errors, figures for machines."""

from __future__ import annotations

import csv
import gzip
import json
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from services.availability.adapters import noshow_model
from services.availability.adapters.noshow_file import read
from services.availability.adapters.noshow_statistics import ScikitStatistics
from services.availability.cli import register
from services.availability.domain.simulation.session import Due, run
from services.availability.domain.slotting.outcomes import Outcome, split, visits
from services.kernel.errors import Invalid

HEADER = ["PatientId", "AppointmentID", "Gender", "ScheduledDay", "AppointmentDay", "Age", "Neighbourhood", "No-show"]
FIRST = date(2026, 5, 4)


def rows(count: int = 3000) -> list[list[str]]:
    """Return visits of people who miss more often the longer they waited, and some people always."""
    dice = random.Random(7)
    found = []
    for number in range(count):
        patient, lead = dice.randrange(300), dice.choice([0, 0, 2, 10, 30])
        day = FIRST + timedelta(days=number * 20 // count)
        risk = (0.05 if lead == 0 else 0.25) + (0.5 if patient % 7 == 0 and lead else 0)
        found.append([
            f"{patient}.0", str(number), dice.choice("FM"), f"{day - timedelta(days=lead)}T08:00:00Z",
            f"{day}T00:00:00Z", str(dice.randrange(90)), f"place {patient % 9}",
            "Yes" if dice.random() < risk else "No",
        ])  # fmt: skip
    return found


def write(path: Path, lines: list[list[str]], header: list[str] = HEADER) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return path


def careslot(*arguments: str) -> Any:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return CliRunner().invoke(app, ["slotting", *arguments])


def test_history_is_of_earlier_days_only() -> None:
    outcomes = [
        Outcome("a", FIRST, FIRST, True),
        Outcome("a", FIRST, FIRST, True),
        Outcome("a", FIRST, FIRST + timedelta(days=3), False),
        Outcome("a", FIRST + timedelta(days=4), FIRST + timedelta(days=9), False),
    ]
    eve = [one.history.visits for one in visits(outcomes, lambda _: 0.2)]
    booked = [one.history.visits for one in visits(outcomes, lambda _: 0.2, as_of_booking=True)]
    assert eve == [0, 0, 2, 3]
    assert booked == [0, 0, 0, 3]
    assert split(outcomes, 0.7) == FIRST + timedelta(days=9)


def test_evaluate_beats_its_baselines_where_there_is_something_to_learn(tmp_path: Path) -> None:
    model = tmp_path / "model.json"
    found = careslot("evaluate", str(write(tmp_path / "visits.csv", rows())), "--json", "--write", str(model))
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert told["whole"]["auc"] > told["lead_time_alone"]["auc"] > told["base_rate"]["auc"] == 0.5
    assert told["whole"]["brier"] < told["base_rate"]["brier"]
    assert told["trained_days"][1] < told["scored_days"][0]
    known = told["by_history"]
    assert known["any"]["score"] == told["whole"]
    assert known["1 or more"]["score"] == told["with_history"]
    assert known["1 or more"]["gain"] == pytest.approx(
        told["with_history"]["auc"] - told["with_history_lead_time_alone"]["auc"], abs=2e-5
    )
    assert 0 < known["1 or more"]["gain_interval"][0] < known["1 or more"]["gain"]
    assert 0 <= known["1 or more"]["calibration_error"] < 0.2
    assert {"age", "sex", "neighbourhood, by its earlier misses"} == set(told["groups"])
    assert noshow_model.load(str(model)).version == told["model"]["version"]
    again = careslot("evaluate", str(tmp_path / "visits.csv"), "--json", "--model", str(model))
    assert json.loads(again.stdout)["trained_on"] == 0
    shown = careslot("evaluate", str(tmp_path / "visits.csv"), "--as-of", "booking").stdout
    assert "Calibration" in shown
    assert "By history as of the booking" in shown and "5 or more" in shown


def test_an_interval_holds_its_auc_and_repeated_patients_make_it_wider() -> None:
    dice = random.Random(3)
    risks = [round(dice.random(), 1) for _ in range(400)]
    missed = [dice.random() < risk for risk in risks]
    statistics = ScikitStatistics()
    auc, strangers = statistics.auc(missed, risks), [str(n) for n in range(400)]
    low, high = statistics.auc_interval(missed, risks, strangers) or (1.0, 0.0)
    assert auc is not None and low < auc < high
    # Hanley and McNeil 1982: about 1.96 standard errors of 0.02 to each side.
    assert 0.06 < high - low < 0.11
    wider = statistics.auc_interval(missed * 4, risks * 4, strangers * 4) or (0.0, 0.0)
    assert wider == pytest.approx((low, high), abs=1e-9)
    of_visits = statistics.auc_interval(missed * 4, risks * 4, [str(n) for n in range(1600)]) or (0.0, 1.0)
    assert of_visits[1] - of_visits[0] < 0.6 * (high - low)


def test_a_gain_on_itself_is_none_and_outcomes_alike_have_no_interval() -> None:
    statistics = ScikitStatistics()
    risks, missed, patients = [0.1, 0.4, 0.4, 0.9], [False, True, False, True], ["a", "a", "b", "c"]
    assert statistics.auc_interval(missed, risks, patients, risks) == (0.0, 0.0)
    assert statistics.auc_interval([True] * 4, risks, patients) is None


def test_broken_rows_are_counted_and_named(tmp_path: Path) -> None:
    good = rows(400)
    broken = [["1"], [*good[0][:-1], "maybe"], ["x", "9001", *good[0][2:]], good[1],
              [*good[0][:1], "9002", "F", "2026-06-01", "2026-05-01", "3", "p", "No"]]  # fmt: skip
    path = tmp_path / "visits.csv.gz"
    path.write_bytes(gzip.compress(write(tmp_path / "plain.csv", good + broken).read_bytes()))
    found = read(path)
    assert len(found.outcomes) == 400 and found.rows == 405
    assert sum(found.rejected.values()) == 5 and len(found.rejected) == 5
    assert found.first_lines["with too few columns"] == 402


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "has no column"),
        (b"a,b\n1,2\n", "No-show"),
        ((",".join(HEADER) + "\n").encode(), "no row"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "visits.csv"
    path.write_bytes(content)
    found = careslot("evaluate", str(path))
    assert found.exit_code == 2
    assert told in " ".join(found.output.replace("│", " ").split())
    assert "Traceback" not in found.output


def test_a_model_with_a_hole_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"version": "1", "by_lead": {}}')
    with pytest.raises(Invalid, match="missing"):
        noshow_model.load(str(tmp_path / "m.json"))


def test_a_session_is_played_in_order_of_appointment() -> None:
    course = run(0, 60, [Due(0, -5, 30, "a"), Due(20, 40, 10, "b"), Due(30, 25, 35, "c")])
    assert list(course.waits) == [("a", 0), ("c", 0), ("b", 25)]
    assert (course.worked, course.overtime) == (60, 15)


def test_simulate_compares_three_ways_and_repeats_itself() -> None:
    arguments = ("simulate", "--seeds", "1", "--days", "5", "--clinicians", "1", "--json")
    first, second = careslot(*arguments), careslot(*arguments)
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert list(told["policies"]) == ["fixed template", "uniform overbooking", "adaptive"]
    assert told["policies"] == json.loads(second.stdout)["policies"]
    assert all(0 < one["mean"]["utilisation"] <= 1 for one in told["policies"].values())
    assert [one["seeds"] for one in told["promises"]] == [1, 1]
    assert "unused slots" in careslot(*arguments[:-1]).stdout
