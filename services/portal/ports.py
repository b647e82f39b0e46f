"""What the portal needs of others: the services with the user's token, and someone who checks names and passwords."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from services.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class Reply:
    """A service's answer: its JSON (``{}`` when there is none) and the tag that the next change must name."""

    body: Mapping[str, Any]
    etag: str = ""


class Neighbours(Protocol):
    """The other services. Their refusals come as errors of our family, silence as Unavailable naming the service."""

    async def ask(
        self,
        token: str,
        method: str,
        service: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and return the answer."""
        ...

    def download(
        self, token: str, service: str, path: str, query: Mapping[str, str]
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a long answer and pass its bytes on as they come."""
        ...

    def follow(
        self, token: str, service: str, path: str, last_event_id: str
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open an event stream (WHATWG HTML section 9.2) and pass its bytes on as they come."""
        ...


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a successful sign-in brings; ``renewal`` may be empty."""

    token: str = field(repr=False)
    actor: Actor
    ends_at: datetime
    renewal: str = field(default="", repr=False)


Step = Literal["SOFTWARE_TOKEN_MFA", "SMS_MFA", "NEW_PASSWORD_REQUIRED"]


@dataclass(frozen=True, slots=True)
class Challenge:
    """A further step before somebody is signed in; ``step`` as Cognito calls it.

    ``ticket`` is what the user pool wants back with the answer; ``hint`` where a code went, "" where none went.
    """

    step: Step
    username: str
    ticket: str = field(repr=False)
    hint: str = ""


class SignIn(Protocol):
    """The user pool."""

    async def sign_in(self, username: str, password: str) -> SignedIn | Challenge:
        """Check name and password; raise Unauthenticated without saying which of them is wrong."""
        ...

    async def answer(self, challenge: Challenge, answer: str) -> SignedIn | Challenge:
        """Answer a challenge with a code or a new password.

        Raise Unauthenticated ``code-refused`` for a wrong code and ``challenge-ended`` when it is too late, Invalid
        ``password-refused`` for a password the pool does not take.
        """
        ...

    async def renew(self, renewal: str) -> SignedIn:
        """Return a fresh token; raise Unauthenticated when the renewal is over or withdrawn."""
        ...
