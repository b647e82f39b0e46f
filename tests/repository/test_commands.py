"""What a person types: every target and verb explains itself, and every verb is there after an install."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import typer.core
import typer.main

from pipelines.main import VERB_GROUP, build_app
from pipelines.verify import CHECKS
from tests.repository.tree import ROOT, read, told

Command = typer.core.TyperCommand | typer.core.TyperGroup
MAKEFILE = Path("Makefile")
CI = Path(".ci/run")


def targets() -> set[str]:
    """Return the targets of the Makefile that a person may ask for."""
    (phony,) = re.findall(r"^\.PHONY: (.+)$", read(MAKEFILE), re.MULTILINE)
    return set(phony.split()) - {"FORCE"}


def verbs() -> dict[str, Command]:
    """Return every verb of the command by its words, as in `{"import facilities": ...}`, groups included."""
    app, _ = build_app()
    root = typer.main.get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    return _verbs_below(root, "")


def _verbs_below(group: typer.core.TyperGroup, words: str) -> dict[str, Command]:
    found: dict[str, Command] = {}
    for name, command in group.commands.items():
        assert isinstance(command, Command)
        found[f"{words} {name}".strip()] = command
        if isinstance(command, typer.core.TyperGroup):
            found |= _verbs_below(command, f"{words} {name}".strip())
    return found


def test_make_help_lists_every_target() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = dict(re.findall(r"^  make ([a-z-]+) +(\S.*)$", shown, re.MULTILINE))
    assert set(listed) == targets()
    assert shown == subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_every_rule_for_people_is_phony() -> None:
    rules = set(re.findall(r"^([a-z-]+):(?!=)", read(MAKEFILE), re.MULTILINE))
    assert rules == targets()


def test_targets_that_run_the_code_install_it_first() -> None:
    needing = set(re.findall(r"^([a-z-]+):(?= install\b| \.venv/\.installed\b)", read(MAKEFILE), re.MULTILINE))
    assert {"up", "demo", "test", "lint", "bench"} <= needing


def test_ci_script_runs_what_people_run() -> None:
    assert os.access(ROOT / CI, os.X_OK)
    subprocess.run(["bash", "-n", CI], cwd=ROOT, check=True)
    steps = re.findall(r"^(make \w+|\.venv/bin/careslot .+)$", read(CI), re.MULTILINE)
    assert steps == ["make install", ".venv/bin/careslot verify"], "what CI does is in pipelines/verify.py"
    asked = {check.runs[1] for check in CHECKS.values() if check.runs[0] == "make"}
    assert {"lint", "test", "policies", "conformance"} <= asked <= targets()
    assert "set -euo pipefail" in read(CI)


def test_installed_verbs_are_the_declared_ones() -> None:
    declared = tomllib.loads(read(Path("pyproject.toml")))["project"]["entry-points"][VERB_GROUP]
    assert {entry.name: entry.value for entry in entry_points(group=VERB_GROUP)} == declared, "run make install"


def test_every_verb_loads_and_explains_itself() -> None:
    _, problems = build_app()
    assert not problems, told(problems)
    mute = [words for words, command in verbs().items() if not (command.help or "").strip()]
    assert not mute, f"verbs without help:{told(mute)}"


def test_options_explain_themselves() -> None:
    mute = [
        f"{words} {option.opts[0]}"
        for words, command in verbs().items()
        for option in command.params
        if isinstance(option, typer.core.TyperOption) and not option.help
    ]
    assert not mute, f"options without help:{told(mute)}"


def test_a_wrong_verb_is_a_usage_error_without_traceback() -> None:
    wrong = subprocess.run(
        [Path(sys.executable).with_name("careslot"), "no-such-verb"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "no-such-verb" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert "\x1b" not in wrong.stderr, "colours are for terminals"
