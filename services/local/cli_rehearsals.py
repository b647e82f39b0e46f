"""The verbs that rehearse bad days on the running platform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from services.local.state import DEFAULT_FOLDER, running_platform

verbs = typer.Typer(help="Rehearse bad days on the running platform.", no_args_is_help=True)


@verbs.callback()
def _group() -> None:
    """Rehearse bad days on the running platform."""


@verbs.command("sick-day")
def sick_day(
    visits: Annotated[int, typer.Option(min=1, max=2000, help="Visits to book and then disrupt.")] = 500,
    unreachable: Annotated[int, typer.Option(min=0, max=100, help="Patients of each kind made hard to reach.")] = 10,
    accepting: Annotated[int, typer.Option(min=0, max=2000, help="Patients who take another time.")] = 100,
    patience: Annotated[float, typer.Option(min=1, max=3600, help="Seconds to wait for the last message.")] = 300.0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the leaves as recorded, to look around.")] = False,
    folder: Annotated[
        Path, typer.Option("--folder", envvar="CARESLOT_HOME", help="Where the platform keeps everything.")
    ] = DEFAULT_FOLDER,
    machine: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Fill clinicians' calendars, let them call in sick, and see every patient told or listed; exits 1 if not."""
    import httpx

    from services.local.demo.client import StoryFault
    from services.local.rehearsal import Rehearsal, Wanted

    rehearsal = Rehearsal(running_platform(folder), Wanted(visits, unreachable, accepting, patience))
    held, why = True, ""
    try:
        for line in rehearsal.steps():
            typer.echo(line, err=machine)
    except (StoryFault, httpx.HTTPError) as fault:
        held, why = False, str(fault)
    if not keep:
        rehearsal.take_back()
    if machine:
        typer.echo(json.dumps({"held": held, "why": why, **rehearsal.account.told()}, indent=2))
    else:
        for name, taken in rehearsal.account.seconds.items():
            typer.echo(f"{name:<32} {taken:7.1f} s")
        typer.echo("the rehearsal held" if held else f"failed: {why}", err=not held)
    if not held:
        raise typer.Exit(1)
