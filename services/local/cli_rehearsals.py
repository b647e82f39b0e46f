"""The verbs that rehearse bad days on the running platform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.local.state import DEFAULT_FOLDER, running_platform

if TYPE_CHECKING:
    from services.local.rehearsal import Rehearsal

verbs = typer.Typer(help="Rehearse bad days on the running platform.", no_args_is_help=True)
Visits = Annotated[int, typer.Option("--visits", min=1, max=2000, help="Visits to book and then disrupt.")]
Unreachable = Annotated[int, typer.Option(min=0, max=100, help="Patients of each kind made hard to reach.")]
Accepting = Annotated[int, typer.Option(min=0, max=2000, help="Patients who take another time.")]
Patience = Annotated[float, typer.Option(min=1, max=3600, help="Seconds to wait for the last message.")]
Keep = Annotated[bool, typer.Option("--keep", help="Leave what was recorded, to look around.")]
Folder = Annotated[Path, typer.Option("--folder", envvar="CARESLOT_HOME", help="Where the platform keeps everything.")]
Machine = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@verbs.callback()
def _group() -> None:
    """Rehearse bad days on the running platform."""


@verbs.command("sick-day")
def sick_day(
    visits: Visits = 500, unreachable: Unreachable = 10, accepting: Accepting = 100, patience: Patience = 300.0,
    keep: Keep = False, folder: Folder = DEFAULT_FOLDER, machine: Machine = False,
) -> None:  # fmt: skip
    """Fill clinicians' calendars, let them call in sick, and see every patient told or listed; exits 1 if not."""
    from services.local.rehearsal import SICK_DAY, Rehearsal, Wanted

    wanted = Wanted(visits, unreachable, accepting, patience)
    _play(Rehearsal(running_platform(folder), wanted, SICK_DAY), keep=keep, machine=machine)


@verbs.command("closure")
def closure(
    visits: Visits = 500, unreachable: Unreachable = 10, accepting: Accepting = 100, patience: Patience = 300.0,
    keep: Keep = False, folder: Folder = DEFAULT_FOLDER, machine: Machine = False,
) -> None:  # fmt: skip
    """Fill facilities' calendars, close them for a day, and see every patient told or listed; exits 1 if not."""
    from services.local.rehearsal import CLOSURE, Rehearsal, Wanted

    wanted = Wanted(visits, unreachable, accepting, patience)
    _play(Rehearsal(running_platform(folder), wanted, CLOSURE), keep=keep, machine=machine)


def _play(rehearsal: Rehearsal, *, keep: bool, machine: bool) -> None:
    import httpx

    from services.local.demo.client import StoryFault

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
