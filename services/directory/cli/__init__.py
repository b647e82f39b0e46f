"""The directory's verbs of the command `careslot`: real hospitals come in as the file CMS publishes.

It works on the directory's own database, in the operator's name; the events wait in the outbox for the directory's
process to send them.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import shlex
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.directory.cli.fhir import import_fhir

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.directory.usecases.bulk import Tally
    from services.directory.usecases.facility_import import Parsed
    from services.kernel.database import Database

DEFAULT_REJECTS = Path("facilities-rejected.csv")
DATABASE = "CARESLOT_DATABASE_URL"


def register(app: typer.Typer) -> None:
    """Add the directory's verbs to the command."""
    imports = typer.Typer(help="Bring in data that others publish.", no_args_is_help=True)
    imports.command("facilities")(import_facilities)
    imports.command("fhir")(import_fhir)
    app.add_typer(imports, name="import")


def import_facilities(
    file: Annotated[
        Path,
        typer.Argument(help="CMS Hospital General Information, as CSV", exists=True, dir_okay=False, readable=True),
    ],
    reject: Annotated[
        Path | None, typer.Option(help=f"where rows that cannot land are written [default: {DEFAULT_REJECTS}]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the outcome as JSON")] = False,
) -> None:
    """Import hospitals from CMS Hospital General Information; importing again changes nothing."""
    from services.directory.adapters.csv_file import read_text, rows
    from services.directory.adapters.zip_codes import BundledZipCodes
    from services.directory.usecases.facility_import import parse
    from services.kernel.errors import Invalid

    started = time.monotonic()
    target = reject or DEFAULT_REJECTS
    if target.exists() and target.samefile(file):
        raise typer.BadParameter("would overwrite the file to import", param_hint="--reject")
    try:
        parsed = parse(rows(read_text(file)), BundledZipCodes())
    except Invalid as fault:
        raise typer.BadParameter(fault.detail, param_hint="FILE") from None
    url = database_url()
    if parsed.rejected or reject:
        _write_rejects(target, parsed)
    tally = asyncio.run(_land(url, parsed))
    _tell(parsed, tally, target, time.monotonic() - started, as_json=as_json)
    if parsed.rejected and not parsed.facilities:
        raise typer.Exit(1)


def database_url() -> str:
    """Return the directory's database: of the environment, else of the platform on this machine."""
    from services.kernel.errors import Unavailable

    if url := os.environ.get(DATABASE):
        return url
    file = Path(os.environ.get("CARESLOT_HOME") or ".careslot") / "env" / "directory.env"
    try:
        for line in file.read_text("utf-8").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == DATABASE:
                return "".join(shlex.split(value))
    except OSError:
        pass
    raise Unavailable(f"Neither {DATABASE} nor {file} names a database: start the platform first (careslot up).")


async def _land(url: str, parsed: Parsed) -> Tally:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from services.directory.adapters.postgres import unit_of_work
    from services.directory.usecases.facility_import import land
    from services.kernel.clock import SystemClock

    console = Console(stderr=True)
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with opened(url) as database:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task("facilities", total=len(parsed.facilities))
            return await land(
                unit_of_work(database), parsed.facilities, SystemClock(), lambda count: progress.advance(bar, count)
            )


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """Lend the directory's database; raise Unavailable in words an operator can act on."""
    import asyncpg

    from services.kernel.database import Database
    from services.kernel.errors import Unavailable

    database = Database(url, application="careslot import", max_size=1, statement_seconds=60)
    try:
        await database.open()
        yield database
    except asyncpg.UndefinedTableError:
        raise Unavailable("The database has no directory in it yet: start the platform once (careslot up).") from None
    except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError, ValueError):
        raise Unavailable(f"{DATABASE} names a database that cannot be opened.") from None
    finally:
        await database.close()


def _write_rejects(target: Path, parsed: Parsed) -> None:
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("line", "reason", *parsed.header))
        writer.writerows((row.line, row.reason, *row.values) for row in parsed.rejected)


def _tell(parsed: Parsed, tally: Tally, target: Path, seconds: float, *, as_json: bool) -> None:
    from services.directory.domain.cms import MENDINGS

    counts = {
        "read": parsed.read,
        "added": tally.added,
        "changed": tally.changed,
        "unchanged": tally.unchanged,
        "rejected": len(parsed.rejected),
    }
    if as_json:
        rejects = str(target) if parsed.rejected else None
        outcome = {**counts, "mended": dict(parsed.mended), "rejects": rejects, "seconds": round(seconds, 2)}
        typer.echo(json.dumps(outcome, indent=2))
        return
    typer.echo(f"facilities: {', '.join(f'{count} {name}' for name, count in counts.items())} ({seconds:.1f} s)")
    for key, words in MENDINGS.items():
        if count := parsed.mended[key]:
            typer.echo(f"  {count} {words}")
    for row in parsed.rejected[:5]:
        typer.echo(f"  line {row.line}: {row.reason}")
    if parsed.rejected:
        typer.echo(f"  rejected rows with their reasons: {target}")
