"""A rule reads by path and by reference, and an unknown is neither there nor missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.recording.graph import UNKNOWN
from policies.rules.reading import CannotTell, Estate, Node, View, across
from tests.policies.rules.samples import graphs

NODE = Node({"a": {"b": [1, UNKNOWN]}, "hidden": UNKNOWN, "on": "true", "number": "35", "one": "x", "none": None})


def test_values_are_read_by_path_and_absent_ones_are_nothing() -> None:
    assert (NODE["one"], NODE["a.missing"], NODE["one.below"], NODE["none"]) == ("x", None, None, None)
    assert (NODE.on("on"), NODE.on("missing"), NODE.number("number"), NODE.number("missing", 7)) == (True, False, 35, 7)
    assert NODE.words("one") == ("x",)
    assert NODE.words("missing") == ()


@pytest.mark.parametrize("path", ["hidden", "hidden.below.that", "a", "a.b"])
def test_what_is_not_known_or_holds_what_is_not_cannot_be_read(path: str) -> None:
    with pytest.raises(CannotTell):
        NODE[path]


def test_the_path_of_what_is_not_known_is_told() -> None:
    with pytest.raises(CannotTell, match=r"^a\.b\[1\]$"):
        NODE["a"]


def test_an_unknown_hides_nothing_that_comes_after_it() -> None:
    def check(node: Node) -> Iterator[str]:
        if node.value == 2:
            yield "two"

    found = []
    with pytest.raises(CannotTell):
        for problem in across(Node({"l": [1, UNKNOWN, 2]}).each("l"), check):
            found.append(problem)  # noqa: PERF402 - what came before the end is what is asked about
    assert found == ["two"]


def estate() -> dict[str, View]:
    """Return a queue that names a key and a bucket that names one not known here, as rules see them."""
    declared: dict[str, dict[str, object]] = {
        "key": {"is": "kms/key:Key", "data": "phi"},
        "queue": {"is": "sqs/queue:Queue", "kmsMasterKeyId": "=key", "data": "internal"},
        "bucket": {"is": "s3/bucket:Bucket", "kmsMasterKeyId": UNKNOWN, "tags": UNKNOWN},
        "policy": {"is": "sqs/queuePolicy:QueuePolicy", "queueUrl": "=queue", "tags": None},
    }
    return {view.name: view for view in Estate(graphs(declared)).views()}


def test_references_are_followed_in_both_directions() -> None:
    views = estate()
    assert views["queue"].named("kmsMasterKeyId") == [views["key"]]
    assert views["queue"].named("kmsMasterKeyId", "aws:s3/bucket:Bucket") == []
    assert views["key"].about("aws:sqs/queue:Queue") == [views["queue"]]


def test_a_value_not_known_is_given_if_the_graph_says_where_from() -> None:
    views = estate()
    assert views["queue"].given("kmsMasterKeyId")
    assert not views["queue"].given("missing")
    with pytest.raises(CannotTell):
        views["bucket"].given("kmsMasterKeyId")


def test_the_class_of_data_is_the_tags_or_the_neighbours() -> None:
    views = estate()
    assert (views["key"].data_class, views["queue"].phi) == ("phi", False)
    with pytest.raises(CannotTell, match="tags"):
        _ = views["bucket"].data_class
    # No tags: as sensitive as the most sensitive beside it.
    assert views["policy"].data_class == "phi"
