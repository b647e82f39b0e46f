"""The laptop's verbs of the command `careslot`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from services.local.child import CannotStart
from services.local.state import DEFAULT_FOLDER, Layout, NotRunning, running_platform

Folder = Annotated[Path, typer.Option("--folder", envvar="CARESLOT_HOME", help="Where the platform keeps everything.")]
Machine = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
STOP_SECONDS = 30.0


openapi_verbs = typer.Typer(help="Write or check the OpenAPI documents on file.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    from services.local import cli_dead_letters, cli_drill, cli_rehearsals
    from services.local.cli_bench import bench
    from services.local.cli_rebuild import rebuild

    for verb in (up, down, status, logs, token, start, stop, demo, bench, rebuild):
        app.command()(verb)
    app.add_typer(cli_dead_letters.verbs, name="dlq")
    app.add_typer(cli_drill.verbs, name="drill")
    app.add_typer(cli_rehearsals.verbs, name="rehearse")
    app.add_typer(openapi_verbs, name="openapi")


def up(
    folder: Folder = DEFAULT_FOLDER,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the gateway; 0 for any free one.")] = 8080,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Take any free ports for everything else.")] = False,
    facilities: Annotated[int, typer.Option(min=2, max=1000, help="Facilities to make up on the first run.")] = 212,
    clinicians: Annotated[int, typer.Option(min=10, max=20000, help="Clinicians to make up.")] = 4000,
    patients: Annotated[int, typer.Option(min=10, max=100000, help="Patients to make up.")] = 2000,
    machine: Machine = False,
) -> None:
    """Run the whole platform here until Ctrl-C: databases, emulated AWS, every service, one address."""
    import uvloop

    from services.local.platform import Wanted
    from services.local.progress import Progress
    from services.local.seeding import Sizes
    from services.local.up import keep_up

    wanted = Wanted(folder, port, free_ports=free_ports)
    uvloop.run(keep_up(wanted, Sizes(facilities, clinicians, patients), Progress(machine=machine)))


def down(folder: Folder = DEFAULT_FOLDER) -> None:
    """Stop the platform that runs in a folder, and wait until it has stopped."""
    state = running_platform(folder, ready=False)
    os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        try:
            running_platform(folder, ready=False)
            time.sleep(0.1)
        except NotRunning:
            typer.echo("stopped")
            return
        except CannotStart:  # it is on its way out
            time.sleep(0.1)
    typer.echo(f"error: process {state.pid} has not stopped after {STOP_SECONDS:.0f} s", err=True)
    raise typer.Exit(1)


def status(folder: Folder = DEFAULT_FOLDER, machine: Machine = False) -> None:
    """Show what runs: state, process, port, restarts."""
    state = running_platform(folder, ready=False)
    if machine:
        typer.echo(json.dumps(state.model_dump(mode="json", exclude={"users"}), indent=2))
        return
    typer.echo(f"{state.phase} at {state.gateway} since {state.started_at:%Y-%m-%d %H:%M:%S} UTC (process {state.pid})")
    for child in state.children:
        port = f"port {child.port}" if child.port else ""
        fault = f"  ({child.last_fault})" if child.last_fault else ""
        pid = f"pid {child.pid or '-'}"
        typer.echo(f"  {child.name:<14} {child.state:<11} {pid:<12} {port:<11} restarts {child.restarts}{fault}")


def logs(
    service: Annotated[str, typer.Argument(help="A service, or gateway.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is added.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines from the end.")] = 40,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Print a service's log, JSON lines."""
    file = Layout(folder).log(service)
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.log"))) or "none"
        typer.echo(f"error: no log of {service!r} in {file.parent}; there are: {known}", err=True)
        raise typer.Exit(1)
    with file.open(encoding="utf-8", errors="replace") as log:
        shown = log.readlines()[-lines:] if lines else []
        sys.stdout.writelines(shown)
        while follow:
            if line := log.readline():
                sys.stdout.write(line)
                sys.stdout.flush()
            else:
                time.sleep(0.2)


def token(
    user: Annotated[str, typer.Argument(help="A demo user, such as patient or frontdesk.")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Print an ID token of a demo user, for curl."""
    from services.local.demo.client import signed_in

    typer.echo(signed_in(running_platform(folder, ready=False), user))


def demo(folder: Folder = DEFAULT_FOLDER, machine: Machine = False) -> None:
    """Play one appointment's whole story against the running platform; exits 1 at the step that fails."""
    from services.local.demo.run import play
    from services.local.demo.telling import Telling

    if not play(folder, Telling(machine=machine)):
        raise typer.Exit(1)


def stop(service: Annotated[str, typer.Argument()], folder: Folder = DEFAULT_FOLDER) -> None:
    """Stop one service (and its functions) to see what goes on without it."""
    from services.kernel.errors import Invalid
    from services.local.outage import hold_down

    try:
        hold_down(folder, service)
    except Invalid as error:
        raise typer.BadParameter(error.detail) from None
    typer.echo(f"{service} stopped")


def start(service: Annotated[str, typer.Argument()], folder: Folder = DEFAULT_FOLDER) -> None:
    """Start a service that was stopped with `careslot stop`."""
    from services.local.outage import let_up

    let_up(folder, service)
    typer.echo(f"{service} started")


@openapi_verbs.command("write")
def openapi_write() -> None:
    """Render every service's OpenAPI document into services/contracts/openapi."""
    from services.local import openapi

    changed = openapi.write()
    typer.echo("\n".join(changed) if changed else "nothing changed")


@openapi_verbs.command("check")
def openapi_check() -> None:
    """Exit with 1 when a document on file is not what the code serves."""
    from services.local import openapi

    if changed := openapi.stale():
        typer.echo(f"error: out of date: {', '.join(changed)}; run `careslot openapi write`", err=True)
        raise typer.Exit(1)
    typer.echo("every document is what the code serves")
