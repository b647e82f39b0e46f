"""The log names rule, place and level of each failure; what is waived is there, suppressed, with the reason."""

from __future__ import annotations

from policies.report.sarif import sarif
from tests.policies.report.documents import report, sources


def test_each_failure_is_a_result_at_its_line() -> None:
    ours, checkov = sarif(report(), sources().catalogue)["runs"]
    assert len(ours["results"]) == len(report()["failures"]) > 0
    for result, failure in zip(ours["results"], report()["failures"], strict=True):
        rule = ours["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"] == failure["rule"]
        place = result["locations"][0]["physicalLocation"]
        assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (
            failure["file"], max(failure["line"], 1),
        )  # fmt: skip
        assert result["level"] in {"note", "warning", "error"}
    assert [result["ruleId"] for result in checkov["results"]] == ["CKV_AWS_21"]


def test_a_waived_one_is_suppressed_with_the_reason() -> None:
    waiver = {"reason": "Until the new trail.", "expires": "2027-01-01", "approver": "who may"}
    [failure, *_] = report()["failures"]
    log = sarif({**report(), "failures": [], "waived": [{**failure, "waiver": waiver}]}, sources().catalogue)
    [result] = log["runs"][0]["results"]
    [suppression] = result["suppressions"]
    assert suppression["justification"] == "Until the new trail. Until 2027-01-01, approved by who may."


def test_fingerprints_tell_failures_apart() -> None:
    [ours, _] = sarif(report(), sources().catalogue)["runs"]
    prints = [result["partialFingerprints"]["ruleAndResource/v1"] for result in ours["results"]]
    assert len(set(prints)) == len(prints)
