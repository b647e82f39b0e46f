"""Checkov is asked by its command: what it says is told by resource, file and line, and saying too little is an error.

A program in its place answers as it does; `careslot policy gate`, which CI runs, asks the real one about every stack.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from policies.checkov.opinion import opinion
from services.kernel.errors import Unavailable
from tests.policies.report.documents import BUCKET, recording, resource

GRAPHS = (recording(resource(BUCKET, "files", bucket="files")).resolved,)
PINS = "requirements/checkov.txt"


def said(check: str, resource_: str, result: str) -> dict[str, Any]:
    return {
        "check_id": check, "check_name": "Ensure it is so", "check_result": {"result": result}, "resource": resource_,
        "file_path": "/booking.json", "file_line_range": [7, 9],
    }  # fmt: skip


def checkov(folder: Path, plan: Any, documents: Any = None) -> Path:
    """Return a command that answers as told: about a plan, and about the API documents."""
    command = folder / ".venv-checkov" / "bin" / "checkov"
    command.parent.mkdir(parents=True)
    (folder / "requirements").mkdir()
    (folder / PINS).write_text("checkov==3.0\n")
    for name, answer in (("plan", plan), ("documents", documents or results())):
        (folder / name).write_text(answer if isinstance(answer, str) else json.dumps(answer))
    answers = f'case "$*" in *terraform_plan*) cat {folder}/plan;; *) cat {folder}/documents;; esac'
    command.write_text(f"#!/bin/sh\necho asked >> {folder}/asked\n{answers}\n")
    command.chmod(0o755)
    return command


def results(*checks: dict[str, Any]) -> dict[str, Any]:
    passed = [one for one in checks if one["check_result"]["result"] == "PASSED"]
    failed = [one for one in checks if one not in passed]
    return {"results": {"passed_checks": passed, "failed_checks": failed}, "summary": {"checkov_version": "3.0"}}


def test_what_it_says_is_told_by_resource_and_place(tmp_path: Path) -> None:
    address = "aws_s3_bucket.dev_us_east_1__files"
    plan = results(said("CKV_AWS_18", address, "FAILED"), said("CKV_AWS_21", address, "PASSED"))
    given = opinion(GRAPHS, checkov(tmp_path, plan, results(said("CKV_OPENAPI_20", "security", "PASSED"))), None)
    assert given.version == "3.0"
    assert [(one.check, one.name, one.file, one.line) for one in given.failed] == [
        ("CKV_AWS_18", "files", "infra/components/x.py", 3)
    ]
    [document] = [one for one in given.remarks if one.type == "openapi"]
    assert (document.file, document.line) == ("services/contracts/openapi/booking.json", 7)


def test_the_same_question_is_not_asked_twice(tmp_path: Path) -> None:
    command = checkov(tmp_path, results(said("CKV_AWS_18", "aws_s3_bucket.dev_us_east_1__files", "FAILED")))
    assert opinion(GRAPHS, command, tmp_path / "kept") == opinion(GRAPHS, command, tmp_path / "kept")
    assert (tmp_path / "asked").read_text().count("asked") == 2, "once about the plan, once about the documents"


@pytest.mark.parametrize("answer", ["", "no JSON", "[]", '{"summary": {}}'])
def test_no_answer_is_no_pass(tmp_path: Path, answer: str) -> None:
    with pytest.raises(Unavailable, match="no results"):
        opinion(GRAPHS, checkov(tmp_path, answer), None)


def test_saying_too_little_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot read the plan"):
        opinion(GRAPHS, checkov(tmp_path, results()), None)


def test_where_it_is_not_installed_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not installed"):
        opinion(GRAPHS, tmp_path / "bin" / "checkov", None)
