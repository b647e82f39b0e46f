"""What opens one patient's record in an emergency: a short-lived token that every service can check by itself.

A compact JWS with Ed25519, like a slot offer: only the directory can mint one, and no bus and no call to the directory
stands between an emergency and the record. It is bound to its holder's own sign-in, so that it is worth nothing alone.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt

from services.kernel.actor import Emergency
from services.kernel.errors import Invalid, Unauthenticated
from services.kernel.telemetry import logger

ISSUER = "careslot.directory"
ALGORITHM = "EdDSA"
TYPE = "break-glass+jwt"
LOOK_SECONDS = 1.0
# Returns the ids of accesses that were ended early.
Look = Callable[[], Awaitable[Iterable[str]]]


@dataclass(frozen=True, slots=True)
class GlassKey:
    """The directory's private key: ``pem`` is PKCS #8."""

    key_id: str
    pem: str

    def sign(self, emergency: Emergency, subject: str, now: datetime, expires_at: datetime) -> str:
        """Return a token that opens ``emergency`` to ``subject`` until ``expires_at``."""
        claims = {
            "iss": ISSUER, "sub": subject, "jti": emergency.id, "patient": emergency.patient,
            "iat": int(now.timestamp()), "exp": int(expires_at.timestamp()),
        }  # fmt: skip
        return jwt.encode(claims, self.pem, algorithm=ALGORITHM, headers={"kid": self.key_id, "typ": TYPE})


class GlassKeys:
    """The directory's published keys (a JSON Web Key Set, RFC 7517). Calling it reads a token (kernel.http)."""

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(dict(jwks)).keys if key.key_id}

    @classmethod
    def from_setting(cls, text: str) -> "GlassKeys":
        """Read a setting that holds the key set or names a file with it; raise Invalid saying what is wrong."""
        try:
            found = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text("utf-8"))
            return cls(found)
        except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as fault:
            raise Invalid(
                f"CARESLOT_BREAK_GLASS_KEYS must be a JSON Web Key Set or a file with one: {type(fault).__name__}."
            ) from None

    def __call__(self, token: str, subject: str, now: datetime) -> Emergency:
        """Return what ``token`` opens to ``subject``; raise Unauthenticated when that is nothing (any more)."""
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(
                token, self._keys[str(header.get("kid", ""))].key, algorithms=[ALGORITHM], issuer=ISSUER,
                options={"require": ["exp", "iat", "sub", "jti"], "verify_exp": False, "verify_iat": False},
            )  # fmt: skip
            emergency = Emergency(str(claims["jti"]), str(claims["patient"]))
            theirs = header.get("typ") == TYPE and claims["sub"] == subject
        except (jwt.PyJWTError, KeyError):
            theirs = False
        if not theirs:
            raise Unauthenticated("The emergency access is not one of yours.", slug="break-glass-invalid")
        if int(claims["exp"]) <= now.timestamp():
            raise Unauthenticated("The emergency access has ended; renew or open it anew.", slug="break-glass-ended")
        return emergency


class Revocations:
    """Reads tokens with ``read`` and refuses those of accesses that were ended early, as of the last look.

    What was ended and could still be shown is a handful of ids, looked at every second, so that a request asks memory.
    """

    def __init__(self, read: Callable[[str, str, datetime], Emergency]) -> None:
        self._read = read
        self._ended: frozenset[str] = frozenset()

    def __call__(self, token: str, subject: str, now: datetime) -> Emergency:
        """Return what ``token`` opens to ``subject``; raise Unauthenticated when that is nothing (any more)."""
        emergency = self._read(token, subject, now)
        if emergency.id in self._ended:
            raise Unauthenticated("The emergency access has ended; renew or open it anew.", slug="break-glass-ended")
        return emergency

    async def refresh(self, look: Look) -> None:
        """Look again."""
        self._ended = frozenset(await look())

    @asynccontextmanager
    async def following(self, look: Look) -> AsyncIterator[None]:
        """Look every second meanwhile; who cannot look knows what was ended before, and every token's own end."""

        async def follow() -> None:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                try:
                    await self.refresh(look)
                except Exception as error:
                    logger().warning("revocations wait", error_type=type(error).__name__)

        await self.refresh(look)
        task = asyncio.create_task(follow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
