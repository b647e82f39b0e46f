"""Headers that protect against doubled and lost changes, and the answers when they are missing or stale."""

import re
from typing import Annotated

from fastapi import Depends, Header, Request, Response

from services.booking.usecases.changing import ANY_VERSION, Precondition
from services.kernel.errors import CareslotError, Invalid, PreconditionRequired, StaleVersion
from services.kernel.middleware import problem_response

_TAGS = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e]*"\s*')
KEY = r"^[\x21-\x7e]{1,255}$"


class IdempotencyKeyMissing(CareslotError):
    """A command came without a key, so that its repetition could not be told from a second command."""

    status = 400
    title = "A header is missing"
    slug = "idempotency-key-missing"


async def _idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key", pattern=KEY,
            description="Required. A new value for each intent; the same value when repeating it.",
        ),
    ] = None,
) -> str:  # fmt: skip
    if key is None:
        raise IdempotencyKeyMissing("Send 'Idempotency-Key' with a new value, and the same value when you repeat.")
    return key


async def _precondition(
    if_match: Annotated[
        str | None,
        Header(alias="If-Match", max_length=1000, description="Required. The ETag of the version you have seen."),
    ] = None,
) -> Precondition:
    if if_match is None:
        raise PreconditionRequired("Send 'If-Match' with the ETag of the appointment as you know it.")
    if if_match.strip() == ANY_VERSION:
        return frozenset({ANY_VERSION})
    tags = if_match.split(",")
    if not all(_TAGS.fullmatch(tag) for tag in tags):
        raise Invalid("'If-Match' must hold quoted entity tags, such as \"3\".", slug="if-match-invalid")
    # Weak tags stay as they are and match nothing: If-Match compares strongly (RFC 9110 section 13.1.1).
    return frozenset(tag.strip() for tag in tags)


async def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")


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
