"""`careslot preview`: what every stack would make, without engine, credentials or cloud, in seconds.

Environments are recorded side by side, a process each: the SDK keeps its state in the process, and loading it is what
takes time.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from environments.model import load_environment, names
from infra.recording.exposure import exposed
from infra.recording.graph import Fault, Recording, Resource
from infra.stacks import Stack, all_stacks
from services.kernel.errors import Invalid

if TYPE_CHECKING:
    from pipelines.estate_diff import Change

# Tables take the width they need: a cut type or place tells nobody anything.
WIDE = 400


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
    diff: Annotated[
        str | None,
        typer.Option(
            "--diff",
            help="Show instead what changes from a commit, or from another environment, to what would be made.",
            metavar="REV|ENVIRONMENT",
        ),
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", help="Draw the stacks into this file as well.", metavar="FILE")
    ] = None,
) -> None:
    """Show what stacks would make, what of it is public and what holds PHI; exit 1 if something is wrong with one."""
    wanted = chosen(stacks or ())
    recordings = record(wanted)
    if svg is not None:
        from pipelines.estate_picture import picture

        svg.write_text(picture([recording.resolved for recording in recordings]), "utf-8")
    if diff is not None:
        _tell_changes(_changes(diff, recordings), as_json=as_json)
    elif as_json:
        json.dump({"stacks": [recording.as_dict() for recording in recordings]}, sys.stdout, indent=1, sort_keys=True)
        sys.stdout.write("\n")
    else:
        show(recordings, Console(highlight=False, width=WIDE))
    end([fault for recording in recordings for fault in recording.faults])


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


def recorded(environments: Iterable[str] | None = None) -> Iterator[list[Recording]]:
    """Yield whole environments (all by default) as soon as each is there, kept ones first; begins at once."""
    from infra.recording import kept

    stacks = Counter(stack.environment for stack in all_stacks())
    wanted = set(stacks if environments is None else environments)
    found = {name: kept.kept(name) for name, _ in stacks.most_common() if name in wanted}
    missing = [name for name, recordings in found.items() if recordings is None]
    workers = ProcessPoolExecutor(min(len(missing), os.cpu_count() or 1)) if missing else None
    awaited = [workers.submit(kept.recorded, name) for name in missing] if workers else []

    def one_by_one() -> Iterator[list[Recording]]:
        for recordings in found.values():
            if recordings is not None:
                yield list(recordings.values())
        for done in as_completed(awaited):
            yield list(done.result().values())
        if workers:
            workers.shutdown()

    return one_by_one()


def _changes(base: str, recordings: list[Recording]) -> list[Change]:
    """Return what changes from a commit or another environment, ``base``, to what was recorded."""
    from pipelines.estate_diff import changes, neutral, recorded_at

    after = [json.loads(json.dumps(recording.as_dict())) for recording in recordings]
    environments = list(dict.fromkeys(recording.resolved.environment for recording in recordings))
    if base not in names():
        # Whole environments by name: a stack that is new has no name there yet.
        stacks = [recording.stack for recording in recordings]
        whole_ones = len(stacks) == sum(stack.environment in environments for stack in all_stacks())
        return changes(recorded_at(base, environments if whole_ones else stacks), after)
    if len(environments) > 1 or environments == [base]:
        raise Invalid(f"say which one environment is compared with {base}: careslot preview ENVIRONMENT --diff {base}")
    places = {(recording.resolved.layer, recording.resolved.region) for recording in recordings}
    whole = [stack for stack in all_stacks() if stack.environment == environments[0]]
    compared = [
        stack
        for stack in all_stacks()
        if stack.environment == base and (len(recordings) == len(whole) or (stack.layer, _region_of(stack)) in places)
    ]
    before = [json.loads(json.dumps(recording.as_dict())) for recording in record(compared)]
    return changes(neutral(before, load_environment(base)), neutral(after, load_environment(environments[0])))


def _region_of(stack: Stack) -> str:
    return stack.region or load_environment(stack.environment).primary


def _tell_changes(found: list[Change], *, as_json: bool) -> None:
    if as_json:
        json.dump({"changes": [change.as_dict() for change in found]}, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    signs = {"added": "+", "removed": "-", "changed": "~"}
    for change in found:
        typer.echo(f"{signs[change.how]} {change.stack}: {change.type} {change.name} ({change.place})")
        for changed in change.properties:
            typer.echo(f"    {changed.path}: {json.dumps(changed.before)} -> {json.dumps(changed.after)}")
    counts = Counter(change.how for change in found)
    typer.echo(", ".join(f"{counts[how]} {how}" for how in signs))


def show(recordings: Sequence[Recording], out: Console) -> None:
    """Print the summary: what there is of each type, what of it holds PHI, what is public and how."""
    rows = []
    for recording in recordings:
        graph = recording.resolved
        made = [r for r in graph.resources if not r.component and not r.read]
        phi = sum(r.data_class == "phi" for r in made)
        open_ones = len(list(exposed(graph)))
        rows.append((graph.stack, graph.region, len(made), phi, open_ones, len(recording.faults)))
    _table(out, "Stacks", ("stack", "region", "resources", "PHI", "public", "faults"), rows)
    _table(out, "Resources by type", *_types(recordings, lambda _: True))
    _table(out, "Resources that hold or carry PHI", *_types(recordings, lambda resource: resource.data_class == "phi"))
    ways = [
        (recording.stack, resource.type, resource.name, how, resource.place)
        for recording in recordings
        for resource, how in exposed(recording.resolved)
    ]
    _table(out, "Public", ("stack", "type", "name", "how", "where"), ways)


def _types(
    recordings: Sequence[Recording], wanted: Callable[[Resource], bool]
) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return headings and rows of a table that counts resources by type and environment."""
    environments = tuple(dict.fromkeys(recording.resolved.environment for recording in recordings))
    counts = Counter(
        (resource.type, recording.resolved.environment)
        for recording in recordings
        for resource in recording.resolved.resources
        if not resource.component and not resource.read and wanted(resource)
    )
    types = sorted({type_ for type_, _ in counts})
    return ("type", *environments), [(type_, *(counts[type_, name] or "" for name in environments)) for type_ in types]


def _table(out: Console, title: str, headings: Iterable[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(box=None, pad_edge=False, title=f"\n{title}", title_justify="left", title_style="bold")
    for column, heading in enumerate(headings):
        number = bool(rows) and all(row[column] == "" or isinstance(row[column], int) for row in rows)
        table.add_column(heading, justify="right" if number else "left", no_wrap=True, header_style="dim")
    for row in rows:
        table.add_row(*map(str, row))
    out.print(table)


def end(faults: Sequence[Fault]) -> None:
    """Tell every fault with file and line on standard error, and exit with 1 if there is one."""
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    for fault in faults:
        err.print(str(fault), style="red", markup=False)
    if faults:
        err.print(f"{len(faults)} faults", style="red")
        raise typer.Exit(1)
