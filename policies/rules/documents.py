"""Reads IAM policy documents out of resources: who may do what to what, one statement at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from policies.rules.reading import CannotTell, Node


def statements(view: Node, path: str) -> Iterator[Node]:
    """Yield the statements of the document at a path (text or mapping); none if there is none."""
    node = view.at(path)
    if node.unknown:
        raise CannotTell(node.path)
    document = node.raw
    if document is None:
        return
    if isinstance(document, str):
        document = json.loads(document)
    yield from Node(document, node.path).each("Statement")


def listed(statement: Node, key: str) -> tuple[str, ...]:
    """Return actions or resources of a statement, which may stand alone or in a list."""
    return statement.words(key)


def allows(statement: Node) -> bool:
    """Say whether a statement allows (and does not deny)."""
    return bool(statement["Effect"] == "Allow")


def anyone(statement: Node) -> bool:
    """Say whether a statement is about everybody."""
    principal = statement["Principal"]
    values = principal.values() if isinstance(principal, Mapping) else [principal]
    return any("*" in (value if isinstance(value, list | tuple) else [value]) for value in values)


def services(statement: Node) -> tuple[str, ...]:
    """Return the AWS services a statement is about."""
    return statement.words("Principal.Service") if isinstance(statement.at("Principal").raw, Mapping) else ()


def conditions(statement: Node) -> dict[str, Any]:
    """Return a statement's conditions as key -> value, whatever the operator; keys in lower case."""
    return {
        str(key).lower(): value
        for tests in (statement["Condition"] or {}).values()
        for key, value in tests.items()
    }  # fmt: skip


def refuses_plain_text(view: Node, path: str) -> bool:
    """Say whether a document denies everybody everything that does not come over TLS."""
    return any(
        statement["Effect"] == "Deny"
        and anyone(statement)
        and str(conditions(statement).get("aws:securetransport")).lower() == "false"
        for statement in statements(view, path)
    )
