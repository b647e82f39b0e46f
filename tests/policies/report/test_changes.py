"""From one report to another: what got worse, what better, what is merely different."""

from __future__ import annotations

from typing import Any

from policies.report.changes import changes


def said(**more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "requirements": [{"framework": "hipaa", "id": "164.312(b)", "status": "pass"}],
        "failures": [], "waived": [], "faults": [], "disagreements": {"unexplained": []},
    }  # fmt: skip
    return base | more


def test_nothing_changed_says_nothing() -> None:
    assert changes(said(), said()) == {"worse": [], "better": [], "other": []}


def test_a_requirement_and_a_failure_that_got_worse_are_told_and_the_way_back_is_better() -> None:
    failure = {"stack": "dev-us-east-1", "name": "files", "rule": "bucket-encrypted"}
    worse = said(
        requirements=[{"framework": "hipaa", "id": "164.312(b)", "status": "fail"}], failures=[failure], faults=["late"]
    )
    there, back = changes(said(), worse), changes(worse, said())
    assert there["worse"] == [
        "hipaa 164.312(b): pass, now fail", "dev-us-east-1 files [bucket-encrypted]: fails now", "late: is a fault now",
    ]  # fmt: skip
    assert len(back["better"]) == 3
    assert not there["better"] and not back["worse"]


def test_waivers_and_new_requirements_are_merely_different() -> None:
    waived = {"stack": "dev-us-east-1", "name": "files", "rule": "bucket-encrypted"}
    found = changes(said(requirements=[]), said(waived=[waived]))
    assert found["other"] == [
        "hipaa 164.312(b): not there, now pass", "dev-us-east-1 files [bucket-encrypted]: is waived now",
    ]  # fmt: skip
