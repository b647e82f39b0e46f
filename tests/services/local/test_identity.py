"""Tokens from the emulated pool are ones our own verifier takes, and only while they should be."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import replace
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError

from services.contracts.roles import Role
from services.kernel.actor import TokenVerifier
from services.local.aws import Aws
from services.local.identity import PEOPLE, Identity, app_token, ensure_pool, ensure_user, sign_in

PASSWORD = "Demo-passw0rd"


@pytest.fixture(scope="module")
def identity(aws: Aws) -> Identity:
    return ensure_pool(aws, "test-identity")


@pytest.fixture
def verifier(identity: Identity) -> TokenVerifier:
    with urllib.request.urlopen(identity.jwks_url) as answer:
        keys = json.load(answer)

    async def fetch() -> Any:
        return keys

    return TokenVerifier(identity.issuer, frozenset(identity.audiences), fetch, Role.EXTERNAL_APP)


@pytest.mark.parametrize("role", PEOPLE)
async def test_a_person_signs_in_with_role_person_and_facilities(
    aws: Aws, identity: Identity, verifier: TokenVerifier, role: Role
) -> None:
    sub = ensure_user(aws, identity, f"a-{role}", PASSWORD, role, "pat-000001", ["fac-0002", "fac-0001"])
    actor = await verifier.verify(sign_in(aws, identity, f"a-{role}", PASSWORD))
    assert actor.subject == sub
    assert actor.roles == {role}
    assert actor.person == "pat-000001"
    assert actor.facilities == {"fac-0001", "fac-0002"}


async def test_a_changed_user_has_one_role_and_the_new_facilities(
    aws: Aws, identity: Identity, verifier: TokenVerifier
) -> None:
    first = ensure_user(aws, identity, "mover", PASSWORD, Role.FRONT_DESK, facilities=["fac-0001"])
    assert ensure_user(aws, identity, "mover", PASSWORD, Role.AUDITOR, facilities=["*"]) == first
    actor = await verifier.verify(sign_in(aws, identity, "mover", PASSWORD))
    assert actor.roles == {"auditor"}
    assert actor.everywhere


async def test_an_app_gets_scopes_and_no_person(identity: Identity, verifier: TokenVerifier) -> None:
    actor = await verifier.verify(app_token(identity))
    assert actor.roles == {"external-app"}
    assert actor.scopes == {"careslot/slots.read", "careslot/directory.read"}
    assert actor.person == ""
    fewer = await verifier.verify(app_token(identity, ["slots.read"]))
    assert fewer.scopes == {"careslot/slots.read"}


async def test_waitlist_has_a_client_and_a_scope_of_its_own(identity: Identity, verifier: TokenVerifier) -> None:
    waitlist = replace(
        identity, app_client_id=identity.waitlist_client_id, app_client_secret=identity.waitlist_client_secret
    )
    actor = await verifier.verify(app_token(waitlist, ["waitlist.offer"]))
    assert actor.scopes == {"careslot/waitlist.offer"}
    assert actor.subject == identity.waitlist_client_id
    assert identity.waitlist_client_id != identity.app_client_id


def test_tokens_last_fifteen_minutes(aws: Aws, identity: Identity) -> None:
    ensure_user(aws, identity, "brief", PASSWORD, Role.PATIENT)
    for token in (sign_in(aws, identity, "brief", PASSWORD), app_token(identity)):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 15 * 60
        assert abs(claims["iat"] - time.time()) < 60


def test_a_wrong_password_does_not_sign_in(aws: Aws, identity: Identity) -> None:
    ensure_user(aws, identity, "careful", PASSWORD, Role.PATIENT)
    with pytest.raises(ClientError, match="NotAuthorized"):
        sign_in(aws, identity, "careful", PASSWORD + "x")


def test_making_the_pool_twice_changes_nothing(aws: Aws, identity: Identity) -> None:
    assert ensure_pool(aws, "test-identity") == identity
    assert ensure_pool(aws, "another-pool").pool_id != identity.pool_id
