"""`careslot dlq`: dead letters at the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from services.local.aws import Aws
from services.local.dead_letters import DeadLetters, queue_named
from services.local.state import DEFAULT_FOLDER, running_platform

Folder = Annotated[Path, typer.Option("--folder", envvar="CARESLOT_HOME", help="The platform's folder.")]
Machine = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Queue = Annotated[str, typer.Argument(help="A queue of the topology, with or without -dlq.")]
Id = Annotated[str, typer.Option("--id", help="Only this one: an event's id or a message's.")]

verbs = typer.Typer(help="Show, replay or drop the messages that failed too often.", no_args_is_help=True)


@verbs.command("list")
def list_queues(folder: Folder = DEFAULT_FOLDER, machine: Machine = False) -> None:
    """Show how many dead letters each queue has."""
    counts = _letters(folder).counts()
    if machine:
        typer.echo(json.dumps(counts))
        return
    width = max(map(len, counts))
    for queue, count in counts.items():
        typer.echo(f"{queue:<{width}}  {count or '-'}")


@verbs.command()
def show(
    queue: Queue,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the whole message, PHI included.")] = False,
    folder: Folder = DEFAULT_FOLDER,
    machine: Machine = False,
) -> None:
    """Show the dead letters of a queue, without what they say about people."""
    letters = _letters(folder).look(_known(queue))
    if machine:
        typer.echo(json.dumps([letter.told(reveal=reveal) for letter in letters], indent=2))
        return
    if not letters:
        typer.echo("no dead letters")
    for letter in letters:
        typer.echo(f"{letter.first_seen:%Y-%m-%d %H:%M:%S}  {letter.event_type}  received {letter.receives} times")
        typer.echo(f"  event {letter.event_id or '-'}  message {letter.message_id}")
        if reveal:
            typer.echo(f"  {letter.body}")


@verbs.command()
def replay(queue: Queue, name: Id = "", folder: Folder = DEFAULT_FOLDER, machine: Machine = False) -> None:
    """Send dead letters back to their queue; each is deleted here only after it is there."""
    count = _letters(folder).replay(_known(queue), name)
    typer.echo(json.dumps({"replayed": count}) if machine else f"{count} replayed to {queue_named(queue)}")


@verbs.command()
def drop(
    queue: Queue,
    name: Id = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    folder: Folder = DEFAULT_FOLDER,
    machine: Machine = False,
) -> None:
    """Delete dead letters for good."""
    letters = _letters(folder)
    _known(queue)
    if not yes:
        what = f"message {name}" if name else f"all {letters.counts()[queue_named(queue)]} dead letters"
        typer.confirm(f"Delete {what} of {queue_named(queue)} for good?", abort=True)
    count = letters.drop(queue, name)
    typer.echo(json.dumps({"dropped": count}) if machine else f"{count} dropped")


def _letters(folder: Path) -> DeadLetters:
    state = running_platform(folder, ready=False)
    return DeadLetters(Aws(state.emulator).sqs, state.queue_prefix)


def _known(queue: str) -> str:
    try:
        return queue_named(queue)
    except Exception as error:
        raise typer.BadParameter(str(error)) from None
