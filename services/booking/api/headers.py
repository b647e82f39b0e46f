"""Headers that protect against doubled and lost changes, and the answers when they are missing or stale."""

import re
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response

from services.booking.usecases.changing import ANY_VERSION, Precondition
from services.kernel.errors import CareslotError, Invalid, PreconditionRequired, StaleVersion
from services.kernel.middleware import problem_response

KEY = r"^[!-~]{1,255}$"
TAG = r'(W/)?"[!#-~]*"'
TAGS = rf"^(\*|{TAG}( ?, ?{TAG})*)$"


class IdempotencyKeyMissing(CareslotError):
    """A command came without a key, so that its repetition could not be told from a second command."""

    status = 400
    title = "A header is missing"
    slug = "idempotency-key-missing"


async def _idempotency_key(
    key: Annotated[str | None, Header(alias="Idempotency-Key", pattern=KEY, include_in_schema=False)] = None,
) -> str:
    if key is None:
        raise IdempotencyKeyMissing("Send 'Idempotency-Key' with a new value, and the same value when you repeat.")
    return key


async def _precondition(
    if_match: Annotated[str | None, Header(alias="If-Match", max_length=1000, include_in_schema=False)] = None,
) -> Precondition:
    if if_match is None:
        raise PreconditionRequired("Send 'If-Match' with the ETag of the appointment as you know it.")
    if not re.fullmatch(TAGS, if_match):
        raise Invalid("'If-Match' must hold quoted entity tags, such as \"3\".", slug="if-match-invalid")
    if if_match == ANY_VERSION:
        return frozenset({ANY_VERSION})
    # Weak tags stay as they are and match nothing: If-Match compares strongly (RFC 9110 section 13.1.1).
    return frozenset(tag[0] for tag in re.finditer(TAG, if_match))


async def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")


def documented(*, existing: bool) -> list[dict[str, Any]]:
    """Return the OpenAPI parameters of a command, on an existing appointment or not.

    They are required, as they say here; the code takes them as optional to answer with 400 and 428 instead of 422.
    """
    key = {
        "name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string", "pattern": KEY},
        "description": "A new value for each intent; the same value when repeating it.",
    }  # fmt: skip
    version = {
        "name": "If-Match", "in": "header", "required": True,
        "schema": {"type": "string", "pattern": TAGS, "maxLength": 1000},
        "description": "The ETag of the version you have seen.",
    }  # fmt: skip
    return [key, version] if existing else [key]


IdempotencyKey = Annotated[str, Depends(_idempotency_key)]
IfMatch = Annotated[Precondition, Depends(_precondition)]
Authorization = Annotated[str, Depends(_authorization)]


async def render_stale(_request: Request, error: Exception) -> Response:
    """Answer 412 with the current ETag, which saves the caller a read when only the version matters."""
    assert isinstance(error, StaleVersion)
    response = problem_response(error)
    if tag := error.extra.get("current_etag"):
        response.headers["etag"] = str(tag)
    return response
