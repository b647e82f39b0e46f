"""A service's own token is fetched once and again before it runs out."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs

import httpx
import pytest

from services.kernel.credentials import ServiceToken

URL = "http://pool/token"


@pytest.mark.parametrize(("seconds", "fetched"), [(900, 1), (60, 2)])
async def test_kept_while_it_lasts_another_minute(seconds: int, fetched: int) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"access_token": f"t{len(asked)}", "expires_in": seconds})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        token = ServiceToken(http, URL, "id", "secret", "careslot/slots.read")
        assert [await token(), await token()] == ["t1", f"t{fetched}"]
    assert len(asked) == fetched
    form = parse_qs(asked[0].content.decode())
    assert form == {"grant_type": ["client_credentials"], "scope": ["careslot/slots.read"]}
    assert base64.b64decode(asked[0].headers["authorization"].split()[1]) == b"id:secret"


async def test_a_refusal_is_raised_and_nothing_is_kept() -> None:
    answers = [httpx.Response(401), httpx.Response(200, json={"access_token": "t"})]
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answers.pop(0))) as http:
        token = ServiceToken(http, URL, "id", "secret", "s")
        with pytest.raises(httpx.HTTPStatusError):
            await token()
        assert await token() == "t"
