"""One address for all services: what API Gateway is in AWS, on the laptop.

`/<service>/...` goes to that service with the prefix taken off. `POST /auth/token` signs in at the user pool, so that
a client needs no AWS SDK. Run as `python -m services.local.gateway`.
"""

import asyncio
import html
import json
import signal
from collections.abc import AsyncIterator
from http import HTTPStatus

import aiohttp
import uvloop
from aiohttp import web
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.contracts.catalogue import load_catalogue
from services.kernel.telemetry import configure_logging, logger
from services.local.forwarding import EVENT_STREAM, Forwarder, new_session, problem

BACKLOG = 4096
SIGN_IN_SECONDS = 10.0
STOP_SECONDS = 2.0
KEEP_ALIVE_SECONDS = 75.0
# What the services' own server takes; a shorter limit here would answer 400 where a service says 422.
LONGEST_LINE = 64 * 1024
COGNITO_JSON = "application/x-amz-json-1.1"
MAX_BODY_BYTES = 1024 * 1024

FORWARDERS = web.AppKey("forwarders", dict[str, Forwarder])
SESSION = web.AppKey("session", aiohttp.ClientSession)
STREAMS = web.AppKey("streams", set[asyncio.Task[object]])


class GatewaySettings(BaseSettings):
    """What the gateway is told by its environment (prefix ``CARESLOT_GATEWAY_``)."""

    model_config = SettingsConfigDict(env_prefix="CARESLOT_GATEWAY_", extra="ignore", frozen=True)

    port: int = Field(default=8080, ge=0, le=65535)
    host: str = "127.0.0.1"
    services: dict[str, str] = Field(description='JSON: {"booking": "http://127.0.0.1:8103", ...}')
    cognito: str = Field(description="endpoint of the user pool's API")
    answer_seconds: float = Field(default=20.0, gt=0, description="longest silence; above the services' own deadline")
    client_id: str = Field(description="app client people sign in through")


def create(settings: GatewaySettings) -> web.Application:
    """Return the application; its connections open and close with it."""
    app = web.Application(client_max_size=MAX_BODY_BYTES)

    async def connections(app: web.Application) -> AsyncIterator[None]:
        app[STREAMS] = set()
        async with new_session(settings.answer_seconds) as session:
            app[SESSION] = session
            app[FORWARDERS] = {name: Forwarder(name, base, session) for name, base in settings.services.items()}
            yield

    async def end_streams(app: web.Application) -> None:
        for stream in app[STREAMS]:
            stream.cancel()

    async def token(request: web.Request) -> web.Response:
        return await _token(request, settings)

    app.cleanup_ctx.append(connections)
    app.on_shutdown.append(end_streams)
    app.router.add_get("/", _index)
    app.router.add_get("/livez", _live)
    app.router.add_get("/readyz", _ready)
    app.router.add_post("/auth/token", token)
    # Also a path with a newline in it: the service says what it thinks of that, not the router.
    app.router.add_route("*", r"/{tail:[\s\S]*}", _forward)
    return app


async def _forward(request: web.Request) -> web.StreamResponse:
    path, question, query = request.raw_path.partition("?")
    service, _, rest = path.removeprefix("/").partition("/")
    forwarder = request.app[FORWARDERS].get(service)
    if forwarder is None:
        known = ", ".join(f"/{name}/" for name in request.app[FORWARDERS])
        return problem(HTTPStatus.NOT_FOUND, "no-such-service", f"No service answers here; there are {known}")
    if EVENT_STREAM in request.headers.get("Accept", ""):
        task = asyncio.current_task()
        assert task is not None
        request.app[STREAMS].add(task)
        task.add_done_callback(request.app[STREAMS].discard)
    return await forwarder(request, f"/{rest}{question}{query}")


