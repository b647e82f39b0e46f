"""SARIF by OASIS's own schema, OSCAL read back by compliance-trestle: in `.venv-oscal`, which has nothing of ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.policy_report import forms
from policies.report.evidence import content
from tests.policies.report.documents import header, report, sources
from tests.repository.tree import ROOT

PYTHON = ROOT / ".venv-oscal" / "bin" / "python"
SCRIPT = Path(__file__).with_name("standards.py")


def told(folder: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> subprocess.CompletedProcess[str]:
    assert PYTHON.exists(), "make .venv-oscal/.installed"
    for name, text in forms(report(), header(), sources()).items():
        if name.endswith((".sarif", "results.json")):
            document = json.loads(text)
            change(document)
            (folder / name).write_text(json.dumps(document))
    return subprocess.run([PYTHON, SCRIPT, folder], capture_output=True, text=True, check=False)


def test_the_standards_read_what_we_write(tmp_path: Path) -> None:
    done = told(tmp_path)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)
    assert read["sarif_schema"].endswith("/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json")
    assert read["sarif_results"] == [len(report()["failures"]), 1]
    assert (read["oscal"], read["findings"] > 0) == ("1.2.1", True)


def test_what_they_do_not_allow_is_told(tmp_path: Path) -> None:
    def spoil(document: dict[str, Any]) -> None:
        if "runs" in document:
            document["runs"][0]["results"][0]["level"] = "grave"
        else:
            del document["assessment-results"]["metadata"]["title"]

    done = told(tmp_path, spoil)
    assert done.returncode == 1
    assert "report.sarif: runs.0.results.0.level: 'grave' is not one of" in done.stderr
    assert "assessment-results.json: " in done.stderr


@pytest.mark.parametrize("name", ["report.html", "report.json", "report.sarif", "assessment-results.json"])
def test_the_same_evidence_gives_the_same_bytes_but_for_the_day(name: str) -> None:
    def made(day: str) -> list[str]:
        gathered = sources.__wrapped__()
        said = content(gathered)
        return forms(said, {**header(said), "made": day}, gathered)[name].splitlines()

    one, other = made("2026-11-24"), made("2027-01-31")
    assert made("2026-11-24") == one
    assert len(one) == len(other)
    differing = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]]
    assert len(differing) == (0 if name == "report.sarif" else 1)
    assert all(a.replace("2026-11-24", "2027-01-31") == b for a, b in differing)
