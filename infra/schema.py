"""What properties a resource type has, read from the SDK's own types, and where a recorded resource strays from them.

Pulumi checks the names of top-level arguments only; a misspelt key inside a nested dictionary passes in silence
until the provider refuses it, or does not.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from inspect import signature
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pulumi
from pulumi._types import input_type_py_to_pulumi_names, is_input_type

# Declared by the API server, not by the SDK; gitops checks custom resources against the JSON Schemas of their CRDs.
_OPEN = re.compile(r"kubernetes:(?!.*\.k8s\.io/|v1:|apps/|batch/|policy/|autoscaling/)")
_SCALARS = (str, int, float, bool)


@cache
def resource_class(token: str) -> type[pulumi.Resource] | None:
    """Return the SDK's class of a type token, among those a program has loaded."""
    waiting: list[type[pulumi.Resource]] = [pulumi.Resource]
    while waiting:
        cls = waiting.pop()
        if cls.__dict__.get("pulumi_type") == token:
            return cls
        waiting += cls.__subclasses__()
    return None


@cache
def arguments(token: str) -> type | None:
    """Return the SDK's class of a resource type's arguments."""
    cls = resource_class(token)
    if cls is None:
        return None
    module = sys.modules[cls.__module__]
    # Where a nested type is called <Resource>Args already, the SDK calls the resource's own arguments InitArgs.
    return getattr(module, f"{cls.__name__}InitArgs", None) or getattr(module, f"{cls.__name__}Args", None)


@cache
def properties(args: type) -> Mapping[str, Any]:
    """Return the properties of an arguments class by the provider's name, with the type of each."""
    # pulumi.Input[T] names Output[T] as text that only its own module could resolve.
    hints = get_type_hints(vars(args)["__init__"], localns={"Output": pulumi.Output, "T": Any})
    names = input_type_py_to_pulumi_names(args)
    return {names.get(name, name): hint for name, hint in hints.items() if name not in {"return", "__self__"}}


@cache
def required(args: type) -> frozenset[str]:
    """Return the properties an arguments class cannot do without, by the provider's name."""
    names = input_type_py_to_pulumi_names(args)
    parameters = list(signature(args).parameters.values())
    return frozenset(names.get(p.name, p.name) for p in parameters if p.default is p.empty)


def strays(token: str, inputs: Mapping[str, Any], unknown: str) -> Iterator[tuple[str, str]]:
    """Yield the path of each property that is unheard of, missing or of the wrong kind, and what is wrong with it.

    The text ``unknown`` stands for a value not known yet, which may be of any kind.
    """
    args = arguments(token)
    if args is not None:
        yield from _object(inputs, args, "", unknown)
    elif not _OPEN.match(token):
        yield "", f"the SDK knows no type {token}"


def takes_tags(token: str) -> bool:
    """Say whether a type takes tags as a mapping."""
    args = arguments(token)
    return args is not None and any(get_origin(kind) is Mapping for kind in _members(properties(args).get("tags")))


def _strays(value: Any, annotated: Any, path: str, unknown: str) -> Iterator[tuple[str, str]]:
    if value == unknown or value is None:
        return
    members = _members(annotated)
    typed = [member for member in members if isinstance(member, type) and is_input_type(member)]
    if isinstance(value, Mapping):
        if typed:
            yield from min((list(_object(value, member, path, unknown)) for member in typed), key=len)
            return
        of = [get_args(member)[1] for member in members if get_origin(member) is Mapping]
        if of:
            for key, below in value.items():
                yield from _strays(below, of[0], f"{path}.{key}", unknown)
            return
    elif isinstance(value, list):
        of = [get_args(member)[0] for member in members if get_origin(member) is Sequence]
        if of:
            for index, below in enumerate(value):
                yield from _strays(below, of[0], f"{path}[{index}]", unknown)
            return
    if not _fits(value, members):
        allowed = " or ".join(sorted({_kind(member) for member in members}))
        yield path, f"{_kind(type(value))} given, {allowed} wanted"


def _object(value: Mapping[str, Any], args: type, path: str, unknown: str) -> Iterator[tuple[str, str]]:
    known = properties(args)
    for key, below in value.items():
        where = f"{path}.{key}" if path else key
        if key in known:
            yield from _strays(below, known[key], where, unknown)
        else:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
            yield where, f"no such property: {hint}"
    for key in sorted(required(args) - value.keys()):
        yield f"{path}.{key}" if path else key, "missing"


def _fits(value: Any, members: Sequence[Any]) -> bool:
    if any(member is Any or member is object for member in members):
        return True
    if isinstance(value, bool):
        return bool in members or str in members
    if isinstance(value, int | float):
        return bool({int, float, str} & {member for member in members if isinstance(member, type)})
    if isinstance(value, str):
        if value.startswith("urn:pulumi:") and any(_is(member, pulumi.Resource) for member in members):
            return True  # a resource given whole, as a remote component takes it
        # A number or a switch written as text is understood by the provider; an enumeration is a class of texts.
        return any(_is(member, _SCALARS) for member in members)
    return any(_is(member, (pulumi.Asset, pulumi.Archive)) for member in members)


def _is(member: Any, kinds: type | tuple[type, ...]) -> bool:
    return isinstance(member, type) and issubclass(member, kinds)


def _members(annotated: Any) -> list[Any]:
    """Return what a type may be, with Input, Output, Awaitable, Optional and unions taken apart."""
    origin = get_origin(annotated)
    if origin is Union or origin is UnionType:
        return [member for arg in get_args(annotated) for member in _members(arg)]
    if annotated is NoneType or annotated is None:
        return []
    if origin is Literal:
        return [type(allowed) for allowed in get_args(annotated)]
    if origin is not None and origin not in {Mapping, Sequence}:
        # Awaitable[T] and Output[T] say the same as the T beside them.
        return []
    return [annotated]


def _kind(member: Any) -> str:
    origin = get_origin(member) or member
    return {Sequence: "list", Mapping: "dict"}.get(origin, getattr(origin, "__name__", str(origin)))
