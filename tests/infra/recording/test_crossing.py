"""What counts as naming another region, and what is meant to."""

from __future__ import annotations

import dataclasses

import pytest

from infra.recording.crossing import crossings
from infra.recording.graph import Graph
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")


def with_text(text: str, layer: str = "region") -> Graph:
    """Return a region's stack of one queue that has a text among its inputs."""
    graph = stack("dev-us-east-1")
    queue = next(r for r in graph.resources if r.type == "aws:kms/alias:Alias")
    changed = dataclasses.replace(queue, inputs={**queue.inputs, "policy": {"of": [text]}})
    return dataclasses.replace(graph, resources=(changed,), layer=layer)


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:sqs:us-west-2:111122223333:queue",
        '{"Resource": ["arn:aws-us-gov:kms:us-gov-west-1:1:key/a"]}',
        "https://sqs.eu-central-1.amazonaws.com/1/queue",
    ],
)
def test_another_region_is_found_with_its_path(text: str) -> None:
    ((_, what),) = crossings(with_text(text))
    assert what.startswith("policy.of[0] names ")


@pytest.mark.parametrize(
    "text",
    ["arn:aws:sqs:us-east-1:1:queue", "arn:aws:iam::1:role/us-west-2", "events.amazonaws.com", "in us-west-2 one day"],
)
def test_its_own_region_and_what_has_none_are_no_crossing(text: str) -> None:
    assert not list(crossings(with_text(text)))


def test_what_joins_regions_may_name_them() -> None:
    assert not list(crossings(with_text("arn:aws:sqs:us-west-2:1:queue", layer="routing")))
