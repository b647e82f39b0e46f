"""A waiver is narrow, short, needed and somebody's; one that is not is a fault of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from policies.rules.judging import Finding, Verdict
from policies.waivers import MOST, Waiver, apply, load_waivers
from services.kernel.errors import Invalid

TODAY = date(2026, 11, 23)


def waiver(**changes: object) -> Waiver:
    """Return a waiver in order, with changes."""
    given: Mapping[str, object] = {
        "rule": "bucket-versioned",
        "resource": "scratch-*",
        "owner": "platform-engineering",
        "reason": "holds what can be made again within a minute",
        "compensating": "nothing is kept there for longer than a day",
        "approver": "security-officer",
        "approved": date(2026, 11, 1),
        "expires": date(2027, 5, 1),
    }
    return Waiver.model_validate({**given, **changes})


def finding(name: str = "scratch-1", verdict: Verdict = Verdict.FAIL, rule: str = "bucket-versioned") -> Finding:
    """Return a finding."""
    return Finding("prod-us-east-1", rule, f"urn::{name}", "aws:s3/bucket:Bucket", name, verdict, "wrong", "a.py", 1)


def test_what_is_waived_no_longer_stands() -> None:
    other = finding("archive")
    applied = apply([waiver()], [finding(), other, finding("scratch-2", Verdict.PASS)], TODAY)
    assert applied.standing == (other,)
    assert [(one.name, by.approver) for one, by in applied.waived] == [("scratch-1", "security-officer")]
    assert not applied.faults


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"approved": date(2026, 1, 1), "expires": date(2026, 11, 22)}, "expired on 2026-11-22"),
        ({"resource": "other-*"}, "nothing needs it any more"),
        ({"stack": "dev-*"}, "nothing needs it any more"),
        ({"rule": "no-such-rule"}, "there is no such rule"),
    ],
)
def test_an_expired_or_unused_one_is_told_and_covers_nothing(changes: Mapping[str, object], told: str) -> None:
    applied = apply([waiver(**changes)], [finding()], TODAY, rules=["bucket-versioned"])
    assert told in applied.faults[0]
    assert applied.standing == (finding(),)


def test_one_that_covers_too_much_is_told() -> None:
    many = [finding(f"scratch-{number}") for number in range(MOST + 1)]
    assert "covers 13 failures, more than 12" in apply([waiver()], many, TODAY).faults[0]


def test_what_was_not_judged_is_not_called_unused() -> None:
    assert not apply([waiver(resource="other-*")], [finding()], TODAY, whole=False).faults


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"resource": "*"}, "a bare * waives the rule itself"),
        ({"rule": "bucket-*"}, "one rule by its id"),
        ({"expires": date(2028, 1, 1)}, "within 366 days"),
        ({"approver": "platform-engineering"}, "somebody other than the owner"),
        ({"reason": "because"}, "at least 20 characters"),
    ],
)
def test_a_wrong_one_is_refused(changes: Mapping[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("*", r"\*")):
        waiver(**changes)


def test_a_wrong_file_is_told_with_key_and_value(tmp_path: Path) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text("- {rule: a, resource: b, owner: me and you, until: 2027-01-01}\n")
    with pytest.raises(Invalid, match=r"waivers.yaml:0.until: .*Extra inputs"):
        load_waivers(file)


def test_the_file_can_be_read() -> None:
    assert all(one.label for one in load_waivers())
