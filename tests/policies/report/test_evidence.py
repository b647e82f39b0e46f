"""What evidence amounts to: never "shown" by what was not run, and the worst of it otherwise."""

import dataclasses
from typing import Any

import pytest

from policies.report.evidence import Admission, content, overall
from tests.policies.report.documents import report, sources


@pytest.mark.parametrize(
    ("statuses", "amounts_to"),
    [
        ((), "not-covered"),
        (("organisational",), "organisational"),
        (("inherited", "organisational"), "inherited"),
        (("pass", "inherited"), "pass"),
        (("pass", "not-run"), "partly"),
        (("not-run", "organisational"), "not-run"),
        (("pass", "cannot-tell"), "cannot-tell"),
        (("pass", "waived", "not-run"), "waived"),
        (("pass", "waived", "fail"), "fail"),
        (("not-applicable", "pass"), "pass"),
    ],
)
def test_evidence_amounts_to_the_worst_of_it(statuses: tuple[str, ...], amounts_to: str) -> None:
    assert overall(statuses) == amounts_to


def _admission(said: dict[str, Any], reference: str) -> dict[str, Any]:
    (found,) = (
        evidence
        for control in said["controls"]
        for evidence in control["evidence"]
        if (evidence["kind"], evidence["reference"]) == ("admission", reference)
    )
    return dict(found)


def test_an_admission_rule_that_nothing_can_ask_here_shows_nothing() -> None:
    assert _admission(report(), "images-pinned")["status"] == "pass"
    assert _admission(report(), "images-signed")["status"] == "not-run"
    assert _admission(report(), "images-signed")["counts"] == {"declared only": 1}


def test_what_admission_would_refuse_is_a_fault() -> None:
    refused = Admission({"images-pinned": {"fail": 1, "pass": 3}}, ("gitops/x.yaml: refused",))
    said = content(dataclasses.replace(sources(), admission=refused))
    assert _admission(said, "images-pinned")["status"] == "fail"
    assert "gitops/x.yaml: refused" in said["faults"]
