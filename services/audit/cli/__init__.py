"""The audit trail's verbs of the command `careslot`: prove that nothing was changed, or say what was.

They read the audit database and the anchors directly: a service that was tampered with must not vouch for itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import time
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from services.audit.domain.chain import ChainKey
    from services.audit.usecases.verify import Verdict

DATABASE = "CARESLOT_DATABASE_URL"
QUEUE = "audit-entries"

verbs = typer.Typer(help="Verify the audit trail.", no_args_is_help=True)
# Without a callback, Typer would fold a group with one verb into the verb.
verbs.callback()(lambda: None)


@verbs.command()
def verify(
    service: Annotated[str, typer.Option(help="only the chains of this service")] = "",
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="only the chains of this UTC day of arrival")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the verdict as JSON")] = False,
) -> None:
    """Compute every chain anew and compare it with its head, the inbox and the anchors; exit 1 if anything is wrong."""
    from services.contracts.catalogue import load_catalogue

    if service and service not in load_catalogue():
        raise typer.BadParameter(f"there are: {', '.join(load_catalogue())}", param_hint="--service")
    load_environment()
    started = time.monotonic()
    verdict = asyncio.run(_verify(service, day.date() if day else None))
    _tell(verdict, time.monotonic() - started, as_json=as_json)
    if verdict.findings:
        raise typer.Exit(1)


def load_environment() -> None:
    """Take the database and the storage from the environment, else from the platform on this machine.

    Raise Unavailable when neither names a database.
    """
    from services.kernel.errors import Unavailable

    if os.environ.get(DATABASE):
        return
    file = Path(os.environ.get("CARESLOT_HOME") or ".careslot") / "env" / "audit.env"
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition("=")
        os.environ[name.strip()] = "".join(shlex.split(value))
    if not os.environ.get(DATABASE):
        raise Unavailable(f"Neither {DATABASE} nor {file} names a database: start the platform first (careslot up).")


async def _verify(service: str, day: date | None) -> Verdict:
    import asyncpg
    import boto3
    from rich.console import Console

    from services.audit.adapters.postgres_reader import begin_reading
    from services.audit.adapters.s3 import S3AnchorStorage
    from services.audit.settings import Settings
    from services.audit.usecases.verify import VerifyTrail
    from services.kernel.database import Database
    from services.kernel.errors import Unavailable
    from services.kernel.runtime import AWS

    bucket = os.environ.get("CARESLOT_ANCHOR_BUCKET") or str(Settings.model_fields["anchor_bucket"].default)
    storage = S3AnchorStorage(boto3.client("s3", config=AWS), bucket)
    database = Database(os.environ[DATABASE], application="careslot audit", max_size=1, statement_seconds=300)
    console = Console(stderr=True)
    try:
        await database.open()
        with console.status("reading the anchors") as status:

            def progress(key: ChainKey, entries: int) -> None:
                status.update(f"{key}: {entries:,} entries so far")

            return await VerifyTrail(begin_reading(database, QUEUE), storage).run(service, day, progress)
    except asyncpg.UndefinedTableError:
        raise Unavailable("The database has no audit trail in it yet: start the platform once (careslot up).") from None
    except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError):
        raise Unavailable(f"{DATABASE} names a database that cannot be opened.") from None
    finally:
        await database.close()


def _tell(verdict: Verdict, seconds: float, *, as_json: bool) -> None:
    counts = {"chains": verdict.chains, "entries": verdict.entries, "anchors": verdict.anchors}
    if as_json:
        findings = [
            {**asdict(f), "day": f.day and f.day.isoformat(), "entry_id": f.entry_id and str(f.entry_id)}
            for f in verdict.findings
        ]
        at = datetime.now(UTC).isoformat(timespec="seconds")
        told = {"sound": not findings, "at": at, **counts, "findings": findings, "seconds": round(seconds, 2)}
        typer.echo(json.dumps(told, indent=2))
        return
    for finding in verdict.findings:
        typer.echo(str(finding))
    looked_at = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    outcome = f"{len(verdict.findings)} findings" if verdict.findings else "whole and unchanged"
    typer.echo(f"audit trail: {outcome} ({looked_at}; {seconds:.1f} s)")