async def _token(request: web.Request, settings: GatewaySettings) -> web.Response:
    """Exchange name and password for tokens (Cognito InitiateAuth, USER_PASSWORD_AUTH)."""
    try:
        asked = await request.json()
        username, password = asked["username"], asked["password"]
        if not (isinstance(username, str) and isinstance(password, str)):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", 'Send JSON: {"username": "...", "password": "..."}.')
    wanted = {
        "AuthFlow": "USER_PASSWORD_AUTH",
        "ClientId": settings.client_id,
        "AuthParameters": {"USERNAME": username, "PASSWORD": password},
    }
    headers = {"X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth", "Content-Type": COGNITO_JSON}
    try:
        async with (
            asyncio.timeout(SIGN_IN_SECONDS),
            request.app[SESSION].post(settings.cognito, data=json.dumps(wanted), headers=headers) as answer,
        ):
            told = json.loads(await answer.read())
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Sign-in does not answer; try again shortly.", 2)
    if status != HTTPStatus.OK or "AuthenticationResult" not in told:
        # One answer for a wrong name and a wrong password: who has an account is nobody's business.
        return problem(HTTPStatus.UNAUTHORIZED, "sign-in-refused", "The name or the password is wrong.")
    result = told["AuthenticationResult"]
    tokens = {
        "id_token": result["IdToken"],
        "access_token": result["AccessToken"],
        "token_type": "Bearer",
        "expires_in": result["ExpiresIn"],
    }
    return web.json_response(tokens, headers={"Cache-Control": "no-store"})


async def _live(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _ready(request: web.Request) -> web.Response:
    """Say of every service whether it is ready; 503 when one is not."""
    session, forwarders = request.app[SESSION], request.app[FORWARDERS]

    async def asked(forwarder: Forwarder) -> str:
        try:
            async with asyncio.timeout(3), session.get(f"{forwarder.base}/readyz") as answer:
                return str(json.loads(await answer.read())["status"])
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
            return "unavailable"

    states = dict(zip(forwarders, await asyncio.gather(*map(asked, forwarders.values())), strict=True))
    down = "unavailable" in states.values()
    return web.json_response(
        {"status": "unavailable" if down else "ok", "services": states}, status=503 if down else 200
    )


async def _index(request: web.Request) -> web.Response:
    catalogue = load_catalogue()
    entries = [
        {
            "name": name,
            "address": f"/{name}/",
            "openapi": f"/{name}/openapi.json",
            "ready": f"/{name}/readyz",
            "summary": catalogue[name].summary if name in catalogue else "",
        }
        for name in request.app[FORWARDERS]
    ]
    if "text/html" not in request.headers.get("Accept", ""):
        return web.json_response({"services": entries, "sign_in": "POST /auth/token"})
    rows = "".join(_ROW.format(**{key: html.escape(value) for key, value in entry.items()}) for entry in entries)
    return web.Response(text=_PAGE.replace("ROWS", rows), content_type="text/html")


_ROW = (
    "<tr><th scope=row>{name}</th><td>{summary}</td>"
    "<td><a href='{openapi}'>contract</a></td><td><a href='{ready}'>ready?</a></td></tr>"
)
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Careslot</title>
<meta name="viewport" content="width=device-width">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ccc}</style>
<h1>Careslot</h1><p>The services of this platform. Sign in with <code>POST /auth/token</code>
<code>{"username": "...", "password": "..."}</code> and send the <code>id_token</code> as a bearer token.</p>
<table>ROWS</table></html>"""


async def serve(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    runner = web.AppRunner(
        create(settings), access_log=None, shutdown_timeout=STOP_SECONDS, keepalive_timeout=KEEP_ALIVE_SECONDS,
        max_line_size=LONGEST_LINE, max_field_size=LONGEST_LINE,
    )  # fmt: skip
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port, backlog=BACKLOG, reuse_address=True).start()
        logger().info("started", port=settings.port)
        await ended.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Serve with what the environment says."""
    configure_logging("gateway")
    uvloop.run(serve(GatewaySettings()))


if __name__ == "__main__":
    main()
