"""The verbs as the command offers them: help, wrong use, and nothing running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from services.contracts.catalogue import load_catalogue
from services.local import cli, cli_dead_letters, cli_drill, openapi
from services.local.bench.figures import percentile
from services.local.state import NotRunning


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    cli.register(made)
    return made


def test_every_verb_explains_itself(app: typer.Typer) -> None:
    told = CliRunner().invoke(app, ["--help"]).output
    for verb in ("up", "down", "status", "logs", "token", "demo", "bench", "dlq", "drill", "openapi", "start", "stop"):
        assert verb in told
        assert CliRunner().invoke(app, [verb, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--port", "99999"],
        ["logs"],
        ["dlq", "show"],
        ["bench", "--part", "nothing"],
        ["nothing"],
        ["drill", "isolation", "--seconds", "0"],
    ],
)
def test_wrong_use_exits_with_2(app: typer.Typer, arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


@pytest.mark.parametrize(
    "arguments", [["status"], ["token", "patient"], ["dlq", "list"], ["demo"], ["stop", "booking"]]
)
def test_without_a_platform_verbs_raise_our_own_error(app: typer.Typer, arguments: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*arguments, "--folder", str(tmp_path)])
    assert isinstance(done.exception, NotRunning)


def test_an_unknown_queue_is_wrong_use() -> None:
    done = CliRunner().invoke(cli_dead_letters.verbs, ["show", "nothing"])
    assert done.exit_code in {1, 2}


def test_a_drill_of_an_unknown_service_is_wrong_use_and_names_those_there_are() -> None:
    done = CliRunner().invoke(cli_drill.verbs, ["isolation", "--service", "nothing"])
    assert done.exit_code == 2
    assert "booking" in done.output


def test_logs_are_shown_from_the_end(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "booking.log").write_text("one\ntwo\nthree\n")
    done = CliRunner().invoke(app, ["logs", "booking", "-n", "2", "--folder", str(tmp_path)])
    assert done.output == "two\nthree\n"
    assert CliRunner().invoke(app, ["logs", "other", "--folder", str(tmp_path)]).exit_code == 1


@pytest.mark.parametrize("service", sorted(load_catalogue()))
def test_documents_are_stable_and_on_file(service: str) -> None:
    text = openapi.render(service)
    assert text == openapi.render(service)
    assert json.loads(text)["openapi"].startswith("3.1")
    assert f"{service}.json" not in openapi.stale(), "run `careslot openapi write`"


def test_stale_missing_and_stray_documents_are_named_and_mended(tmp_path: Path) -> None:
    names = {f"{service}.json" for service in openapi.services()}
    assert set(openapi.stale(tmp_path)) == names
    openapi.write(tmp_path)
    assert openapi.stale(tmp_path) == []
    (tmp_path / "gone.json").write_text("{}")
    (tmp_path / "booking.json").write_text("{}")
    assert openapi.stale(tmp_path) == ["booking.json", "gone.json"]
    assert openapi.write(tmp_path) == ["booking.json", "gone.json"]
    assert openapi.stale(tmp_path) == []


@pytest.mark.parametrize(("values", "p50", "p99"), [([5.0], 5.0, 5.0), (list(range(1, 102)), 51, 100)])
def test_percentiles(values: list[float], p50: float, p99: float) -> None:
    assert (percentile(values, 50), percentile(values, 99)) == (p50, p99)
