"""CEL as the API server speaks it: the standard library, optionals and strings, everything dynamic.

What the API server has beyond that (quantities, authorizer, regex extraction) is not known here: a policy that uses it
does not compile, which is told and not passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_optional, ext_strings

# What a policy may speak of: `authorizer` is left out because nobody is asked here.
VARIABLES = ("object", "oldObject", "request", "params", "namespaceObject", "variables")


class Failed(Exception):
    """An expression that cannot be compiled or fails when it is asked; its text says why."""


def value_of(expression: str, data: Mapping[str, Any]) -> Any:
    """Return the plain value of an expression; raise Failed as the API server would note an error."""
    compiled = _compiled(expression)
    if isinstance(compiled, Failed):
        raise compiled
    try:
        found = compiled.eval(data={name: data.get(name) for name in VARIABLES})
    except RuntimeError as fault:
        raise Failed(str(fault)) from None
    if found.type() == cel.Type.ERROR:
        raise Failed(str(found.plain_value()))
    return found.plain_value()


@cache
def _environment() -> cel.Env:
    return cel.NewEnv(
        variables=dict.fromkeys(VARIABLES, cel.Type.DYN),
        extensions=[ext_optional.ExtOptional(), ext_strings.ExtStrings()],
    )


@cache
def _compiled(expression: str) -> cel.Expression | Failed:
    try:
        return _environment().compile(expression)
    except RuntimeError as fault:
        return Failed(str(fault).strip())
