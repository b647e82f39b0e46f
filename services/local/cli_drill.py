"""`careslot drill`: let something fail on purpose, and show that what was promised holds."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.contracts.catalogue import catalogue
from services.local.state import DEFAULT_FOLDER, NotRunning, running_platform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.local.progress import Progress

verbs = typer.Typer(help="Let something fail on purpose, and show what holds.", no_args_is_help=True)
# Without a callback, Typer would fold a group with one verb into the verb.
verbs.callback()(lambda: None)


@verbs.command()
def isolation(
    service: Annotated[
        list[str] | None, typer.Option("--service", help="Only this one; may be given several times.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=5, max=600, help="How long each is down at least.")] = 15.0,
    rate: Annotated[float, typer.Option(min=0.2, max=20, help="Load; 1 is some fifteen requests a second.")] = 1.0,
    folder: Annotated[Path, typer.Option("--folder", envvar="CARESLOT_HOME", help="The platform's folder.")] = (
        DEFAULT_FOLDER
    ),
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Use a platform of its own, as is done when none runs in the folder.")
    ] = False,
    machine: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Kill each service in turn under load and print which promises held, with what was measured.

    Exits with 1 when one was broken. What it books, it cancels; every service is up again at the end.
    """
    import asyncio

    from rich.console import Console

    from services.local.drill import report
    from services.local.drill.isolation import Plan, drill
    from services.local.progress import Progress

    wanted = service or list(catalogue())
    if unknown := sorted(set(wanted) - set(catalogue())):
        raise typer.BadParameter(
            f"no service is called {', '.join(unknown)}; there are: {', '.join(catalogue())}",
            param_hint="--service",
        )
    progress = Progress(console=Console(stderr=True, highlight=False, soft_wrap=True))
    with _platform(folder, fresh, progress) as used:
        outages = asyncio.run(drill(Plan(used, wanted, seconds, rate), progress))
    if machine:
        typer.echo(json.dumps(report.as_json(outages), indent=2))
    else:
        report.show(outages, Console(highlight=False))
    if failed := report.broken(outages):
        for line in failed:
            typer.echo(f"broken: {line}", err=True)
        raise typer.Exit(1)
    progress.say(f"all promises kept, {len(outages)} outages")


@contextmanager
def _platform(folder: Path, fresh: bool, progress: Progress) -> Iterator[Path]:
    """Return the folder of a running platform: the one named, else one of the drill's own."""
    from services.local.fresh import fresh_platform

    if not fresh:
        try:
            running_platform(folder)
        except NotRunning:
            progress.say(f"nothing runs in {folder}: a platform of the drill's own is started")
        else:
            yield folder
            return
    with progress.step("a fresh platform") as told, fresh_platform() as made:
        told.done(str(made))
        yield made
