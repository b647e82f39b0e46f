"""`careslot verify`: every check runs, what it finds is told with file, place and advice, and the exit code says so."""

from __future__ import annotations

import json
import pkgutil
import sys

import pytest
import typer
from typer.testing import CliRunner

from pipelines.findings import Finding
from pipelines.verify import CHECKS, Check, register, run
from services.kernel.errors import Unavailable

FOUND = Finding("gitops/a.yaml", "spec.ports[0]", "8080 is nobody's port", "write 8103")


def finds() -> list[Finding]:
    """Find one thing."""
    return [FOUND]


def finds_nothing() -> list[Finding]:
    """Find nothing."""
    return []


def cannot_begin() -> list[Finding]:
    """Lack what it needs."""
    raise Unavailable("there is no linter here: install it")


HERE = "tests.pipelines.test_verify"


@pytest.fixture
def app() -> typer.Typer:
    """Return a command with the verb alone (and a second, so that the first keeps its name)."""
    made = typer.Typer()
    made.callback()(lambda: None)
    register(made)
    return made


def test_every_check_that_is_a_function_is_there() -> None:
    for check in CHECKS.values():
        assert check.title
        if isinstance(check.runs, str):
            assert callable(pkgutil.resolve_name(check.runs)), check.runs


def test_all_checks_run_also_after_one_has_found_something() -> None:
    said: list[str] = []
    done = run({"a": Check("one", f"{HERE}:finds"), "b": Check("two", f"{HERE}:finds_nothing")}, said.append)
    assert [(one.name, one.findings) for one in done] == [("a", (FOUND,)), ("b", ())]
    assert said[0] == "== a (1 of 2): one"
    assert said[1].startswith("== a: 1 finding in ")
    assert said[3].startswith("== b: passed in ")


def test_a_check_that_cannot_begin_is_a_finding_and_the_others_run() -> None:
    one, two = run({"a": Check("one", f"{HERE}:cannot_begin"), "b": Check("two", f"{HERE}:finds")}, lambda _: None)
    assert "there is no linter here: install it" in one.findings[0].what
    assert two.findings == (FOUND,)


def test_a_command_is_judged_by_its_exit_code_and_its_output_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    fails = (sys.executable, "-c", "import sys; print('line 7 is wrong'); sys.exit(3)")
    good, bad = run({"good": Check("x", ("true",)), "bad": Check("y", fails)}, lambda _: None)
    assert not good.findings
    (finding,) = bad.findings
    assert "exit code 3\nline 7 is wrong" in finding.what
    assert "line 7 is wrong" in capfd.readouterr().err


def test_a_finding_tells_file_place_and_advice() -> None:
    assert str(FOUND) == "gitops/a.yaml: spec.ports[0]: 8080 is nobody's port (write 8103)"


def test_an_unknown_check_is_a_usage_error_that_names_the_known(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["verify", "nothing"])
    assert result.exit_code == 2
    assert all(name in result.output for name in CHECKS)


@pytest.mark.parametrize(("place", "code"), [("finds", 1), ("finds_nothing", 0)])
def test_the_exit_code_and_json_say_what_was_found(
    app: typer.Typer, place: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(dict_of_checks(), "sample", Check("a sample", f"{HERE}:{place}"))
    result = CliRunner().invoke(app, ["verify", "sample", "--json"])
    assert result.exit_code == code
    told = json.loads(result.stdout)
    assert told["passed"] is (code == 0)
    assert [one["check"] for one in told["checks"]] == ["sample"]
    assert told["checks"][0]["findings"] == ([FOUND.as_dict()] if code else [])


def dict_of_checks() -> dict[str, Check]:
    """Return the registry as what it is, a dict: a sample joins it for one test."""
    assert isinstance(CHECKS, dict)
    return CHECKS
