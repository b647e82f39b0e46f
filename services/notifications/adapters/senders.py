"""SES for e-mail and SNS for texts, over boto3 in threads.

Each request is made exactly once: neither SendEmail nor Publish to a phone number takes an idempotency token, so
botocore's own retry after a lost answer would send twice. What an error means for the message is decided here.
"""

import asyncio
from collections.abc import Callable
from email.utils import formataddr
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ProxyConnectionError,
    SSLError,
)

from services.contracts.topology import MAIL_CONFIGURATION_SET
from services.notifications.domain.feedback import TAG
from services.notifications.domain.messages import Composed
from services.notifications.ports import NotTaken, OutcomeUnknown, Refused

if TYPE_CHECKING:
    from types_boto3_ses.client import SESClient
    from types_boto3_sns.client import SNSClient

T = TypeVar("T")
ONCE = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1, "mode": "standard"})
# The connection was never made, or nothing to sign with: the provider has seen nothing.
_NEVER_LEFT = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ProxyConnectionError, SSLError)
_LATER = frozenset(
    {
        "Throttling", "ThrottlingException", "Throttled", "TooManyRequestsException", "RequestLimitExceeded",
        "ServiceUnavailable", "ServiceUnavailableException", "SlowDown", "AccountSendingPausedException",
        "ConfigurationSetSendingPausedException", "ExpiredToken", "RequestExpired",
    }
)  # fmt: skip


class SesSender:
    """E-mail by Amazon SES; ``source`` must be a verified identity, ``organization`` is what people read."""

    def __init__(self, client: "SESClient", source: str, organization: str) -> None:
        self._client = client
        self._source = formataddr((organization, source))

    async def send(self, to: str, composed: Composed, message_id: UUID) -> str:
        """Send plain text; by its configuration set a bounce is told, by the tag it is matched without an address."""
        answer = await _once(
            lambda: self._client.send_email(
                Source=self._source,
                Destination={"ToAddresses": [to]},
                Message={
                    "Subject": {"Data": composed.subject, "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": composed.body, "Charset": "UTF-8"}},
                },
                Tags=[{"Name": TAG, "Value": str(message_id)}],
                ConfigurationSetName=MAIL_CONFIGURATION_SET,
            )
        )
        return answer["MessageId"]


class SnsSender:
    """Texts by Amazon SNS, as transactional ones: reliability before cost."""

    def __init__(self, client: "SNSClient") -> None:
        self._client = client

    async def send(self, to: str, composed: Composed, message_id: UUID) -> str:
        """Send a text to an E.164 number."""
        answer = await _once(
            lambda: self._client.publish(
                PhoneNumber=to,
                Message=composed.body,
                MessageAttributes={"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}},
            )
        )
        return answer["MessageId"]


async def _once(call: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(call)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _LATER or status in {429, 503}:
            raise NotTaken(code) from error
        if status >= 500:
            raise OutcomeUnknown(code) from error
        # The code only: the provider's text repeats the address.
        raise Refused(f"provider:{code}"[:80]) from error
    except _NEVER_LEFT as error:
        raise NotTaken(type(error).__name__) from error
    except HTTPClientError as error:
        raise OutcomeUnknown(type(error).__name__) from error
    except BotoCoreError as error:
        raise Refused(f"request:{type(error).__name__}") from error
