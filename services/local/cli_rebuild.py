"""The verb `careslot rebuild`: a service's copies of others' records made anew from their owners, or only compared."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.local.state import DEFAULT_FOLDER, Layout, PlatformState, running_platform

if TYPE_CHECKING:
    from services.local.rebuilding import Rebuilt

Folder = Annotated[Path, typer.Option("--folder", envvar="CARESLOT_HOME", help="The platform's folder.")]
SHOWN = 20


def rebuild(
    service: Annotated[str, typer.Argument(help="audit, availability, booking, notifications or waitlist.")],
    check: Annotated[bool, typer.Option("--check", help="Compare only; exits 1 when something differs.")] = False,
    folder: Folder = DEFAULT_FOLDER,
    machine: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Rebuild a service's projections from what their owners say, while it goes on; exits 1 if they then differ.

    Rows are made anew beside those in use and put in their place in one step. What an event changed meanwhile stays.
    """
    from services.local.rebuilding import REBUILDS

    if service not in REBUILDS:
        raise typer.BadParameter(f"has no projections; these have: {', '.join(REBUILDS)}", param_hint="SERVICE")
    done = asyncio.run(_run(running_platform(folder), folder, service, check=check))
    if machine:
        typer.echo(json.dumps(_told(service, done), indent=2))
    else:
        _print(service, done)
    if not done.equal:
        raise typer.Exit(1)


async def _run(state: PlatformState, folder: Path, service: str, *, check: bool) -> Rebuilt:
    import httpx
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from services.kernel.database import Database
    from services.local.environment import read_environment
    from services.local.rebuilding import REBUILDS, Owners, run

    token = await _token(read_environment(Layout(folder).environment("rebuild")))
    url = read_environment(Layout(folder).environment(service)).get("CARESLOT_DATABASE_URL", "")
    database = Database(url, application="careslot rebuild", max_size=1, statement_seconds=120)
    await database.open()
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:.0f}"), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            bars = {}

            def told(source: str, count: int) -> None:
                if source not in bars:
                    bars[source] = progress.add_task(source, total=None)
                progress.advance(bars[source], count)

            headers = {"authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=state.gateway, headers=headers, timeout=30.0) as http:
                return await run(database, REBUILDS[service], Owners(http), told, check=check)
    finally:
        await database.close()


async def _token(client: dict[str, str]) -> str:
    """Return an access token by the client-credentials grant (RFC 6749 section 4.4)."""
    import httpx

    from services.kernel.errors import Unavailable

    form = {"grant_type": "client_credentials", "scope": "careslot/changes.read"}
    auth = httpx.BasicAuth(client["CARESLOT_CLIENT_ID"], client["CARESLOT_CLIENT_SECRET"])
    try:
        async with httpx.AsyncClient(timeout=10.0) as http:
            answer = await http.post(client["CARESLOT_TOKEN_URL"], data=form, auth=auth)
            return str(answer.raise_for_status().json()["access_token"])
    except httpx.HTTPError as fault:
        raise Unavailable(f"The identity provider gives no token ({type(fault).__name__}).") from None


def _told(service: str, done: Rebuilt) -> dict[str, object]:
    def listed(found: object) -> object:
        assert isinstance(found, dict)
        return {table: [[one.what, *one.key] for one in rows] for table, rows in found.items()}

    left = None if done.left is None else listed(done.left)
    return {"service": service, "read": done.read, "equal": done.equal, "found": listed(done.found), "left": left}


def _print(service: str, done: Rebuilt) -> None:
    typer.echo(f"{service}: {done.read} records and changes read from their owners")
    for table, rows in done.found.items():
        kinds = ", ".join(
            f"{count} {what}"
            for what in ("missing", "extra", "differs")
            if (count := sum(one.what == what for one in rows))
        )
        typer.echo(f"  {table:16} {kinds or 'equal'}")
        for one in rows[:SHOWN]:
            typer.echo(f"    {one.what} {' '.join(one.key)}")
        if len(rows) > SHOWN:
            typer.echo(f"    and {len(rows) - SHOWN} more; --json lists all")
    if done.left is not None:
        typer.echo("rebuilt: equal to what the owners say" if done.equal else "rebuilt, and something differs still")
