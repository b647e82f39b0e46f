"""Sign-in at the Cognito user pool (InitiateAuth). The token is checked before anything in it is believed."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from services.kernel.clock import Clock
from services.kernel.errors import Unauthenticated, Unavailable
from services.kernel.http import Verifier
from services.portal.ports import SignedIn

_REFUSALS = frozenset({
    "NotAuthorizedException", "UserNotFoundException", "UserNotConfirmedException", "PasswordResetRequiredException",
    "InvalidParameterException",
})  # fmt: skip


class Cognito(Protocol):
    """The one call of boto3's client that is needed."""

    def initiate_auth(self, *, ClientId: str, AuthFlow: Any, AuthParameters: Mapping[str, str]) -> Any:
        """Return Cognito's answer."""
        ...


class UserPool:
    """Exchanges names and passwords, and refresh tokens, for verified ID tokens."""

    def __init__(self, cognito: Cognito, client_id: str, verifier: Verifier, clock: Clock) -> None:
        self._cognito = cognito
        self._client_id = client_id
        self._verifier = verifier
        self._clock = clock

    async def sign_in(self, username: str, password: str) -> SignedIn:
        """Check name and password; one refusal for both, because who has an account is nobody's business."""
        return await self._initiate("USER_PASSWORD_AUTH", {"USERNAME": username, "PASSWORD": password})

    async def renew(self, renewal: str) -> SignedIn:
        """Return a fresh token for a refresh token; Cognito gives no new refresh token then."""
        return await self._initiate("REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": renewal})

    async def _initiate(self, flow: str, parameters: Mapping[str, str]) -> SignedIn:
        try:
            answer = await asyncio.to_thread(
                self._cognito.initiate_auth, ClientId=self._client_id, AuthFlow=flow, AuthParameters=parameters
            )
            result = answer["AuthenticationResult"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _REFUSALS:
                raise Unauthenticated("The name or the password is wrong.", slug="sign-in-refused") from None
            raise _out() from error
        except BotoCoreError as error:
            raise _out() from error
        except KeyError:
            # A challenge (new password, second factor) that these pages do not speak yet.
            raise Unauthenticated("This account needs a further step.", slug="sign-in-challenge") from None
        actor = await self._verifier.verify(result["IdToken"])
        return SignedIn(result["IdToken"], actor, self._ends(result["ExpiresIn"]), result.get("RefreshToken", ""))

    def _ends(self, seconds: int) -> datetime:
        return self._clock.now() + timedelta(seconds=seconds)


def _out() -> Unavailable:
    return Unavailable("Sign-in does not answer.", retry_after=3, extra={"service": "sign-in"})
