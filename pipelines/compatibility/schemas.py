"""Whether a JSON Schema takes everything that another one's side sends: the one question of compatibility.

Asked twice over, in both directions, it judges events; once each, requests and responses. What it knows is what
pydantic writes. Where it cannot tell (a pattern that changed, alternatives that were mixed anew) it says "changed":
better a person looks than a canary finds out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
# Each may be as in the other, or further away from what is forbidden: the least allowed, the most allowed.
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
SAME = ("pattern", "format", "multipleOf")
ANY = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


@dataclass(frozen=True, slots=True)
class Side:
    """A schema with the document that its references point into."""

    schema: Schema
    document: Schema

    def of(self, schema: Schema) -> Side:
        """Return another schema of the same document."""
        return Side(schema, self.document)

    def plain(self) -> Side:
        """Return it with its reference followed, and what only wraps another one unwrapped."""
        schema = self.schema
        while True:
            if "$ref" in schema:
                found: Any = self.document
                for part in str(schema["$ref"]).removeprefix("#/").split("/"):
                    found = found[part]
                schema = found
            elif len(schema.get("allOf", ())) == 1:
                schema = {**schema["allOf"][0], **{key: value for key, value in schema.items() if key != "allOf"}}
            else:
                return self.of(schema)


@dataclass(frozen=True, slots=True)
class Judge:
    """How strictly is judged: ``growing`` lets enums of the sender grow, ``gone`` minds fields that vanish at all."""

    growing: bool = False
    gone: bool = False

    def faults(self, taken: Side, sent: Side, place: str = "") -> Iterator[tuple[str, str]]:
        """Yield place and reason for everything that ``sent`` may hold and ``taken`` does not take."""
        yield from self._faults(taken, sent, place, frozenset())

    def _faults(
        self, taken: Side, sent: Side, place: str, seen: frozenset[tuple[str, str]]
    ) -> Iterator[tuple[str, str]]:
        pair = (str(taken.schema.get("$ref", "")), str(sent.schema.get("$ref", "")))
        if all(pair):
            if pair in seen:
                return
            seen |= {pair}
        taken, sent = taken.plain(), sent.plain()
        ways, given = _alternatives(taken), _alternatives(sent)
        if len(ways) == len(given) == 1:
            yield from self._plain(ways[0].plain(), given[0].plain(), place, seen)
            return
        for number, one in enumerate(given):
            tried = [list(self._faults(way, one, place, seen)) for way in ways]
            if all(tried):
                # What comes nearest is told; with nothing near, that it is another thing altogether.
                nearest = min(tried, key=len)
                yield from (
                    nearest
                    if len(given) == len(ways) == 1 or len(nearest) < 3
                    else [(place, f"alternative {number + 1} is new")]
                )

    def _plain(
        self, taken: Side, sent: Side, place: str, seen: frozenset[tuple[str, str]]
    ) -> Iterator[tuple[str, str]]:
        if taken.schema.get("not") == {} or taken.schema == {}:
            return
        if extra := sorted(_types(sent.schema) - _types(taken.schema) - _whole(taken.schema)):
            yield place, f"may be {' or '.join(extra)}, which is not taken"
            return
        yield from self._values(taken.schema, sent.schema, place)
        yield from self._fields(taken, sent, place, seen)
        if "items" in taken.schema:
            yield from self._faults(taken.of(taken.schema["items"]), sent.of(sent.schema.get("items", {})),
                                    f"{place}[]", seen)  # fmt: skip

    def _values(self, taken: Schema, sent: Schema, place: str) -> Iterator[tuple[str, str]]:
        allowed, given = _enum(taken), _enum(sent)
        if allowed is not None and not self.growing:
            if given is None:
                yield place, "may be anything, only some values are taken"
            elif extra := [value for value in given if value not in allowed]:
                yield place, f"may be {', '.join(map(repr, extra))}, which is not taken"
        for name in LOWER:
            if name in taken and (name not in sent or sent[name] < taken[name]):
                yield place, f"{name} {taken[name]} is demanded, {sent.get(name, 'none')} is kept"
        for name in UPPER:
            if name in taken and (name not in sent or sent[name] > taken[name]):
                yield place, f"{name} {taken[name]} is demanded, {sent.get(name, 'none')} is kept"
        for name in SAME:
            if name in taken and taken[name] != sent.get(name) and given is None:
                yield place, f"{name} {taken[name]!r} is demanded, it is {sent.get(name)!r}"

    def _fields(
        self, taken: Side, sent: Side, place: str, seen: frozenset[tuple[str, str]]
    ) -> Iterator[tuple[str, str]]:
        known, given = taken.schema.get("properties", {}), sent.schema.get("properties", {})
        sure, demanded = set(sent.schema.get("required", ())), taken.schema.get("required", ())
        for name in demanded:
            if name not in sure:
                yield (
                    _at(place, name),
                    "is required and is not always there" if name in given else "is required and is not there",
                )
        for name in sorted(known):
            if name in given:
                yield from self._faults(taken.of(known[name]), sent.of(given[name]), _at(place, name), seen)
            elif self.gone and name not in demanded:
                yield _at(place, name), "is gone"
        others = taken.schema.get("additionalProperties", True)
        if others is False and (extra := sorted(set(given) - set(known))):
            yield place, f"holds {', '.join(extra)}, which is not taken"
        elif isinstance(others, Mapping) and isinstance(more := sent.schema.get("additionalProperties"), Mapping):
            yield from self._faults(taken.of(others), sent.of(more), _at(place, "*"), seen)


def _alternatives(side: Side) -> list[Side]:
    for word in ("anyOf", "oneOf"):
        if word in side.schema:
            return [side.of(one) for one in side.schema[word]]
    return [side]


def _types(schema: Schema) -> frozenset[str]:
    named = schema.get("type")
    if named is None:
        values = _enum(schema)
        return ANY if values is None else frozenset(_type(value) for value in values)
    return frozenset([named] if isinstance(named, str) else named)


def _whole(taken: Schema) -> frozenset[str]:
    """Return what is taken as well: where numbers are, integers are."""
    return frozenset({"integer"}) if "number" in _types(taken) else frozenset()


def _type(value: object) -> str:
    names: dict[type, str] = {bool: "boolean", str: "string", int: "integer", float: "number", type(None): "null"}
    return names.get(type(value), "object")


def _enum(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    found: list[Any] | None = schema.get("enum")
    return found


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
