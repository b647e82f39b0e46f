"""Who is not who they say, or says it too late, is refused, and every refusal waits in the outbox to be audited."""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from services.contracts.roles import Role
from services.local.aws import Aws
from services.local.demo.client import signed_in
from services.local.identity import ensure_pool, ensure_user, sign_in
from tests.journeys.consequences import rows
from tests.journeys.running import Running, slots

PATH = "/booking/appointments"
LEEWAY_SECONDS = 5


@pytest.fixture
def good(platform: Running) -> str:
    return signed_in(platform.state, "scheduler")


def refused(platform: Running, token: str) -> tuple[int, list[tuple[Any, ...]]]:
    """Present ``token``; return the status and what waits to be audited about it."""
    trace = secrets.token_hex(16)
    answer = httpx.get(
        platform.state.gateway + PATH,
        params={"patient_id": "pat-000001"},
        headers={"Authorization": f"Bearer {token}", "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"},
    )
    assert answer.headers["content-type"] == "application/problem+json"
    waiting = rows(
        platform.state, "booking",
        "SELECT data->>'outcome', data->>'reason', data->>'action' FROM outbox "
        "WHERE channel = 'audit' AND sent_at IS NULL AND correlation_id = %s", trace,
    )  # fmt: skip
    return answer.status_code, waiting


def unauthenticated(reason: str) -> tuple[int, list[tuple[str, str, str]]]:
    return 401, [("unauthenticated", reason, "read-own-appointments")]


def unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})


def test_expired(platform: Running) -> None:
    aws = Aws(platform.state.emulator)
    client = platform.state.client_id
    pool = aws.cognito.list_user_pools(MaxResults=10)["UserPools"][0]["Id"]
    units = {"IdToken": "seconds", "AccessToken": "minutes", "RefreshToken": "hours"}
    kept = aws.cognito.describe_user_pool_client(UserPoolId=pool, ClientId=client)["UserPoolClient"]
    flows = kept["ExplicitAuthFlows"]
    try:
        aws.cognito.update_user_pool_client(
            UserPoolId=pool, ClientId=client, ClientName=kept["ClientName"], ExplicitAuthFlows=flows,
            IdTokenValidity=1, TokenValidityUnits=units,  # type: ignore[arg-type]
        )  # fmt: skip
        token = signed_in(platform.state, "scheduler")
    finally:
        aws.cognito.update_user_pool_client(
            UserPoolId=pool, ClientId=client, ClientName=kept["ClientName"], ExplicitAuthFlows=flows,
            IdTokenValidity=15, AccessTokenValidity=15, RefreshTokenValidity=12,
            TokenValidityUnits={"IdToken": "minutes", "AccessToken": "minutes", "RefreshToken": "hours"},
        )  # fmt: skip
    expires = unverified(token)[1]["exp"]
    assert expires - time.time() < 60, "the pool did not give a short-lived token"
    time.sleep(max(0.0, expires + LEEWAY_SECONDS + 1 - time.time()))
    assert refused(platform, token) == unauthenticated("token-expired")


def test_of_another_issuer(platform: Running) -> None:
    aws = Aws(platform.state.emulator)
    other = ensure_pool(aws, "somebody-elses")
    try:
        ensure_user(aws, other, "scheduler", "Other-Pool-1234", Role.SCHEDULER, facilities=["*"])
        token = sign_in(aws, other, "scheduler", "Other-Pool-1234")
    finally:
        aws.cognito.delete_user_pool(UserPoolId=other.pool_id)
    status, [(outcome, reason, _)] = refused(platform, token)
    # Which of the three is found first depends on whether the emulator gives each pool keys of its own.
    assert (status, outcome) == (401, "unauthenticated")
    assert reason in {"token-key", "token-issuer", "token-audience"}


def test_without_signature(platform: Running, good: str) -> None:
    header, claims = unverified(good)
    token = jwt.encode(claims, "", algorithm="none", headers={"kid": header["kid"]})
    assert refused(platform, token) == unauthenticated("token-algorithm")


def test_signed_by_somebody_else_under_our_key_id(platform: Running, good: str) -> None:
    header, claims = unverified(good)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": header["kid"]})
    assert refused(platform, token) == unauthenticated("token-invalid")


def test_signed_with_the_public_key_as_a_secret(platform: Running, good: str) -> None:
    header, claims = unverified(good)
    token = jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": header["kid"]})
    assert refused(platform, token) == unauthenticated("token-algorithm")


def test_changed_after_signing(platform: Running, good: str) -> None:
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims["cognito:groups"] = ["auditor"]
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert refused(platform, f"{head}.{forged}.{signature}") == unauthenticated("token-invalid")


def test_of_another_facility(platform: Running) -> None:
    scheduler, stranger = platform.person("scheduler"), platform.person("frontdesk2")
    [slot] = slots(scheduler, 1, specialty="family-medicine", facility="fac-0001")
    body = {"offer": slot["offer"], "patient_id": "pat-000044"}
    trace = secrets.token_hex(16)
    answer = stranger.http.post(
        PATH, json=body,
        headers={"Idempotency-Key": trace, "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"},
    )  # fmt: skip
    assert answer.status_code == 403
    waiting = rows(
        platform.state, "booking",
        "SELECT data->>'outcome', data->>'action', data->'roles'->>0, data->>'about' FROM outbox "
        "WHERE channel = 'audit' AND sent_at IS NULL AND correlation_id = %s", trace,
    )  # fmt: skip
    assert waiting == [("refused", "book-appointment", "front-desk", "pat-000044")]


def test_a_good_one_is_let_in_and_audited(platform: Running, good: str) -> None:
    trace = secrets.token_hex(16)
    answer = httpx.get(
        platform.state.gateway + PATH, params={"patient_id": "pat-000001"},
        headers={"Authorization": f"Bearer {good}", "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"},
    )  # fmt: skip
    assert answer.status_code == 200
    waiting = rows(platform.state, "booking", "SELECT data->>'outcome' FROM outbox WHERE correlation_id = %s", trace)
    assert ("allowed",) in waiting
