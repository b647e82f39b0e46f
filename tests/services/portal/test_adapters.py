"""Seals hold, services' answers become our errors, the user pool's refusals do not tell who has an account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.actor import Actor
from services.kernel.errors import (
    CareslotError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    StaleVersion,
    Unauthenticated,
    Unavailable,
)
from services.portal.adapters.neighbours import HttpNeighbours
from services.portal.adapters.user_pool import UserPool
from services.portal.api.calendars import calendar_of
from services.portal.api.cookies import Sealer
from services.portal.domain.session import Session
from services.portal.domain.wish import Wish
from services.portal.ports import Challenge, SignedIn
from tests.services.portal.fakes import NOW, FakeClock
from tests.services.portal.fakes_visits import APPOINTMENT

KEY, OTHER = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SESSION = Session(
    token="t" * 1200, csrf="c", started_at=NOW, seen_at=NOW, token_ends_at=NOW + timedelta(minutes=15),
    username="frontdesk", roles=frozenset({"front-desk"}), facilities=("fac-0001",),
)  # fmt: skip


def test_a_session_survives_its_seal_and_fits_a_cookie() -> None:
    sealed = Sealer(KEY).seal_session(SESSION)
    assert Sealer(KEY).open_session(sealed) == SESSION
    assert len(sealed) < 4000
    assert "frontdesk" not in sealed


@given(st.builds(Wish, patient=st.text(max_size=20), first_day=st.none() | st.dates(date(1900, 1, 1))))
def test_a_wish_survives_its_seal(wish: Wish) -> None:
    assert Sealer(KEY).open_wish(Sealer(KEY).seal_wish(wish)) == wish


@given(st.text(max_size=200))
def test_what_we_did_not_seal_opens_to_nothing(text: str) -> None:
    assert Sealer(KEY).open_session(text) is None
    assert Sealer(KEY).open_wish(text) == Wish()


def test_keys_rotate_and_seals_are_for_one_purpose() -> None:
    old = Sealer(OTHER).seal_session(SESSION)
    assert Sealer(f"{KEY} {OTHER}").open_session(old) == SESSION
    assert Sealer(KEY).open_session(old) is None
    assert Sealer(KEY).open_session(Sealer(KEY).seal("wish", {})) is None


def neighbours(status: int, body: Any) -> HttpNeighbours:
    def answer(request: httpx.Request) -> httpx.Response:
        if status == 0:
            raise httpx.ConnectError("refused", request=request)
        assert request.headers["authorization"] == "Bearer token"
        return httpx.Response(status, json=body, headers={"etag": '"7"'})

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return HttpNeighbours(client, {"booking": "http://booking"})


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Unauthenticated), (403, Forbidden), (404, NotFound), (409, Conflict), (412, StaleVersion), (422, Invalid),
     (500, Unavailable), (503, Unavailable), (0, Unavailable)],
)  # fmt: skip
async def test_a_refusal_is_one_of_our_errors(status: int, error: type[Exception]) -> None:
    problem = {"type": "urn:careslot:problem:slot-taken", "detail": "told", "alternatives": [1], "status": status}
    with pytest.raises(error) as caught:
        await neighbours(status, problem).ask("token", "GET", "booking", "/x")
    told: Any = caught.value
    if error is Unavailable:
        assert told.extra["service"] == "booking"
    else:
        assert (told.slug, told.detail, told.extra["alternatives"]) == ("slot-taken", "told", [1])


async def test_an_answer_comes_with_its_tag() -> None:
    reply = await neighbours(200, {"a": 1}).ask("token", "GET", "booking", "/x")
    assert (reply.body, reply.etag) == ({"a": 1}, '"7"')


async def test_an_answer_that_is_no_problem_is_still_told() -> None:
    with pytest.raises(NotFound):
        await neighbours(404, ["odd"]).ask("token", "GET", "booking", "/x")


class FakeCognito:
    """Answers as told."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.responses: list[Mapping[str, str]] = []

    def respond_to_auth_challenge(
        self, *, ClientId: str, ChallengeName: Any, Session: str, ChallengeResponses: Mapping[str, str]
    ) -> Any:
        self.responses.append({"name": ChallengeName, "session": Session, **ChallengeResponses})
        return self.initiate_auth(ClientId=ClientId, AuthFlow="", AuthParameters={})

    def initiate_auth(self, *, ClientId: str, AuthFlow: Any, AuthParameters: Mapping[str, str]) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class Believing:
    """Takes any token."""

    async def verify(self, token: str) -> Actor:
        return Actor(token, frozenset({"patient"}), "pat-000001")


