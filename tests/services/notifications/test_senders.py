"""What an answer of SES or SNS, or none, means for a message: said by botocore's own stub of the real clients."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from services.kernel.ids import new_id
from services.local.aws import Aws, declare_sender
from services.local.emulator import ACCOUNT, REGION
from services.notifications.adapters.senders import ONCE, SesSender, SnsSender
from services.notifications.domain.messages import Composed
from services.notifications.ports import NotTaken, OutcomeUnknown, Refused

if TYPE_CHECKING:
    from types_boto3_ses.client import SESClient

WORDS = Composed("Your appointment", "is on Monday, miércoles o sábado.\n")
SENDER = "appointments@careslot.example"


def client(url: str | None = None) -> SESClient:
    return boto3.client(
        "ses", region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key="x", config=ONCE, endpoint_url=url
    )


@pytest.fixture
def ses() -> Iterator[tuple[SesSender, Stubber]]:
    """Return a sender and the stub behind it."""
    behind = client()
    with Stubber(behind) as stub:
        yield SesSender(behind, SENDER, "Careslot Health"), stub


async def test_a_mail_says_who_writes_and_carries_a_tag_for_bounces(ses: tuple[SesSender, Stubber]) -> None:
    sender, stub = ses
    message_id = new_id()
    expected: dict[str, Any] = {
        "Source": f"Careslot Health <{SENDER}>",
        "Destination": {"ToAddresses": ["maria@example.org"]},
        "Message": {"Subject": ANY, "Body": {"Text": {"Data": WORDS.body, "Charset": "UTF-8"}}},
        "Tags": [{"Name": "message_id", "Value": str(message_id)}],
        "ConfigurationSetName": "careslot-mail",
    }
    stub.add_response("send_email", {"MessageId": "one"}, expected)
    assert await sender.send("maria@example.org", WORDS, message_id) == "one"


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("Throttling", 400, NotTaken),
        ("Anything", 429, NotTaken),
        ("ServiceUnavailable", 503, NotTaken),
        ("ExpiredToken", 403, NotTaken),
        ("InternalFailure", 500, OutcomeUnknown),
        ("MessageRejected", 400, Refused),
        ("InvalidParameterValue", 400, Refused),
    ],
)
async def test_an_error_answer_has_one_meaning(
    ses: tuple[SesSender, Stubber], code: str, status: int, meaning: type[Exception]
) -> None:
    sender, stub = ses
    stub.add_client_error("send_email", code, "to maria@example.org failed", status)
    with pytest.raises(meaning) as raised:
        await sender.send("maria@example.org", WORDS, new_id())
    assert "maria" not in str(raised.value), "the provider's text repeats the address"


async def test_no_server_has_seen_nothing() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(NotTaken):
        await SesSender(client(url), SENDER, "C").send("maria@example.org", WORDS, new_id())


async def test_a_lost_answer_is_unknown_and_the_request_is_made_once() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(20)
        asked = []

        def hang_up() -> None:
            while True:
                connection, _ = server.accept()
                asked.append(connection.recv(65536))
                connection.close()

        threading.Thread(target=lambda: _until_closed(hang_up), daemon=True).start()
        sender = SesSender(client(f"http://127.0.0.1:{server.getsockname()[1]}"), SENDER, "C")
        with pytest.raises(OutcomeUnknown):
            await sender.send("maria@example.org", WORDS, new_id())
        await asyncio.sleep(0.2)  # a second request would come within botocore's first backoff
    assert len(asked) == 1


def _until_closed(work: Any) -> None:
    try:
        work()
    except OSError:
        pass


async def test_a_request_that_cannot_be_made_is_refused() -> None:
    sender = SesSender(client(), SENDER, "Careslot Health")
    with pytest.raises(Refused, match="request:ParamValidationError"):
        await sender.send(None, WORDS, new_id())  # type: ignore[arg-type]  # what a bug would pass


async def test_mail_and_text_arrive_at_emulated_aws(aws: Aws) -> None:
    declare_sender(aws, SENDER)
    assert await SesSender(aws.ses, SENDER, "Careslot Health").send("maria@example.org", WORDS, new_id())
    assert await SnsSender(aws.sns).send("+16175550100", Composed("", "sabado"), new_id())
