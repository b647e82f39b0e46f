"""If-Match and If-None-Match (RFC 9110 section 13.1): nobody overwrites what they have not seen."""

import re
from typing import Annotated

from fastapi import Header

from services.availability.usecases.schedules import Precondition
from services.kernel.errors import PreconditionRequired

IfMatch = Annotated[str | None, Header(max_length=200)]
IfNoneMatch = Annotated[str | None, Header(max_length=200)]
_TAG = re.compile(r'"(\d{1,18})"')


def entity_tag(version: int) -> str:
    """Return the strong entity tag of a version."""
    return f'"{version}"'


def demanded(if_match: str | None, if_none_match: str | None) -> Precondition:
    """Return the precondition of the headers; raise PreconditionRequired when there is none."""
    if if_match is None and if_none_match is None:
        raise PreconditionRequired("Send 'If-None-Match: *' to create, 'If-Match: \"version\"' to replace.")
    return allowed(if_match, if_none_match)


def allowed(if_match: str | None, if_none_match: str | None) -> Precondition:
    """Return what the headers ask of the current version (None: there is none); without headers all is well."""

    def holds(version: int | None) -> bool:
        matches = if_match is None or (version is not None and _names(if_match, version))
        differs = if_none_match is None or version is None or not _names(if_none_match, version)
        return matches and differs

    return holds


def _names(header: str, version: int) -> bool:
    return header.strip() == "*" or version in {int(tag) for tag in _TAG.findall(header)}
