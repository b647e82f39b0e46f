"""`careslot bench`: what the platform does on this machine, beside what it should do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from services.local.bench.parts import Part
from services.local.state import DEFAULT_FOLDER


def bench(
    part: Annotated[
        list[Part] | None, typer.Option("--part", help="Only this part; may be given several times.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller data and fewer rounds: minutes, rougher.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write bench.json and bench.svg into this folder as well.")
    ] = None,
    folder: Annotated[
        Path, typer.Option("--folder", envvar="CARESLOT_HOME", help="A running platform; without one, one is started.")
    ] = DEFAULT_FOLDER,
    machine: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure search, booking, events, overload and recovery against the design's targets.

    A target that is missed is said so and changes nothing about the exit code: figures are for comparing.
    """
    from rich.console import Console

    from services.local.bench import telling
    from services.local.bench.parts import ASKED_FOR, measure
    from services.local.bench.running import Run
    from services.local.progress import Progress

    progress = Progress(console=Console(stderr=True, highlight=False, soft_wrap=True))
    parts = part or [one for one in Part if one not in ASKED_FOR]
    figures = []
    with Run(folder, progress, quick=quick) as run:
        for name in parts:
            progress.say(f"measuring: {name}")
            figures += measure(name, run)
    record = telling.record(figures, run.kept, quick=quick, parts=parts)
    if out is not None:
        for path in telling.write(out, record):
            progress.say(f"written: {path}")
    if machine:
        typer.echo(json.dumps(record, indent=2))
    else:
        Console().print(telling.table(figures))
        for line in telling.missed(figures):
            Console(highlight=False).print(f"missed: {line}", markup=False)
