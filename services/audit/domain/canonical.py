"""One text for one value, so that a hash taken today can be taken again in six years by another program.

RFC 8785 (JSON Canonicalization Scheme) for what entries hold: no numbers but small integers, names in ASCII.
"""

import json
from collections.abc import Mapping
from typing import Any

LARGEST_INTEGER = 2**53 - 1


def canonical(value: Mapping[str, Any]) -> str:
    """Return the RFC 8785 text of ``value``; raise ValueError for what its rules cannot be kept for here.

    Fractions and integers beyond 2**53 are written differently from language to language, and names beyond ASCII sort
    differently; entries have neither. A text with half a surrogate pair has no UTF-8 form.
    """
    _check(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text holds half a surrogate pair") from None
    return text


def _check(value: Any) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str) or not name.isascii():
                raise ValueError("a name must be ASCII")
            _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) > LARGEST_INTEGER):
        raise ValueError("a number must be an integer below 2**53")
    elif value is not None and not isinstance(value, str | int):
        raise ValueError(f"{type(value).__name__} has no JSON form")
