"""IAM's documents have one thing or a list of them nearly everywhere; both are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.recording.graph import UNKNOWN
from policies.rules.documents import anyone, conditions, listed, refuses_plain_text, services, statements
from policies.rules.reading import CannotTell, Node


def document(*found: dict[str, Any]) -> Node:
    """Return a resource whose policy has these statements."""
    return Node({"policy": json.dumps({"Statement": list(found)})})


def test_statements_actions_and_services_may_stand_alone() -> None:
    single = Node({"policy": json.dumps({"Statement": {"Action": "s3:GetObject", "Principal": {"Service": "a"}}})})
    (statement,) = statements(single, "policy")
    assert (listed(statement, "Action"), services(statement)) == (("s3:GetObject",), ("a",))
    assert list(statements(Node({}), "policy")) == []


@pytest.mark.parametrize(
    ("principal", "everybody"),
    [("*", True), ({"AWS": "*"}, True), ({"AWS": ["a", "*"]}, True), ({"AWS": "a"}, False), ({"Service": "a"}, False)],
)
def test_everybody_is_known_in_every_form(principal: Any, everybody: bool) -> None:
    (statement,) = statements(document({"Principal": principal}), "policy")
    assert anyone(statement) is everybody


def test_conditions_are_found_whatever_their_case_and_operator() -> None:
    (statement,) = statements(document({"Condition": {"ArnLike": {"AWS:SourceArn": "x"}}}), "policy")
    assert conditions(statement) == {"aws:sourcearn": "x"}


@pytest.mark.parametrize(
    ("change", "refused"),
    [({}, True), ({"Effect": "Allow"}, False), ({"Principal": {"AWS": "a"}}, False), ({"Condition": {}}, False)],
)
def test_plain_text_is_refused_to_everybody_or_not_at_all(change: dict[str, Any], refused: bool) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    assert refuses_plain_text(document({**deny, **change}), "policy") is refused


def test_a_document_not_known_yet_cannot_be_read() -> None:
    with pytest.raises(CannotTell, match="policy"):
        list(statements(Node({"policy": UNKNOWN}), "policy"))
