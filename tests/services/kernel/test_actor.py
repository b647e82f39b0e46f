"""Only a token of our issuer, for us, in time and signed with a published key becomes an Actor."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from services.kernel.actor import Actor, Jwks, TokenVerifier
from services.kernel.errors import Unauthenticated, Unavailable

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwks(**keys: rsa.RSAPrivateKey) -> Jwks:
    """Publish ``keys`` by their ids."""
    return {
        "keys": [
            {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": "RS256", "use": "sig"}
            for kid, key in keys.items()
        ]
    }


class Provider:
    """An identity provider's key endpoint that counts how often it is asked."""

    def __init__(self, published: Jwks | None) -> None:
        self.published = published
        self.asked = 0

    async def __call__(self) -> Jwks:
        self.asked += 1
        if self.published is None:
            raise OSError("unreachable")
        return self.published


def claims(**changes: Any) -> dict[str, Any]:
    """A front desk's ID token as Cognito writes it, with ``changes``."""
    now = int(time.time())
    return {
        "sub": "u-1", "iss": ISSUER, "aud": "portal", "token_use": "id", "iat": now, "exp": now + 900, "jti": "t-1",
        "cognito:groups": ["front-desk"], "custom:facilities": "fac-0001 fac-0002", **changes,
    }  # fmt: skip


def token(key: rsa.RSAPrivateKey = KEY, kid: str = "k1", groups: Any = (), facilities: str = "", **changes: Any) -> str:
    """Sign ``claims`` with ``key``."""
    if groups:
        changes["cognito:groups"] = groups
    if facilities:
        changes["custom:facilities"] = facilities
    return jwt.encode(claims(**changes), key, algorithm="RS256", headers={"kid": kid})


def verifier(provider: Provider | None = None) -> TokenVerifier:
    """A verifier that trusts KEY as k1."""
    return TokenVerifier(ISSUER, frozenset({"portal", "app-1"}), provider or Provider(jwks(k1=KEY)), "external-app")


async def refusal(raw: str) -> str:
    """Return the slug a token is refused with."""
    with pytest.raises(Unauthenticated) as caught:
        await verifier().verify(raw)
    return caught.value.slug


async def test_an_id_token_becomes_its_person() -> None:
    actor = await verifier().verify(token())
    assert actor == Actor("u-1", frozenset({"front-desk"}), "", frozenset({"fac-0001", "fac-0002"}))
    assert not actor.everywhere
    assert (await verifier().verify(token(facilities="*"))).everywhere


async def test_an_apps_token_becomes_an_app_with_its_scopes() -> None:
    raw = token(token_use="access", client_id="app-1", scope="careslot/slots.read", aud=None, groups=["x"])
    actor = await verifier().verify(raw)
    assert actor == Actor("app-1", frozenset({"external-app"}), scopes=frozenset({"careslot/slots.read"}))


async def test_a_persons_access_token_is_refused_because_it_carries_no_assignments() -> None:
    assert await refusal(token(token_use="access", client_id="portal", username="u")) == "token-use"


async def test_refusals_say_why_in_a_code() -> None:
    now = int(time.time())
    assert await refusal(token(exp=now - 60, iat=now - 960)) == "token-expired"
    assert await refusal(token(iss=ISSUER + "x")) == "token-issuer"
    assert await refusal(token(aud="someone-else")) == "token-audience"
    assert await refusal(token(token_use="refresh")) == "token-audience"
    assert await refusal(token(OTHER_KEY)) == "token-invalid"
    assert await refusal(token(kid="unknown")) == "token-key"
    assert await refusal("not a token") == "token-malformed"


async def test_unsigned_and_symmetric_tokens_are_refused() -> None:
    unsigned = jwt.encode(claims(), "", algorithm="none", headers={"kid": "k1"})
    assert await refusal(unsigned) == "token-algorithm"
    symmetric = jwt.encode(claims(), "x" * 64, algorithm="HS256", headers={"kid": "k1"})
    assert await refusal(symmetric) == "token-algorithm"
    head, body, signature = token().split(".")
    forged = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": "k1"}).encode()).rstrip(b"=").decode()
    tampered = base64.urlsafe_b64encode(json.dumps(claims(sub="someone")).encode()).rstrip(b"=").decode()
    assert await refusal(f"{forged}.{tampered}.{signature}") == "token-invalid"
    assert head != forged or body != tampered


async def test_keys_are_fetched_once_and_unknown_ids_do_not_make_us_fetch_again_and_again() -> None:
    provider = Provider(jwks(k1=KEY))
    checker = verifier(provider)
    for _ in range(3):
        await checker.verify(token())
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await checker.verify(token(kid="made-up"))
    assert provider.asked == 1


async def test_unreachable_keys_are_our_fault_not_the_callers() -> None:
    with pytest.raises(Unavailable):
        await verifier(Provider(None)).verify(token())
