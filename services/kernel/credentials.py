"""A service's own access token, for calls it makes as itself and not on behalf of a person."""

import time

import httpx

TIMEOUT_SECONDS = 3.0
RENEW_BEFORE_SECONDS = 60.0


class ServiceToken:
    """A token by the client-credentials grant (RFC 6749 section 4.4), kept until it runs out."""

    def __init__(self, http: httpx.AsyncClient, url: str, client_id: str, secret: str, scope: str) -> None:
        self._http = http
        self._url = url
        self._auth = httpx.BasicAuth(client_id, secret)
        self._scope = scope
        self._token = ""
        self._until = 0.0

    async def __call__(self) -> str:
        """Return a token that is valid for another minute at least."""
        if time.monotonic() >= self._until:
            form = {"grant_type": "client_credentials", "scope": self._scope}
            response = await self._http.post(self._url, data=form, auth=self._auth, timeout=TIMEOUT_SECONDS)
            content = response.raise_for_status().json()
            self._token = str(content["access_token"])
            self._until = time.monotonic() + float(content.get("expires_in", 300)) - RENEW_BEFORE_SECONDS
        return self._token
