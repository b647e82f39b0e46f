"""What the routes of a running waitlist service work with, and the parameters they share."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from services.kernel.aliases import Aliases
from services.kernel.errors import CareslotError
from services.waitlist.usecases.answering import Answers
from services.waitlist.usecases.joining import WaitingList


@dataclass(frozen=True, slots=True)
class Waitlist:
    """The use cases; put on ``app.state.waitlist`` when the service starts."""

    list: WaitingList
    answers: Answers
    aliases: Aliases


class IdempotencyKeyMissing(CareslotError):
    """A command came without a key, so that its repetition could not be told from a second command."""

    status = 400
    title = "A header is missing"
    slug = "idempotency-key-missing"


async def _idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key", pattern=r"^[\x21-\x7e]{1,255}$",
            description="Required. A new value for each intent; the same value when repeating it.",
        ),
    ] = None,
) -> str:  # fmt: skip
    if key is None:
        raise IdempotencyKeyMissing("Send 'Idempotency-Key' with a new value, and the same value when you repeat.")
    return key


async def _waitlist(request: Request) -> Waitlist:
    parts: Waitlist = request.app.state.waitlist
    return parts


async def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")


IdempotencyKey = Annotated[str, Depends(_idempotency_key)]
WaitlistDep = Annotated[Waitlist, Depends(_waitlist)]
Authorization = Annotated[str, Depends(_authorization)]
