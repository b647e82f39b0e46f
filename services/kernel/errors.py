"""One small family of errors, so that every channel can render the same failure in its own words.

The web renders them as problem+json (RFC 9457), a FHIR facade as OperationOutcome, a voice line as a prompt.
The text of an unexpected exception never reaches a caller: it may hold PHI.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

PROBLEM_BASE = "urn:careslot:problem:"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong input: where it stands (JSON pointer or parameter name), what is wrong, never its value."""

    where: str
    what: str


class CareslotError(Exception):
    """Base of the family; ``slug`` names the kind for machines, ``detail`` tells a person what to do."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong on our side"
    slug: str = "internal"

    def __init__(
        self,
        detail: str = "",
        *,
        slug: str | None = None,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.slug = slug or self.slug
        self.errors = tuple(errors)
        self.extra: Mapping[str, Any] = dict(extra or {})
        self.retry_after = retry_after

    def problem(self, instance: str = "") -> dict[str, Any]:
        """Render as an RFC 9457 problem object; ``instance`` is the correlation id, never a URL with input."""
        body: dict[str, Any] = {
            "type": PROBLEM_BASE + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if instance:
            body["instance"] = instance
        if self.errors:
            body["errors"] = [{"where": error.where, "what": error.what} for error in self.errors]
        return {**body, **self.extra}


class Invalid(CareslotError):
    """The request cannot be understood or breaks a rule whoever sends it."""

    status = 422
    title = "The request is not valid"
    slug = "invalid"


class Unauthenticated(CareslotError):
    """Nobody we know: the token is missing, expired, or not from our issuer."""

    status = 401
    title = "Sign in first"
    slug = "unauthenticated"


class Forbidden(CareslotError):
    """Known, but not allowed to do this here."""

    status = 403
    title = "You may not do this"
    slug = "forbidden"


class NotFound(CareslotError):
    """No such thing, or none the caller may know of."""

    status = 404
    title = "Not found"
    slug = "not-found"


class Conflict(CareslotError):
    """The request was fine, but the state it needs is gone or taken."""

    status = 409
    title = "This conflicts with the current state"
    slug = "conflict"


class StaleVersion(CareslotError):
    """If-Match names a version that is no longer the current one (RFC 9110 section 13.1.1)."""

    status = 412
    title = "Someone changed this in the meantime"
    slug = "stale-version"


class PreconditionRequired(CareslotError):
    """A header that protects against lost or doubled changes is missing (RFC 6585 section 3)."""

    status = 428
    title = "A precondition header is required"
    slug = "precondition-required"


class Unavailable(CareslotError):
    """Something we depend on does not answer; the same request may work later."""

    status = 503
    title = "Not available right now"
    slug = "unavailable"


class Overloaded(Unavailable):
    """Everything works, but more is asked of it than it can do: an answer, not an outage, so breakers stay closed."""

    title = "Too much is going on right now"
    slug = "overloaded"


class TooManyRequests(CareslotError):
    """One caller asks for more than its share while others wait (RFC 6585 section 4)."""

    status = 429
    title = "Too many requests"
    slug = "too-many-requests"
