"""Whoever calls the released service can call this one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.compatibility.openapi import FOLDER, compare, documents

Document = dict[str, Any]
RELEASED: Document = {
    "paths": {
        "/appointments": {
            "parameters": [{"in": "header", "name": "trace", "schema": {"type": "string"}}],
            "post": {
                "parameters": [{"in": "query", "name": "kind", "schema": {"enum": ["a", "b"]}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ask"}}}},
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Told"}}}},
                    "409": {"description": "lost"},
                },
            },
        }
    },
    "components": {
        "schemas": {
            "Ask": {"type": "object", "properties": {"offer": {"type": "string"}}, "required": ["offer"]},
            "Told": {
                "type": "object",
                "properties": {"id": {"type": "string"}, "note": {"type": "string"}, "status": {"enum": ["x", "y"]}},
                "required": ["id"],
            },
        }
    },
}
ASK, TOLD = ("components", "schemas", "Ask"), ("components", "schemas", "Told")
POST = ("paths", "/appointments", "post")
JSON = ("content", "application/json")


def at(document: Document, path: tuple[str, ...]) -> Any:
    for part in path:
        document = document[part]
    return document


def changed(change: Callable[[Document], object]) -> Document:
    document = copy.deepcopy(RELEASED)
    change(document)
    return document


def differences(now: Document) -> list[tuple[str, str]]:
    return [(one.where, one.what) for one in compare({"booking": RELEASED}, {"booking": now})]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: at(d, ASK)["properties"].update(note={"type": "string"}),
        lambda d: at(d, TOLD)["properties"].update(room={"type": "string"}),
        lambda d: at(d, TOLD)["properties"]["status"].update(enum=["x", "y", "z"]),
        lambda d: at(d, TOLD).update(required=["id", "note"]),
        lambda d: at(d, POST)["parameters"].append({"in": "query", "name": "more", "schema": {}}),
        lambda d: at(d, POST)["responses"].update({"503": {"description": "later"}}),
        lambda d: at(d, POST)["responses"].pop("409"),
        lambda d: d["paths"].update({"/other": {"get": {"responses": {}}}}),
    ],
)
def test_what_is_added_breaks_nobody(change: Callable[[Document], object]) -> None:
    assert differences(changed(change)) == []


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (lambda d: d["paths"].pop("/appointments"), "POST /appointments", "is gone"),
        (lambda d: at(d, TOLD)["properties"].pop("note"), "POST /appointments answer 201.note", "is gone"),
        (lambda d: at(d, TOLD).update(required=[]), "POST /appointments answer 201.id", "is not always there"),
        (lambda d: at(d, ASK)["required"].append("kind"), "POST /appointments request.kind", "is required"),
        (lambda d: at(d, POST)["parameters"][0]["schema"].update(enum=["a"]), "POST /appointments query kind", "'b'"),
        (lambda d: at(d, POST)["parameters"][0].update(required=True), "POST /appointments query kind", "was not"),
        (lambda d: at(d, POST)["parameters"].pop(), "POST /appointments query kind", "is gone"),
        (lambda d: d["paths"]["/appointments"].pop("parameters"), "POST /appointments header trace", "is gone"),
        (lambda d: at(d, POST)["requestBody"].update(required=True), "POST /appointments request", "was not"),
        (lambda d: at(d, POST)["requestBody"].update(content={}), "POST /appointments request", "any more"),
        (lambda d: at(d, POST)["responses"].pop("201"), "POST /appointments answer 201", "is gone"),
        (lambda d: at(d, POST)["responses"]["201"].update(content={}), "POST /appointments answer 201", "any more"),
    ],
)
def test_what_callers_would_miss_is_told(change: Callable[[Document], object], where: str, what: str) -> None:
    ((place, told),) = differences(changed(change))
    assert place == where
    assert what in told


def test_a_service_that_is_gone_is_told() -> None:
    (found,) = compare({"booking": RELEASED}, {})
    assert (found.path, found.what) == ("services/contracts/openapi/booking.json", "the service's document is gone")


def test_our_documents_are_compatible_with_themselves(root: Path) -> None:
    ours = documents(root / FOLDER)
    assert "booking" in ours
    assert compare(ours, ours) == []