def pool(answer: Any) -> UserPool:
    return UserPool(FakeCognito(answer), "portal", Believing(), FakeClock())


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "x"}}, "InitiateAuth")


async def test_signing_in_brings_a_verified_actor() -> None:
    result = {"IdToken": "id", "RefreshToken": "again", "ExpiresIn": 900}
    signed_in = await pool({"AuthenticationResult": result}).sign_in("a", "b")
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.actor.subject, signed_in.renewal) == ("id", "again")
    assert signed_in.ends_at == NOW + timedelta(minutes=15)
    assert (await pool({"AuthenticationResult": {"IdToken": "id", "ExpiresIn": 900}}).renew("r")).renewal == ""


@pytest.mark.parametrize("code", ["NotAuthorizedException", "UserNotFoundException"])
async def test_wrong_name_and_wrong_password_are_told_alike(code: str) -> None:
    with pytest.raises(Unauthenticated, match="The name or the password is wrong."):
        await pool(refused(code)).sign_in("a", "b")


TOTP = {
    "ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "s", "ChallengeParameters": {"USER_ID_FOR_SRP": "sub"},
}  # fmt: skip


async def test_a_further_step_is_a_challenge_and_its_answer_goes_by_its_name() -> None:
    assert await pool(TOTP).sign_in("a", "b") == Challenge("SOFTWARE_TOKEN_MFA", "sub", "s")
    sms = {**TOTP, "ChallengeName": "SMS_MFA"}
    sms["ChallengeParameters"] = {"USER_ID_FOR_SRP": "sub", "CODE_DELIVERY_DESTINATION": "+*******0100"}
    asked = await pool(sms).sign_in("a", "b")
    assert asked == Challenge("SMS_MFA", "sub", "s", "+*******0100")
    cognito = FakeCognito({"AuthenticationResult": {"IdToken": "id", "ExpiresIn": 900}})
    one = UserPool(cognito, "portal", Believing(), FakeClock())
    for step, name in (("SMS_MFA", "SMS_MFA_CODE"), ("NEW_PASSWORD_REQUIRED", "NEW_PASSWORD")):
        outcome = await one.answer(Challenge(step, "sub", "s"), "x")  # type: ignore[arg-type]  # both are steps
        assert isinstance(outcome, SignedIn)
        assert cognito.responses[-1] == {"name": step, "session": "s", "USERNAME": "sub", name: "x"}
    with pytest.raises(Unauthenticated) as unknown:
        await pool({**TOTP, "ChallengeName": "CUSTOM_CHALLENGE"}).sign_in("a", "b")
    assert unknown.value.slug == "sign-in-challenge"
    with pytest.raises(Unauthenticated):
        await pool(TOTP).renew("r")


@pytest.mark.parametrize(
    ("code", "error", "slug"),
    [("CodeMismatchException", Unauthenticated, "code-refused"),
     ("ExpiredCodeException", Unauthenticated, "code-refused"),
     ("InvalidPasswordException", Invalid, "password-refused"),
     ("NotAuthorizedException", Unauthenticated, "challenge-ended")],
)  # fmt: skip
async def test_a_refused_answer_says_what_to_mend(code: str, error: type[CareslotError], slug: str) -> None:
    with pytest.raises(error) as caught:
        await pool(refused(code)).answer(Challenge("SMS_MFA", "sub", "s"), "x")
    assert caught.value.slug == slug


async def test_an_outage_is_an_outage() -> None:
    for fault in (refused("InternalErrorException"), EndpointConnectionError(endpoint_url="http://x")):
        with pytest.raises(Unavailable):
            await pool(fault).sign_in("a", "b")


def test_a_moved_visit_replaces_itself_in_the_calendar() -> None:
    first = calendar_of(APPOINTMENT, "Boston General", "Appointment", NOW).decode()
    second = calendar_of({**APPOINTMENT, "version": 3}, "Boston General", "Appointment", NOW).decode()
    uid = f"UID:{APPOINTMENT['id']}@careslot"
    assert uid in first and uid in second
    assert "SEQUENCE:2" in first and "SEQUENCE:3" in second
