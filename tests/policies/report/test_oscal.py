"""Assessment results: only what was assessed is a finding, each points to observations that are there."""

from __future__ import annotations

import re

from policies.report.oscal import NOT_ASSESSED, oscal, token
from tests.policies.report.documents import header, report

TOKEN = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]*$")  # NIST OSCAL: TokenDatatype


def test_what_was_not_assessed_is_excluded_with_the_reason() -> None:
    [result] = oscal(report(), header())["assessment-results"]["results"]
    [selection] = result["reviewed-controls"]["control-selections"]
    excluded = {one["control-id"] for one in selection["exclude-controls"]}
    assert excluded == {token(one) for one in report()["requirements"] if one["status"] in NOT_ASSESSED}
    assert all(f"{one}: " in selection["remarks"] for one in excluded)
    assert not excluded & {finding["target"]["target-id"] for finding in result["findings"]}


def test_findings_point_to_observations_that_are_there() -> None:
    [result] = oscal(report(), header())["assessment-results"]["results"]
    observed = {one["uuid"] for one in result["observations"]}
    assert result["findings"]
    for finding in result["findings"]:
        assert {one["observation-uuid"] for one in finding["related-observations"]} <= observed
        assert TOKEN.match(finding["target"]["target-id"])
        status = finding["target"]["status"]
        assert (status["state"] == "satisfied") == ("reason" not in status)


def test_the_same_evidence_gives_the_same_document() -> None:
    assert oscal(report(), header()) == oscal(dict(report()), header())
    other = {**header(), "sha256": "0" * 64}
    assert (
        oscal(report(), other)["assessment-results"]["uuid"] != oscal(report(), header())["assessment-results"]["uuid"]
    )
