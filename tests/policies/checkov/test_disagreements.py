"""Each difference between Checkov and our rules has a reason, and each reason something it explains."""

from __future__ import annotations

from datetime import date

from policies.assessment import assess
from policies.checkov.disagreements import load_explanations, settle
from policies.checkov.opinion import Opinion
from policies.controls.model import load_catalogue
from policies.rules.every import RULES
from tests.policies.report.documents import BUCKET, explanation, recording, remark, resource

CATALOGUE = load_catalogue()
# About addresses of functions, of which there are none.
ADDRESSES = "CKV_AWS_258"


def test_a_failure_is_explained_only_where_the_reason_says() -> None:
    said = Opinion(
        "3.0", (remark("CKV_AWS_18", "trail-a"), remark("CKV_AWS_18", "files"), remark("CKV_AWS_21", "files"))
    )
    settled = settle(said, [explanation(resources="trail-*")], (), CATALOGUE, whole=False)
    assert [one.name for one, _ in settled.explained] == ["trail-a"]
    assert [(one.check, one.name) for one in settled.unexplained] == [("CKV_AWS_18", "files"), ("CKV_AWS_21", "files")]
    assert settled.faults == ()


def everything_passed(*without: str) -> Opinion:
    named = CATALOGUE.of_evidence("checkov").keys() - set(without)
    return Opinion("3.0", tuple(remark(check, "files", passed=True) for check in sorted(named)))


def test_a_check_that_a_control_names_and_that_says_nothing_is_a_fault_until_that_is_explained() -> None:
    [fault] = settle(everything_passed(ADDRESSES), (), (), CATALOGUE).faults
    assert f"Checkov has not said a word on {ADDRESSES}" in fault
    reason = explanation(ADDRESSES, stance="nothing-to-judge")
    assert settle(everything_passed(ADDRESSES), [reason], (), CATALOGUE).faults == ()
    [stale] = settle(everything_passed(), [reason], (), CATALOGUE).faults
    assert ADDRESSES in stale


def test_a_reason_nothing_needs_any_more_is_a_fault_when_all_was_asked_about() -> None:
    said = everything_passed()
    [fault] = settle(said, [explanation()], (), CATALOGUE).faults
    assert "CKV_AWS_18" in fault
    assert settle(said, [explanation()], (), CATALOGUE, whole=False).faults == ()


def test_what_our_rule_refuses_and_checkov_lets_pass_is_told() -> None:
    found = assess([recording(resource(BUCKET, "files", bucket="files"))], date(2026, 11, 24), whole=False).findings
    told = settle(everything_passed(), (), found, CATALOGUE).ours_alone
    assert told
    for finding, passed in told:
        controls = CATALOGUE.of_rule[finding.rule]
        assert any(passed.check in control.of_kind("checkov") for control in controls)


def test_the_reasons_on_file_name_rules_that_exist() -> None:
    reasons = load_explanations()
    assert len(reasons) > 10
    assert {rule for reason in reasons for rule in reason.rules} <= set(RULES)
