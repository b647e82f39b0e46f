"""ApplicationSets are read as Argo CD reads them, and what is not known is an error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipelines.gitops.applicationsets import ApplicationSet, Params, matches, merged
from pipelines.gitops.facts import Cluster
from services.kernel.errors import Invalid

CLUSTER = Cluster(
    "dev", "us-east-1", "in-cluster", "https://kubernetes.default.svc", {"kind": "here"}, {"fact": "told"}
)


def fill(_where: str, texts: Sequence[str], params: Sequence[Params]) -> list[list[str]]:
    """Stand in for Go's templates: a text is what it names."""
    return [[str(one[text.strip("{ .}")]) for text in texts] for one in params]


def application_set(generator: dict[str, Any], root: Path, **more: Any) -> ApplicationSet:
    """Return an ApplicationSet of one generator whose Applications are called by the parameter ``name``."""
    spec = {
        "goTemplate": True,
        "goTemplateOptions": ["missingkey=error"],
        "generators": [generator],
        "template": {"metadata": {"name": "{{ .name }}"}},
        **more,
    }
    return ApplicationSet({"metadata": {"name": "all"}, "spec": spec}, "all.yaml", root, fill)


def made(of: ApplicationSet) -> list[str]:
    """Return the names of the Applications."""
    return [application["metadata"]["name"] for _, application in of.applications(CLUSTER, lambda params: params)]


def test_a_cluster_is_chosen_by_its_labels(tmp_path: Path) -> None:
    here, elsewhere = {"matchLabels": {"kind": "here"}}, {"matchLabels": {"kind": "elsewhere"}}
    assert made(application_set({"clusters": {"selector": here}}, tmp_path)) == ["in-cluster"]
    assert made(application_set({"clusters": {"selector": elsewhere}}, tmp_path)) == []


def test_a_matrix_pairs_what_each_finds_and_a_selector_picks(tmp_path: Path) -> None:
    for name, runs in (("one", "eks"), ("two", "lambda")):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\nruns_on: {runs}\n", "utf-8")
    files = {"git": {"files": [{"path": "*.yaml"}]}}
    both = {"matrix": {"generators": [{"clusters": {}}, files]}}
    assert made(application_set(both, tmp_path)) == ["one", "two"]
    chosen = {"matrix": {"generators": [{"clusters": {}}, {**files, "selector": {"matchLabels": {"runs_on": "eks"}}}]}}
    assert made(application_set(chosen, tmp_path)) == ["one"]


def test_a_file_that_is_no_mapping_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- one\n", "utf-8")
    with pytest.raises(Invalid, match=r"list\.yaml: needs to be one mapping"):
        made(application_set({"git": {"files": [{"path": "*.yaml"}]}}, tmp_path))


def test_what_is_not_known_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"all\.yaml: all: generator pullRequest"):
        made(application_set({"pullRequest": {}}, tmp_path))
    with pytest.raises(Invalid, match="needs goTemplate with missingkey=error"):
        application_set({"clusters": {}}, tmp_path, goTemplateOptions=[])
    with pytest.raises(Invalid, match=r"there is no \.nam"):
        made(application_set({"clusters": {}}, tmp_path, template={"metadata": {"name": "{{ .nam }}"}}))
    with pytest.raises(Invalid, match="operator DoesNotExist"):
        matches({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"key": "digest", "operator": "NotIn", "values": ["zero"]}, True),
        ({"key": "digest", "operator": "NotIn", "values": ["one"]}, False),
        ({"key": "digest", "operator": "In", "values": ["one"]}, True),
        ({"key": "digest", "operator": "In", "values": ["zero"]}, False),
        ({"key": "digest", "operator": "Exists"}, True),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_selectors_of_expressions(expression: dict[str, Any], expected: bool) -> None:
    assert matches({"matchExpressions": [expression]}, {"digest": "one"}) is expected


def test_values_are_laid_over_one_another_mapping_by_mapping() -> None:
    below = {"scaling": {"min": 1, "max": 2}, "calls": ["a"]}
    assert merged(below, {"scaling": {"max": 3}, "calls": []}) == {"scaling": {"min": 1, "max": 3}, "calls": []}
    assert below == {"scaling": {"min": 1, "max": 2}, "calls": ["a"]}
