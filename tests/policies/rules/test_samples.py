"""Every rule tells what complies from what does not, and is never silenced by a value that is not known yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.recording.graph import UNKNOWN, Graph
from policies.rules.every import RULES
from policies.rules.judging import Verdict
from tests.policies.rules.samples import Sample, said, samples


def verdicts(rule: str, stacks: list[Graph]) -> set[Verdict]:
    """Return what a rule says of stacks, all in all."""
    return {finding.verdict for finding in said(rule, stacks)}


def test_every_rule_has_a_sample_and_no_sample_is_stray() -> None:
    assert samples().keys() == RULES.keys()


@pytest.mark.parametrize("sample", samples().values(), ids=samples())
def test_what_complies_passes(sample: Sample) -> None:
    # A rule that forbids a type outright has nothing to pass.
    found = verdicts(sample.rule, sample.complying()) - {Verdict.NOT_APPLICABLE}
    assert found == ({Verdict.PASS} if sample.fine else set())


@pytest.mark.parametrize("sample", samples().values(), ids=samples())
def test_what_does_not_fails_and_says_what_is_wrong(sample: Sample) -> None:
    failed = [finding for finding in said(sample.rule, sample.violating()) if finding.verdict is Verdict.FAIL]
    assert failed
    assert all(len(finding.message.split()) > 1 for finding in failed)
    assert len(RULES[sample.rule].remedy.split()) >= 2


def hidden(stacks: list[Graph]) -> Iterator[list[Graph]]:
    """Yield stacks with one value after the other not known yet."""
    for number, graph in enumerate(stacks):
        for index, resource in enumerate(graph.resources):
            for inputs in _hidden(resource.inputs):
                changed = dataclasses.replace(resource, inputs=inputs)
                resources = (*graph.resources[:index], changed, *graph.resources[index + 1 :])
                yield [*stacks[:number], dataclasses.replace(graph, resources=resources), *stacks[number + 1 :]]


def _hidden(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            if key != "region":
                yield {**value, key: UNKNOWN}
                for changed in _hidden(below):
                    yield {**value, key: changed}
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield [*value[:index], UNKNOWN, *value[index + 1 :]]
            for changed in _hidden(below):
                yield [*value[:index], changed, *value[index + 1 :]]


@pytest.mark.parametrize("sample", samples().values(), ids=samples())
def test_an_unknown_value_never_raises_a_false_alarm_nor_an_error(sample: Sample) -> None:
    for stacks in hidden(sample.complying()):
        assert Verdict.FAIL not in verdicts(sample.rule, stacks)


@pytest.mark.parametrize("sample", samples().values(), ids=samples())
def test_an_unknown_value_never_turns_what_is_wrong_into_silence(sample: Sample) -> None:
    for stacks in hidden(sample.violating()):
        assert verdicts(sample.rule, stacks) & {Verdict.FAIL, Verdict.UNKNOWN}
