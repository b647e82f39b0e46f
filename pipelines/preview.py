"""`careslot preview`: what every stack would make, without engine, credentials or cloud, in seconds.

Environments are recorded side by side, a process each: the SDK keeps its state in the process, and loading it is what
takes time.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from environments.model import names
from infra.recording.exposure import exposed
from infra.recording.graph import Fault, Recording
from infra.stacks import Stack, all_stacks


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("preview")(preview)


def preview(
    stacks: Annotated[
        list[str] | None,
        typer.Argument(
            help="Stacks, or environments for all of theirs; every stack if none is named.", metavar="STACK"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole recorded graphs as JSON instead of a summary.")
    ] = False,
) -> None:
    """Show what stacks would make, what of it is public and what holds PHI; exit 1 if something is wrong with one."""
    recordings = record(chosen(stacks or ()))
    if as_json:
        json.dump({"stacks": [recording.as_dict() for recording in recordings]}, sys.stdout, indent=1, sort_keys=True)
        sys.stdout.write("\n")
    else:
        _show(recordings, Console(soft_wrap=True, highlight=False))
    faults = [fault for recording in recordings for fault in recording.faults]
    _tell(faults)
    if faults:
        raise typer.Exit(1)


def chosen(words: Iterable[str]) -> tuple[Stack, ...]:
    """Return the stacks that words name, in deploy order; raise Invalid for a word that names none."""
    words = tuple(words)
    wanted = {stack for word in words if word in names() for stack in all_stacks() if stack.environment == word}
    wanted |= {Stack.parse(word) for word in words if word not in names()}
    return tuple(stack for stack in all_stacks() if stack in wanted or not words)


def record(stacks: Iterable[Stack]) -> list[Recording]:
    """Record stacks, environments side by side on the processors there are."""
    from infra.recording.record import record_named

    wanted: dict[str, list[Stack]] = {}
    for stack in stacks:
        wanted.setdefault(stack.environment, []).append(stack)
    if len(wanted) == 1:
        ((environment, only),) = wanted.items()
        return list(record_named(environment, only).values())
    # The environment with most stacks first, so that none is waited for at the end.
    order = sorted(wanted, key=lambda environment: -len(wanted[environment]))
    with ProcessPoolExecutor(min(len(order), os.cpu_count() or 1)) as workers:
        found = dict(zip(order, workers.map(record_named, order, [wanted[name] for name in order]), strict=True))
    return [recording for environment in wanted for recording in found[environment].values()]


def _show(recordings: list[Recording], out: Console) -> None:
    overview = Table("stack", "region", title="Stacks", title_justify="left")
    for heading in ("resources", "hold PHI", "public", "faults"):
        overview.add_column(heading, justify="right")
    for recording in recordings:
        graph = recording.resolved
        made = [r for r in graph.resources if not r.component and not r.read]
        phi = sum(r.data_class == "phi" for r in made)
        public = len(list(exposed(graph)))
        cells = (len(made), phi, public, len(recording.faults))
        overview.add_row(graph.stack, graph.region, *map(str, cells))
    out.print(overview)
    environments = list(dict.fromkeys(recording.resolved.environment for recording in recordings))
    types = Table("type", title="Resources by type", title_justify="left")
    for environment in environments:
        types.add_column(environment, justify="right")
    counts = {
        name: [
            sum(r.resolved.counts().get(name, 0) for r in recordings if r.resolved.environment == environment)
            for environment in environments
        ]
        for name in sorted({name for recording in recordings for name in recording.resolved.counts()})
    }
    for name, row in counts.items():
        types.add_row(name, *(str(count) if count else "" for count in row))
    out.print(types)
    public_ones = Table("stack", "resource", "how", "where", title="Public", title_justify="left")
    for recording in recordings:
        for resource, how in exposed(recording.resolved):
            public_ones.add_row(recording.stack, f"{resource.type} {resource.name}", how, str(resource.place))
    out.print(public_ones)


def _tell(faults: list[Fault]) -> None:
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    for fault in faults:
        err.print(str(fault), style="red", markup=False)
    if faults:
        err.print(f"{len(faults)} faults", style="red")
