"""Sign-in at the Cognito user pool (InitiateAuth, RespondToAuthChallenge), second factors and new passwords included.

The token is checked before anything in it is believed.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, get_args

from botocore.exceptions import BotoCoreError, ClientError

from services.kernel.clock import Clock
from services.kernel.errors import CareslotError, Invalid, Unauthenticated, Unavailable
from services.kernel.http import Verifier
from services.portal.ports import Challenge, SignedIn, Step

# What Cognito calls the answer of each step.
_ANSWERS: Mapping[Step, str] = {
    "SOFTWARE_TOKEN_MFA": "SOFTWARE_TOKEN_MFA_CODE", "SMS_MFA": "SMS_MFA_CODE", "NEW_PASSWORD_REQUIRED": "NEW_PASSWORD",
}  # fmt: skip
_REFUSALS = frozenset({
    "NotAuthorizedException", "UserNotFoundException", "UserNotConfirmedException", "PasswordResetRequiredException",
    "InvalidParameterException",
})  # fmt: skip
_WRONG_CODE = frozenset({"CodeMismatchException", "ExpiredCodeException"})
_WRONG_PASSWORD = frozenset({"InvalidPasswordException", "PasswordHistoryPolicyViolationException"})


class Cognito(Protocol):
    """The two calls of boto3's client that are needed."""

    def initiate_auth(self, *, ClientId: str, AuthFlow: Any, AuthParameters: Mapping[str, str]) -> Any:
        """Return Cognito's answer."""
        ...

    def respond_to_auth_challenge(
        self, *, ClientId: str, ChallengeName: Any, Session: str, ChallengeResponses: Mapping[str, str]
    ) -> Any:
        """Return Cognito's answer."""
        ...


class UserPool:
    """Exchanges names, passwords, codes and refresh tokens for verified ID tokens."""

    def __init__(self, cognito: Cognito, client_id: str, verifier: Verifier, clock: Clock) -> None:
        self._cognito = cognito
        self._client_id = client_id
        self._verifier = verifier
        self._clock = clock

    async def sign_in(self, username: str, password: str) -> SignedIn | Challenge:
        """Check name and password; one refusal for both, because who has an account is nobody's business."""
        return await self._outcome(await self._initiate("USER_PASSWORD_AUTH", USERNAME=username, PASSWORD=password))

    async def answer(self, challenge: Challenge, answer: str) -> SignedIn | Challenge:
        """Answer a challenge with a code or a new password."""
        responses = {"USERNAME": challenge.username, _ANSWERS[challenge.step]: answer}
        told = await _asked(
            lambda: self._cognito.respond_to_auth_challenge(
                ClientId=self._client_id, ChallengeName=challenge.step, Session=challenge.ticket,
                ChallengeResponses=responses,
            ),
            _refused_answer,
        )  # fmt: skip
        return await self._outcome(told)

    async def renew(self, renewal: str) -> SignedIn:
        """Return a fresh token for a refresh token; Cognito gives no new refresh token then, and asks no more."""
        outcome = await self._outcome(await self._initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=renewal))
        if isinstance(outcome, Challenge):
            raise Unauthenticated("Sign in again.", slug="sign-in-challenge")
        return outcome

    async def _initiate(self, flow: str, **parameters: str) -> Any:
        return await _asked(
            lambda: self._cognito.initiate_auth(ClientId=self._client_id, AuthFlow=flow, AuthParameters=parameters),
            _refused_sign_in,
        )

    async def _outcome(self, told: Any) -> SignedIn | Challenge:
        if "ChallengeName" in told:
            step, parameters = told["ChallengeName"], told.get("ChallengeParameters", {})
            if step not in get_args(Step):
                raise Unauthenticated("This account needs a step that is not known here.", slug="sign-in-challenge")
            hint = parameters.get("CODE_DELIVERY_DESTINATION", "")
            return Challenge(step, parameters["USER_ID_FOR_SRP"], told["Session"], hint)
        result = told["AuthenticationResult"]
        actor = await self._verifier.verify(result["IdToken"])
        return SignedIn(result["IdToken"], actor, self._ends(result["ExpiresIn"]), result.get("RefreshToken", ""))

    def _ends(self, seconds: int) -> datetime:
        return self._clock.now() + timedelta(seconds=seconds)


async def _asked(call: Callable[[], Any], refused: Callable[[str], CareslotError | None]) -> Any:
    try:
        return await asyncio.to_thread(call)
    except ClientError as error:
        if refusal := refused(str(error.response.get("Error", {}).get("Code"))):
            raise refusal from None
        raise _out() from error
    except BotoCoreError as error:
        raise _out() from error


def _refused_sign_in(code: str) -> CareslotError | None:
    told = "The name or the password is wrong."
    return Unauthenticated(told, slug="sign-in-refused") if code in _REFUSALS else None


def _refused_answer(code: str) -> CareslotError | None:
    if code in _WRONG_CODE:
        return Unauthenticated("The code is wrong.", slug="code-refused")
    if code in _WRONG_PASSWORD:
        return Invalid("The password is not taken.", slug="password-refused")
    return Unauthenticated("It took too long.", slug="challenge-ended") if code in _REFUSALS else None


def _out() -> Unavailable:
    return Unavailable("Sign-in does not answer.", retry_after=3, extra={"service": "sign-in"})
