"""Who is calling: a verified token becomes an Actor, and nothing else ever does.

Tokens are Cognito's: RS256, short-lived, checked against the pool's published keys (OpenID Connect Core 3.1.3.7;
AWS "Verifying JSON web tokens"). A person presents an ID token (it carries the role assignments), an app an access
token from the client-credentials grant.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

from services.kernel.errors import Unauthenticated, Unavailable

Jwks = Mapping[str, Any]
FetchJwks = Callable[[], Awaitable[Jwks]]
REFETCH_SECONDS = 30.0
LEEWAY_SECONDS = 5
# Verified tokens that are remembered; a token is a kilobyte.
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Emergency:
    """An emergency access somebody opened: its id and the one patient it is for (45 CFR 164.312(a)(2)(ii))."""

    id: str
    patient: str


@dataclass(frozen=True, slots=True)
class Actor:
    """A verified caller. ``facilities`` holds the ids it is assigned to, or ``*`` for all of them.

    ``clearances`` are the security labels its role assignment covers; ``authenticated_at`` is when it last proved who
    it is (seconds since 1970; OpenID Connect's ``auth_time``, which a renewed token keeps), 0 where nobody says.
    """

    subject: str
    roles: frozenset[str]
    person: str = ""
    facilities: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    token_id: str = field(default="", compare=False)
    clearances: frozenset[str] = frozenset()
    authenticated_at: int = field(default=0, compare=False)
    emergency: Emergency | None = None

    @property
    def everywhere(self) -> bool:
        """Whether the role assignment is for every facility."""
        return "*" in self.facilities


UNKNOWN = Actor(subject="unknown", roles=frozenset())
# Whoever presents no token where none is asked for; policies/access/public.cedar says what they may do.
ANYBODY = Actor(subject="anybody", roles=frozenset({"anybody"}))


def system_actor(name: str) -> Actor:
    """Return the actor a service uses for what it does by itself, such as expiring a hold."""
    return Actor(subject=f"system:{name}", roles=frozenset({"system"}))


class TokenVerifier:
    """Turns a bearer token into an Actor or raises Unauthenticated with a reason that is safe to audit."""

    def __init__(self, issuer: str, audiences: frozenset[str], fetch_jwks: FetchJwks, app_role: str) -> None:
        self._issuer = issuer
        self._audiences = audiences
        self._fetch = fetch_jwks
        self._app_role = app_role
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._lock = asyncio.Lock()
        self._known: dict[str, tuple[Actor, float]] = {}

    async def verify(self, token: str) -> Actor:
        """Check signature, algorithm, issuer, audience and expiry; raise Unauthenticated otherwise.

        A token that passed is remembered until it expires or the keys are read anew: people send theirs many times,
        and checking it costs as much as the rest of the edge.
        """
        if known := self._known.get(token):
            actor, ends = known
            if time.time() < ends:
                return actor
            del self._known[token]
        return await self._checked(token)

    async def _checked(self, token: str) -> Actor:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise _refused("token-malformed") from None
        if header.get("alg") != "RS256":
            raise _refused("token-algorithm")
        key = await self._key(str(header.get("kid", "")))
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=["RS256"],
                issuer=self._issuer,
                options={"require": ["exp", "iat", "iss", "sub", "token_use"], "verify_aud": False},
                leeway=LEEWAY_SECONDS,
            )
        except jwt.ExpiredSignatureError:
            raise _refused("token-expired") from None
        except jwt.InvalidIssuerError:
            raise _refused("token-issuer") from None
        except jwt.PyJWTError:
            raise _refused("token-invalid") from None
        actor = self._actor(claims)
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[token] = (actor, float(claims["exp"]) + LEEWAY_SECONDS)
        return actor

    def _actor(self, claims: Mapping[str, Any]) -> Actor:
        use = claims["token_use"]
        audience = claims.get("aud") if use == "id" else claims.get("client_id")
        if use not in {"id", "access"} or audience not in self._audiences:
            raise _refused("token-audience")
        scopes = frozenset(str(claims.get("scope", "")).split())
        if use == "access":
            if claims.get("username"):
                raise _refused("token-use")
            return Actor(
                subject=str(claims["client_id"]),
                roles=frozenset({self._app_role}),
                scopes=scopes,
                token_id=str(claims.get("jti", "")),
            )
        return Actor(
            subject=str(claims["sub"]),
            roles=frozenset(claims.get("cognito:groups", ())),
            person=str(claims.get("custom:person", "")),
            facilities=frozenset(str(claims.get("custom:facilities", "")).split()),
            scopes=scopes,
            token_id=str(claims.get("jti", "")),
            clearances=frozenset(str(claims.get("custom:clearances", "")).split()),
            authenticated_at=_seconds(claims.get("auth_time")),
        )

    async def _key(self, key_id: str) -> jwt.PyJWK:
        if key_id not in self._keys:
            async with self._lock:
                # An unknown key id may be a rotation, or a caller making us fetch: at most one look per half minute.
                if key_id not in self._keys and time.monotonic() - self._fetched_at > REFETCH_SECONDS:
                    await self._refresh()
        try:
            return self._keys[key_id]
        except KeyError:
            raise _refused("token-key") from None

    async def _refresh(self) -> None:
        try:
            jwks = await self._fetch()
        except Exception:
            raise Unavailable(
                "The identity provider's keys cannot be read; try again shortly.", retry_after=5
            ) from None
        self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(dict(jwks)).keys if key.key_id}
        self._known.clear()
        self._fetched_at = time.monotonic()


def _seconds(claim: object) -> int:
    return claim if isinstance(claim, int) and claim > 0 else 0


def _refused(reason: str) -> Unauthenticated:
    detail = (
        "The access token has expired; sign in again."
        if reason == "token-expired"
        else "The access token is not valid."
    )
    return Unauthenticated(detail, slug=reason)
