"""The front door: verbs join, faults are told in one line, exit codes mean what they say."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from pipelines.main import VERB_GROUP, main
from tests.pipelines.verbs import SECRET

GOOD = EntryPoint("good", "tests.pipelines.verbs:register", VERB_GROUP)
GROUP = EntryPoint("several", "tests.pipelines.verbs:group", VERB_GROUP)
GONE = EntryPoint("gone", "tests.pipelines.no_such_module:register", VERB_GROUP)
BROKEN = EntryPoint("broken", "tests.pipelines.verbs:refuses_to_join", VERB_GROUP)


def run(*argv: str, entries: tuple[EntryPoint, ...] = (GOOD, GROUP)) -> int:
    """Run the command as a person would; return the exit code."""
    with pytest.raises(SystemExit) as left:
        main(argv, entries)
    code = left.value.code
    assert code is None or isinstance(code, int)
    return code or 0


def test_verbs_of_a_function_and_of_a_group_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fine", "well") == 0
    assert run("several", "inner") == 0
    assert capsys.readouterr().out == "did well\ninside\n"


@pytest.mark.parametrize(
    ("verb", "line"),
    [
        ("refused", "error: This conflicts with the current state: Somebody else was [first]."),
        ("mute", "error: Not available right now"),
        ("full", "error: No space left on device: data/base"),
    ],
)
def test_faults_are_told_in_one_line(verb: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(verb) == 1
    assert capsys.readouterr().err == f"{line}\n"


def test_an_unforeseen_fault_shows_its_place_and_not_its_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("broken") == 1
    told = capsys.readouterr().err
    assert "unexpected KeyError at " in told
    assert "verbs.py:" in told
    assert "CARESLOT_DEBUG=1" in told
    assert SECRET not in told
    assert len(told.splitlines()) == 1
    monkeypatch.setenv("CARESLOT_DEBUG", "1")
    with pytest.raises(KeyError):
        main(["broken"], (GOOD,))


@pytest.mark.parametrize("argv", [["no-such-verb"], ["fine"], ["fine", "a", "b"], ["fine", "a", "--loud"], []])
def test_what_is_not_understood_exits_with_2(argv: list[str]) -> None:
    assert run(*argv) == 2


def test_help_and_version_exit_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    assert "Do as asked." in capsys.readouterr().out
    assert run("--version") == 0
    assert capsys.readouterr().out == "0.1.0\n"


def test_a_service_that_cannot_load_takes_no_other_verb_away(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fine", "still", entries=(GONE, BROKEN, GOOD)) == 0
    shown = capsys.readouterr()
    assert shown.out == "did still\n"
    assert [line.partition("(")[0] for line in shown.err.splitlines()] == [
        "warning: the verbs of 'broken' ",
        "warning: the verbs of 'gone' ",
    ]


def test_a_reader_that_leaves_is_no_fault_to_tell() -> None:
    program = (
        "from importlib.metadata import EntryPoint as E; from pipelines.main import main;"
        f" main(['long'], [E('good', '{GOOD.value}', '{VERB_GROUP}')])"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as long:
        assert long.stdout is not None
        assert long.stderr is not None
        assert long.stdout.readline() == b"line 0\n"
        long.stdout.close()
        assert long.stderr.read() == b""
        assert long.wait() == 1
