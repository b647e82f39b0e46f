"""`careslot functions`: build the zips that Lambda functions run from, where the estate's programs expect them.

Built once and promoted by hash: the environment's file names the hash, and the deploy uploads the zip that has it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infra.zips import FOLDER, zip_name
from services.contracts.topology import SCHEDULES, SUBSCRIPTIONS
from services.kernel.errors import Invalid
from services.local.lambda_zip import AWS_TARGET, ROOT, build


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("functions")(functions)


def with_functions() -> tuple[str, ...]:
    """Return the services that the topology gives Lambda functions."""
    fed = {s.service for s in SUBSCRIPTIONS if s.runs == "lambda"}
    return tuple(sorted(fed | {schedule.service for schedule in SCHEDULES}))


def functions(
    services: Annotated[
        list[str] | None, typer.Argument(help="Services; all that have functions if none is named.", metavar="SERVICE")
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder the zips are put into.", show_default=FOLDER)] = ROOT / FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print the hashes as JSON.")] = False,
) -> None:
    """Build services' Lambda functions for AWS and tell the SHA-256 that an environment's `functions.code` names."""
    known = with_functions()
    if unknown := sorted(set(services or ()) - set(known)):
        raise Invalid(f"{', '.join(unknown)}: no functions are declared for that; there are {', '.join(known)}")
    to.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True, highlight=False)
    hashes: dict[str, str] = {}
    for service in services or known:
        console.print(f"building {service} for {AWS_TARGET.name}")
        package = build(service, AWS_TARGET)
        hashes[service] = hashlib.sha256(package.read()).hexdigest()
        shutil.copyfile(package.path, to / zip_name(service, hashes[service]))
    if as_json:
        sys.stdout.write(json.dumps(hashes, indent=1, sort_keys=True) + "\n")
    else:
        for service, sha256 in hashes.items():
            sys.stdout.write(f"{service}: {sha256}\n")
