"""Cursors: where a list goes on, opaque to clients so that we may change what is inside."""

import base64
import binascii
import json
import math
from typing import Annotated

from fastapi import Query
from pydantic import Field

from services.directory.domain.values import is_text
from services.kernel.errors import FieldError, Invalid

Limit = Annotated[int, Query(ge=1, le=200, description="most entries to return")]
CursorText = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9_-]*$", description="`next` of the page before")]
Cursor = Annotated[CursorText, Query()]


def encode(distance: float, key: str) -> str:
    """Return the cursor of a list that goes on after (``distance``, ``key``)."""
    return base64.urlsafe_b64encode(json.dumps([distance, key]).encode()).decode().rstrip("=")


def decode(cursor: str) -> tuple[float, str] | None:
    """Return what ``encode`` was given, None for ""; raise Invalid for what it never returned."""
    if not cursor:
        return None
    try:
        distance, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not (
            isinstance(distance, int | float) and math.isfinite(distance) and isinstance(key, str) and is_text(key)
        ):
            raise ValueError
        return float(distance), key
    except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError):
        what = "is not a cursor of ours"
        raise Invalid("Start from the first page.", errors=[FieldError("query/cursor", what)]) from None
