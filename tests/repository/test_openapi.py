"""OpenAPI documents are what others build clients from: fresh, plain about who is let in, bounded in what they take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from services.contracts.catalogue import load_catalogue
from services.local import openapi
from tests.repository.tree import told

METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a document's operations by method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def unbounded(
    node: object, document: dict[str, Any], where: str = "", seen: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Yield the places below a node where a list of any length may be sent; references are followed once."""
    if isinstance(node, list):
        for item in node:
            yield from unbounded(item, document, where, seen)
    elif isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            target: Any = document
            for part in reference.removeprefix("#/").split("/"):
                target = target[part]
            yield from unbounded(target, document, f"{where} {part}", seen | {reference})
        if node.get("type") == "array" and "maxItems" not in node:
            yield where.strip()
        for key, below in node.items():
            yield from unbounded(
                below, document, f"{where} {key}" if key not in {"schema", "properties"} else where, seen
            )


def faults(document: dict[str, Any]) -> list[str]:
    """Return what a reader of the document would miss or suffer from."""
    found = []
    for name, operation in operations(document).items():
        if not operation.get("description"):
            found.append(f"{name}: not a word on what it does")
        if "security" not in operation:
            found.append(f"{name}: does not say whom it lets in")
        elif operation["security"] and not {"401", "403"} <= set(operation["responses"]):
            found.append(f"{name}: is guarded, but does not say that it may refuse")
        taken = [operation.get("requestBody", {}), operation.get("parameters", [])]
        found += [f"{name}: takes a list without maxItems: {where}" for where in unbounded(taken, document)]
    names = [operation["operationId"] for operation in operations(document).values()]
    found += [f"{name}: names two operations" for name in sorted(set(names)) if names.count(name) > 1]
    return found


def test_documents_are_what_the_services_serve() -> None:
    assert openapi.stale() == [], "write them anew: careslot openapi"
    assert {file.stem for file in openapi.FOLDER.glob("*.json")} == set(load_catalogue())


@pytest.mark.parametrize("service", sorted(load_catalogue()))
def test_document_is_fit_for_readers(service: str) -> None:
    document = json.loads((openapi.FOLDER / f"{service}.json").read_text("utf-8"))
    found = faults(document)
    assert document["openapi"].startswith("3.1")
    assert operations(document)
    assert not found, told(found)


def test_planted_faults_are_found() -> None:
    many = {"type": "object", "properties": {"names": {"type": "array", "items": {"type": "string"}}}}
    answers: dict[str, Any] = {"200": {}, "401": {}, "403": {}}
    fine = {"operationId": "a", "description": "Say it.", "security": [], "responses": {"200": {}}}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Many"}}}}
    bad = {
        "get": {**fine, "description": ""},
        "put": {key: value for key, value in fine.items() if key != "security"} | {"operationId": "b"},
        "post": {**fine, "operationId": "c", "security": [{"bearer": []}], "responses": answers, "requestBody": body},
        "delete": {**fine, "operationId": "d", "security": [{"bearer": []}]},
    }
    assert faults({"paths": {"/fine": {"get": fine}}}) == []
    assert faults({"paths": {"/fine": {"post": fine}, "/x": bad}, "components": {"schemas": {"Many": many}}}) == [
        "GET /x: not a word on what it does",
        "PUT /x: does not say whom it lets in",
        "POST /x: takes a list without maxItems: content application/json Many names",
        "DELETE /x: is guarded, but does not say that it may refuse",
        "a: names two operations",
    ]
