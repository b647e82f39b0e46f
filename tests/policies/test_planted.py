"""Misconfigurations planted one at a time into a copy of the estate: each is caught, under the citation it breaks."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.recording.graph import Graph, Place, Resource
from policies.assessment import Assessment, assess
from policies.controls.model import load_catalogue
from policies.rules.every import RULES
from policies.rules.judging import Finding, Verdict, judged
from tests.fixtures.estate import recorded

pytestmark = pytest.mark.xdist_group("estate")
CATALOGUE = load_catalogue()
TODAY = date(2026, 11, 24)


@dataclass(frozen=True)
class Planted:
    """One mistake: what it is, which resource, what is changed (nothing: it goes), which rule must notice it."""

    what: str
    rule: str
    citation: str
    stack: str
    type: str
    name: str
    changes: Mapping[str, Any] | None


def mistakes() -> list[Planted]:
    """Read the mistakes to plant."""
    told = yaml.safe_load(Path(__file__).with_name("planted.yaml").read_text("utf-8"))
    return [
        Planted(one["what"], one["rule"], one["citation"], **one["resource"], changes=one.get("changes"))
        for one in told
    ]


MISTAKES = mistakes()


def graphs(environment: str) -> list[Graph]:
    """Return an environment's stacks with outputs known."""
    return [recording.resolved for recording in recorded(environment).values()]


def plant(mistake: Planted) -> list[Graph]:
    """Return a copy of the environment with one mistake in it."""
    environment = mistake.stack.partition("-")[0]
    return [_planted(graph, mistake) if graph.stack == mistake.stack else graph for graph in graphs(environment)]


def _planted(graph: Graph, mistake: Planted) -> Graph:
    made = [resource for resource in graph.resources if not resource.component and resource.name == mistake.name]
    (hit,) = [resource for resource in made if f":{resource.type}".endswith((f":{mistake.type}", f"/{mistake.type}"))]
    others = tuple(resource for resource in graph.resources if resource is not hit)
    changed = () if mistake.changes is None else (_changed(hit, mistake, graphs(graph.environment)),)
    return dataclasses.replace(graph, resources=(*others, *changed))


def _changed(hit: Resource, mistake: Planted, stacks: list[Graph]) -> Resource:
    inputs: dict[str, Any] = copy.deepcopy(dict(hit.inputs))
    assert mistake.changes is not None
    depends = dict(hit.property_depends_on)
    for path, value in mistake.changes.items():
        if path == "type":
            continue
        keys = path.split(".")
        depends.pop(keys[0], None)
        _set(inputs, keys, _reference(value, stacks) if isinstance(value, str) and value.startswith("=") else value)
    type_ = str(mistake.changes.get("type", hit.type))
    return dataclasses.replace(hit, type=type_, inputs=inputs, property_depends_on=depends)


def _reference(name: str, stacks: list[Graph]) -> str:
    """Return the ARN of a key by its logical name."""
    (key,) = [r for graph in stacks for r in graph.of_type("aws:kms/key:Key") if r.name == name[1:]]
    return str((key.outputs or {})["arn"])


def _set(inputs: Any, keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inputs = inputs[int(key)] if isinstance(inputs, list) else inputs.setdefault(key, {})
    last: Any = int(keys[-1]) if isinstance(inputs, list) else keys[-1]
    if value is None:
        del inputs[last]
    else:
        inputs[last] = value


def failures(rule: str, stacks: list[Graph]) -> list[Finding]:
    """Return what a rule has against stacks."""
    return [finding for finding in judged([RULES[rule]], stacks) if finding.verdict is Verdict.FAIL]


def test_there_are_forty() -> None:
    assert len({(mistake.type, mistake.name, mistake.what) for mistake in MISTAKES}) == len(MISTAKES) >= 40


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what)
def test_a_mistake_is_caught_under_its_citation(mistake: Planted) -> None:
    before = failures(mistake.rule, graphs(mistake.stack.partition("-")[0]))
    after = failures(mistake.rule, plant(mistake))
    new = [finding for finding in after if finding not in before]
    assert new
    assert all(finding.message and finding.file.startswith("infra/") and finding.line > 0 for finding in new)
    assert ("hipaa", mistake.citation) in CATALOGUE.citations_of(mistake.rule)


@pytest.fixture(scope="module")
def whole() -> Assessment:
    """All rules over all stacks."""
    environments = ("dev", "staging", "prod")
    return assess([one for name in environments for one in recorded(name).values()], TODAY)


def test_the_clean_estate_has_no_unexplained_failure(whole: Assessment) -> None:
    assert whole.faults == ()
    assert whole.applied.standing == ()
    assert whole.applied.waived


def test_with_outputs_known_every_rule_can_tell(whole: Assessment) -> None:
    assert {f.rule for f in whole.findings if f.verdict is Verdict.UNKNOWN} == set()


def test_nearly_every_rule_has_something_to_judge(whole: Assessment) -> None:
    """The others are about what the estate does not have, and must not have."""
    told = {finding.rule for finding in whole.findings if finding.verdict is Verdict.PASS}
    assert RULES.keys() - told == {
        "app-runner-fixed-image",
        "app-runner-outside",
        "app-runner-without-phi",
        "function-called-from-here",
        "function-without-address",
        "no-standing-credentials",
        "parameter-secure",
    }


def test_before_a_first_deployment_no_rule_is_silent(whole: Assessment) -> None:
    """What a rule judges when outputs are known, it judges or is said not to be able to when they are not."""
    known, unknown = ({(f.stack, f.rule, f.urn): f.verdict for f in found} for found in (whole.findings, whole.before))
    assert known.keys() == unknown.keys()
    silent = {
        key[1]
        for key, verdict in known.items()
        if verdict in {Verdict.PASS, Verdict.FAIL} and unknown[key] is Verdict.NOT_APPLICABLE
    }
    assert silent == set()
    changed = {key[1] for key, v in known.items() if {v, unknown[key]} == {Verdict.PASS, Verdict.FAIL}}
    assert changed == set()
    undecided = whole.undecided()
    assert sum(undecided.values()) < len(whole.before) / 5


def test_a_place_is_told_for_what_stacks_lack() -> None:
    gone = next(mistake for mistake in MISTAKES if mistake.rule == "region-has-trail")
    assert {Place(f.file, f.line) for f in failures("region-has-trail", plant(gone))} == {Place("infra/assembly.py", 1)}
