"""Nothing hangs loose between frameworks, controls and evidence, in either direction, and gaps are seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from policies.controls.model import Catalogue, Control, Evidence, load_catalogue
from policies.orphans import ADMISSION, orphans, uncovered
from policies.rules.every import AREAS, RULES
from tests.repository.tree import ROOT

CATALOGUE = load_catalogue()


def test_nothing_hangs_loose() -> None:
    assert orphans(CATALOGUE, RULES, ROOT) == []


def test_no_two_rules_are_called_the_same() -> None:
    assert len(RULES) == sum(len(rules) for rules in AREAS.values()) >= 60


def test_every_rule_answers_a_citation_of_hipaa() -> None:
    assert [rule for rule in RULES if not any(f == "hipaa" for f, _ in CATALOGUE.citations_of(rule))] == []


def test_what_nothing_covers_is_known() -> None:
    """A clearinghouse, group health plans and arrangements between governments are not what this is."""
    assert uncovered(CATALOGUE) == [
        ("hipaa", "164.308(a)(4)(ii)(A)"),
        ("hipaa", "164.308(b)(2)"),
        ("hipaa", "164.314(a)(2)(ii)"),
        ("hipaa", "164.314(a)(2)(iii)"),
        ("hipaa", "164.314(b)(1)"),
        ("hipaa", "164.314(b)(2)(i)"),
        ("hipaa", "164.314(b)(2)(ii)"),
        ("hipaa", "164.314(b)(2)(iii)"),
        ("hipaa", "164.314(b)(2)(iv)"),
    ]


def naming(**evidence: Any) -> Catalogue:
    """Return the catalogue with one more control, whose only evidence is this."""
    control = Control(
        id="planted",
        title="Something is done about it",
        severity="high",
        why="because somebody would be hurt",
        fix="do what was not done before",
        citations={"hipaa": ("164.312(b)",)},
        evidence=(Evidence(**evidence),),
    )
    return Catalogue(controls=(*CATALOGUE.controls, control), frameworks=CATALOGUE.frameworks)


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        ({"rule": "no-such-rule"}, "control planted: there is no rule no-such-rule"),
        ({"test": "tests/nowhere.py::test_it"}, "control planted: there is no test tests/nowhere.py::test_it"),
        (
            {"cedar": "tests/policies/test_access.py::test_it"},
            "control planted: there is no test tests/policies/test_access.py::test_it",
        ),
        ({"admission": "no-such-rule"}, "control planted: there is no admission rule no-such-rule"),
    ],
)
def test_evidence_that_is_not_there_is_told(evidence: dict[str, str], told: str) -> None:
    assert orphans(naming(**evidence), RULES, ROOT) == [told]


def test_a_rule_that_no_control_names_is_told() -> None:
    assert orphans(CATALOGUE, [*RULES, "stray"], ROOT) == ["rule stray: no control names it"]


def test_an_admission_rule_that_no_control_names_is_told(tmp_path: Path) -> None:
    folder = tmp_path / ADMISSION
    folder.mkdir(parents=True)
    for rule in (*CATALOGUE.of_evidence("admission"), "stray"):
        (folder / f"{rule}.yaml").touch()
    told = [one for one in orphans(CATALOGUE, RULES, tmp_path) if "there is no test" not in one]
    assert told == ["admission rule stray: no control names it"]


def test_a_rule_has_the_gravest_severity_of_its_controls() -> None:
    assert CATALOGUE.severity_of("database-private") == "critical"
    assert CATALOGUE.severity_of("vpc-flow-logs") == "medium"
    assert ("hipaa", "164.312(b)") in CATALOGUE.citations_of("vpc-flow-logs")
