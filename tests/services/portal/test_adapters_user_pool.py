"""Further steps against a user pool (the emulator's): a first password, an authenticator app; real codes (RFC 6238).

Text messages are not here: the emulator never asks for them; test_adapters.py shows them against Cognito's words.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from services.contracts.roles import Role
from services.kernel.actor import TokenVerifier
from services.kernel.clock import SystemClock
from services.kernel.errors import Unauthenticated
from services.local.aws import Aws
from services.local.emulator import REGION
from services.local.identity import Identity, ensure_pool, ensure_user
from services.portal.adapters.user_pool import UserPool
from services.portal.ports import Challenge, SignedIn

PASSWORD = "Maple-River-4711"


def totp(secret: str, at: float) -> str:
    """Return the six digits of an authenticator app (RFC 6238 over RFC 4226)."""
    counter = struct.pack(">Q", int(at) // 30)
    digest = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


@dataclass
class Pool:
    """A user pool of the emulator, and the portal's way to it."""

    aws: Aws
    identity: Identity
    sign_in: UserPool


@pytest.fixture(scope="module")
def pool(aws: Aws) -> Iterator[Pool]:
    """Make a pool whose users may have an authenticator app."""
    identity = ensure_pool(aws, "portal-steps")
    aws.cognito.set_user_pool_mfa_config(
        UserPoolId=identity.pool_id, SoftwareTokenMfaConfiguration={"Enabled": True}, MfaConfiguration="OPTIONAL"
    )

    async def fetch_jwks() -> Any:
        async with httpx.AsyncClient() as http:
            return (await http.get(identity.jwks_url)).raise_for_status().json()

    verifier = TokenVerifier(identity.issuer, frozenset({identity.portal_client_id}), fetch_jwks, "")
    client = boto3.client(
        "cognito-idp", endpoint_url=aws.endpoint_url, region_name=REGION, config=Config(signature_version=UNSIGNED)
    )
    yield Pool(aws, identity, UserPool(client, identity.portal_client_id, verifier, SystemClock()))
    aws.cognito.delete_user_pool(UserPoolId=identity.pool_id)


async def test_an_authenticator_app_is_asked_for_and_its_code_opens(pool: Pool) -> None:
    ensure_user(pool.aws, pool.identity, "careful", PASSWORD, Role.PATIENT, "pat-000001")
    first = await pool.sign_in.sign_in("careful", PASSWORD)
    assert isinstance(first, SignedIn), "nothing is asked of whoever has set up nothing"
    access = pool.aws.cognito.initiate_auth(
        ClientId=pool.identity.portal_client_id, AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "careful", "PASSWORD": PASSWORD},
    )["AuthenticationResult"]["AccessToken"]  # fmt: skip
    secret = pool.aws.cognito.associate_software_token(AccessToken=access)["SecretCode"]
    pool.aws.cognito.verify_software_token(AccessToken=access, UserCode=totp(secret, time.time()))
    asked = await pool.sign_in.sign_in("careful", PASSWORD)
    assert isinstance(asked, Challenge) and asked.step == "SOFTWARE_TOKEN_MFA"
    code = totp(secret, time.time())
    with pytest.raises(Unauthenticated) as refused:
        await pool.sign_in.answer(asked, f"{(int(code) + 1) % 1_000_000:06}")
    assert refused.value.slug == "code-refused"
    signed_in = await pool.sign_in.answer(asked, totp(secret, time.time()))
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.actor.person, signed_in.actor.roles) == ("pat-000001", frozenset({"patient"}))
    assert signed_in.renewal


async def test_a_first_password_is_replaced(pool: Pool) -> None:
    ensure_user(pool.aws, pool.identity, "newcomer", PASSWORD, Role.PATIENT, "pat-000002")
    pool.aws.cognito.admin_set_user_password(
        UserPoolId=pool.identity.pool_id, Username="newcomer", Password="Given-Once-12", Permanent=False
    )
    asked = await pool.sign_in.sign_in("newcomer", "Given-Once-12")
    assert isinstance(asked, Challenge) and asked.step == "NEW_PASSWORD_REQUIRED"
    assert isinstance(await pool.sign_in.answer(asked, "My-Own-Word-34"), SignedIn)
    with pytest.raises(Unauthenticated):
        await pool.sign_in.sign_in("newcomer", "Given-Once-12")
    assert isinstance(await pool.sign_in.sign_in("newcomer", "My-Own-Word-34"), SignedIn)
