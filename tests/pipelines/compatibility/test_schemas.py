"""One side sends, the other takes: what passes, and what a person must be told of."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.compatibility.schemas import Judge, Schema, Side

TEXT: Schema = {"type": "string"}
THING: Schema = {"type": "object", "properties": {"id": TEXT}, "required": ["id"]}


def faults(taken: Schema, sent: Schema, **how: bool) -> list[str]:
    found = Judge(**how).faults(Side(taken, taken), Side(sent, sent))
    return [f"{place}: {what}" if place else what for place, what in found]


def thing(required: tuple[str, ...] = ("id",), **fields: Any) -> Schema:
    return {"type": "object", "properties": {"id": TEXT, **fields}, "required": list(required)}


@pytest.mark.parametrize(
    ("taken", "sent"),
    [
        (THING, THING),
        (THING, thing(note=TEXT)),
        (thing(note=TEXT), THING),
        ({"type": "number"}, {"type": "integer"}),
        ({"enum": ["a", "b"]}, {"const": "a"}),
        ({"anyOf": [TEXT, {"type": "null"}]}, TEXT),
        ({"anyOf": [TEXT, {"type": "null"}]}, {"anyOf": [{"type": "null"}, TEXT]}),
        ({"type": "string", "maxLength": 10}, {"type": "string", "maxLength": 5}),
        ({"type": "string", "pattern": "^a+$"}, {"type": "string", "pattern": "^a+$"}),
        ({}, THING),
        ({"type": "array", "items": THING}, {"type": "array", "items": thing(note=TEXT)}),
        ({"type": "object", "additionalProperties": {"type": "number"}},
         {"type": "object", "additionalProperties": {"type": "integer"}}),
    ],
)  # fmt: skip
def test_what_passes(taken: Schema, sent: Schema) -> None:
    assert faults(taken, sent) == []


@pytest.mark.parametrize(
    ("taken", "sent", "told"),
    [
        (thing(("id", "note"), note=TEXT), THING, "note: is required and is not there"),
        (thing(("id", "note"), note=TEXT), thing(note=TEXT), "note: is required and is not always there"),
        (thing(note=TEXT), thing(note={"type": "integer"}), "note: may be integer, which is not taken"),
        ({"type": "integer"}, {"type": "number"}, "may be number, which is not taken"),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, "may be 'b', which is not taken"),
        ({"type": "string", "enum": ["a"]}, TEXT, "may be anything, only some values are taken"),
        (TEXT, {"anyOf": [TEXT, {"type": "null"}]}, "may be null, which is not taken"),
        ({"type": "string", "maxLength": 5}, TEXT, "maxLength 5 is demanded, none is kept"),
        ({"type": "integer", "minimum": 2}, {"type": "integer", "minimum": 1}, "minimum 2 is demanded, 1 is kept"),
        ({"type": "string", "pattern": "^b$"}, {"type": "string", "pattern": "^a$"}, "pattern '^b$' is demanded"),
        ({"type": "array", "items": THING}, {"type": "array", "items": {"type": "object"}}, "[].id: is required"),
        ({**THING, "additionalProperties": False}, thing(note=TEXT), "holds note, which is not taken"),
        ({"type": "object", "additionalProperties": TEXT},
         {"type": "object", "additionalProperties": {"type": "integer"}}, "*: may be integer"),
    ],
)  # fmt: skip
def test_what_does_not(taken: Schema, sent: Schema, told: str) -> None:
    (found,) = faults(taken, sent)
    assert told in found


def test_fields_that_vanish_are_minded_where_they_are_read() -> None:
    assert faults(thing(note=TEXT), THING, gone=True) == ["note: is gone"]
    assert faults({"enum": ["a"]}, {"enum": ["a", "b"]}, growing=True) == []


def test_references_are_followed_also_round_in_circles() -> None:
    def tree(leaf: Schema) -> Schema:
        node = thing(children={"type": "array", "items": {"$ref": "#/$defs/Node"}}, leaf=leaf)
        return {"$ref": "#/$defs/Node", "$defs": {"Node": node}}

    assert faults(tree(TEXT), tree(TEXT)) == []
    assert faults(tree(TEXT), tree({"type": "integer"})) == ["leaf: may be integer, which is not taken"]
    wrapped = {"allOf": [{"$ref": "#/$defs/Node"}], "description": "wrapped", "$defs": tree(TEXT)["$defs"]}
    assert faults(wrapped, tree(TEXT)) == []


def test_alternatives_are_judged_one_by_one() -> None:
    either = {"anyOf": [THING, TEXT]}
    assert faults(either, {"anyOf": [TEXT, thing(note=TEXT)]}) == []
    assert faults(either, {"anyOf": [TEXT, {"type": "boolean"}]}) == ["may be boolean, which is not taken"]
