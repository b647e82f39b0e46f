"""The verb `careslot import fhir`: patients, practitioners and places come in as FHIR servers export them in bulk."""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from services.directory.adapters.ndjson import NdjsonFolder
    from services.directory.ports import Store, UnitOfWork
    from services.directory.usecases.fhir_outcome import Outcome

    Runs = Callable[[UnitOfWork], Awaitable[Outcome]]

DEFAULT_REJECTS = Path("fhir-rejected.ndjson")
COLUMNS = ("read", "added", "changed", "unchanged", "merged", "rejected")


def import_fhir(
    folder: Annotated[Path, typer.Argument(help="folder of FHIR R4 bulk data: *.ndjson, also .gz and .xz")],
    reject: Annotated[
        Path | None, typer.Option(help=f"where lines that cannot land are written [default: {DEFAULT_REJECTS}]")
    ] = None,
    register_at: Annotated[
        str, typer.Option(help="facility of patients that name none [default: the nearest to their ZIP code]")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="tell what would happen and change nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the outcome as JSON")] = False,
) -> None:
    """Import Organization, Location, Practitioner, PractitionerRole and Patient; importing again changes nothing.

    Race, ethnicity, social security numbers and whatever else scheduling does not need is never read. An import that
    was stopped is finished by running it again.
    """
    from services.directory.adapters.ndjson import open_folder
    from services.directory.cli import database_url
    from services.kernel.errors import Conflict, Invalid

    started = time.monotonic()
    target = reject or DEFAULT_REJECTS
    try:
        source = open_folder(folder)
    except Invalid as fault:
        raise typer.BadParameter(fault.detail, param_hint="FOLDER") from None
    if any(target.exists() and target.samefile(file) for file in source.files):
        raise typer.BadParameter("would overwrite a file to import", param_hint="--reject")
    try:
        outcome = asyncio.run(_land(database_url(), source, register_at, dry_run=dry_run))
    except Invalid as fault:
        raise typer.BadParameter(fault.detail, param_hint="--register-at") from None
    except Conflict as fault:
        typer.echo(fault.detail, err=True)
        raise typer.Exit(1) from None
    if outcome.rejected or reject:
        _write_rejects(target, outcome)
    _tell(outcome, source, target, time.monotonic() - started, dry_run=dry_run, as_json=as_json)
    if outcome.rejected and not outcome.landed:
        raise typer.Exit(1)


class _DryRun(Exception):
    """Leaves the transaction of a dry run, which undoes it."""


async def _land(url: str, source: NdjsonFolder, register_at: str, *, dry_run: bool) -> Outcome:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from services.directory.adapters.postgres import unit_of_work
    from services.directory.adapters.zip_codes import BundledZipCodes
    from services.directory.cli import opened
    from services.directory.usecases.fhir_import import FhirImport
    from services.kernel.clock import SystemClock

    console = Console(stderr=True)
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with opened(url) as database:
        begin = unit_of_work(database)
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task("resources", total=source.count() if console.is_terminal else None)

            async def run(work: UnitOfWork) -> Outcome:
                importing = FhirImport(
                    work, BundledZipCodes(), SystemClock(), lambda count: progress.advance(bar, count), register_at
                )
                return await importing.run(source)

            return await (_undone(begin, run) if dry_run else run(begin))


async def _undone(begin: UnitOfWork, run: Runs) -> Outcome:
    """Return what ``run`` comes to inside one transaction, which is rolled back."""
    outcome: Outcome | None = None
    try:
        async with begin() as store:

            @asynccontextmanager
            async def same() -> AsyncIterator[Store]:
                yield store

            outcome = await run(same)
            raise _DryRun
    except _DryRun:
        assert outcome is not None
        return outcome


def _write_rejects(target: Path, outcome: Outcome) -> None:
    # The lines hold PHI: nobody but the operator may read them.
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        for one in outcome.rejected:
            told = {
                "file": one.line.file, "line": one.line.number, "resource_type": one.resource_type,
                "resource_id": one.resource_id, "reason": one.reason, "text": one.line.text,
            }  # fmt: skip
            stream.write(f"{json.dumps(told, ensure_ascii=False)}\n")


def _tell(
    outcome: Outcome, source: NdjsonFolder, target: Path, seconds: float, *, dry_run: bool, as_json: bool
) -> None:
    from services.directory.domain.fhir_mapping import MENDINGS

    counts = {kind: {name: count[name] for name in COLUMNS} for kind, count in outcome.counts.items()}
    rejects = str(target) if outcome.rejected else None
    if as_json:
        told = {
            "dry_run": dry_run, "resources": counts, "mended": dict(outcome.mended), "ignored": list(source.ignored),
            "rejects": rejects, "seconds": round(seconds, 2),
        }  # fmt: skip
        typer.echo(json.dumps(told, indent=2))
        return
    for kind, count in counts.items():
        typer.echo(f"{kind:17} {', '.join(f'{number} {name}' for name, number in count.items() if number)}")
    for key, words in MENDINGS.items():
        if number := outcome.mended[key]:
            typer.echo(f"  {number} {words}")
    if source.ignored:
        typer.echo(f"  not taken, because scheduling does not need them: {', '.join(source.ignored)}")
    for one in outcome.rejected[:5]:
        typer.echo(f"  {one.line.file} line {one.line.number}: {one.reason}")
    if rejects:
        typer.echo(f"  {len(outcome.rejected)} rejected lines with their reasons (PHI: keep it private): {rejects}")
    typer.echo(f"{'nothing was changed (dry run)' if dry_run else 'done'} in {seconds:.1f} s")
