"""`careslot verify compatibility` and `careslot compatibility`: may this version run beside the released one?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelines.compatibility import events, migrations, openapi, released_code
from pipelines.compatibility.released import ROOT, Released, checkout, released
from pipelines.findings import Finding
from services.kernel.errors import Unavailable

Found = list[Finding]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("compatibility")(compatibility)


def compatibility(
    base: Annotated[
        str | None, typer.Option(help="A commit to be compatible with; the last tag release/* if not said.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
    without_code: Annotated[
        bool, typer.Option("--without-code", help="Do not run the released code on the new schema.")
    ] = False,
) -> None:
    """Compare migrations, events and API documents with the released version; exit 1 when a canary would break."""
    told = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    before = released(base=base)
    told.print(f"compared with {before.commit[:12]} ({before.why})")
    found = compare(before, told, run_code=not without_code)
    if as_json:
        document = {"released": before.commit, "why": before.why, "findings": [one.as_dict() for one in found]}
        json.dump(document, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        for one in found:
            typer.echo(str(one))
        typer.echo(f"{len(found)} findings" if found else "compatible")
    if found:
        raise typer.Exit(1)


def check() -> Found:
    """Do the same for `careslot verify`."""
    told = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    try:
        before = released()
    except Unavailable as fault:
        return [Finding(".", "", fault.detail, "git fetch --unshallow --tags")]
    told.print(f"compared with {before.commit[:12]} ({before.why})")
    return compare(before, told)


def compare(before: Released, told: Console, *, root: Path = ROOT, run_code: bool = True) -> Found:
    """Return what keeps this checkout from running beside the released version."""
    folder = checkout(before.commit, root)
    old, new = _released_texts(folder), released_code.texts(root)
    found = migrations.judge(old, new)
    told.print(f"migrations: {len(new.keys() - old.keys())} came")
    found += events.compare(events.events_of(folder), events.events_of(root))
    found += openapi.compare(openapi.documents(folder / openapi.FOLDER), openapi.documents(root / openapi.FOLDER))
    told.print("events and API documents: compared")
    services = released_code.changed(old, new)
    if not services:
        told.print("released code: every released service has its own schema, nothing to run")
    elif run_code:
        told.print(f"released code: running the released tests of {', '.join(services)} on the new schema")
        found += released_code.run(folder, new, services)
    return found


def _released_texts(folder: Path) -> dict[str, str]:
    """Return the released migrations; kept apart, because the folder's own give way to this version's."""
    kept = folder.with_name(f"{folder.name}.migrations.json")
    if not kept.exists():
        kept.write_text(json.dumps(released_code.texts(folder)), "utf-8")
    texts: dict[str, str] = json.loads(kept.read_text("utf-8"))
    return texts
