"""`careslot deploy`, `destroy` and `drift`: an environment's stacks in order, by the real `pulumi`, with progress.

Tested against a stand-in of the command that records what it is asked (tests/pipelines/pulumi_stand_in.py): there is
no engine and no AWS account where the tests run.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from environments.model import Environment, load_environment
from infra.stacks import Stack
from services.kernel.errors import CareslotError, Invalid

EnvironmentName = Annotated[str, typer.Argument(help="dev, staging or prod.", metavar="ENVIRONMENT")]
Named = Annotated[list[str] | None, typer.Option("--stack", help="Only this stack; may be given several times.")]
Standby = Annotated[
    bool,
    typer.Option(
        "--standby",
        help="Only the standby region's stacks, with its own copy of the state: for when the primary region is down.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask (pipelines ask for approval themselves).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what differs as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("deploy")(deploy)
    app.command("destroy")(destroy)
    app.command("drift")(drift)


def deploy(environment: EnvironmentName, stack: Named = None, standby: Standby = False, yes: Yes = False) -> None:
    """Deploy an environment's stacks in order; what failed stops the rest, and can be deployed again."""
    from pipelines.engine import Engine

    settings, stacks, region = _wanted(environment, stack, standby=standby)
    pulumi = Engine(settings, region)
    if settings.protected and not yes:
        _confirm(f"Deploy {', '.join(s.name for s in stacks)} to account {settings.account}?")
    _in_turn("deploying", stacks, pulumi.deploy)


def destroy(environment: EnvironmentName, stack: Named = None, standby: Standby = False, yes: Yes = False) -> None:
    """Destroy an environment's stacks, last first; what is protected Pulumi refuses to delete."""
    from pipelines.engine import Engine

    settings, stacks, region = _wanted(environment, stack, standby=standby)
    pulumi = Engine(settings, region)
    if not yes:
        _confirm(f"Destroy {', '.join(s.name for s in reversed(stacks))} in account {settings.account}?")
    _in_turn("destroying", stacks[::-1], pulumi.destroy)


def drift(environment: EnvironmentName, stack: Named = None, standby: Standby = False, as_json: AsJson = False) -> None:
    """Show what in AWS differs from what was deployed; exit 1 if anything does."""
    from pipelines.engine import Engine

    settings, stacks, region = _wanted(environment, stack, standby=standby)
    pulumi = Engine(settings, region)
    err = Console(stderr=True, highlight=False)
    found: list[dict[str, Any]] = []
    for one in stacks:
        err.print(f"comparing {one.name}", markup=False)
        report = pulumi.drift(one)
        steps = differences(report.printed)
        if not report.ended_well and not steps:
            raise CareslotError(f"{one.name}: {report.complained.strip() or 'pulumi failed and did not say why'}")
        found += [{"stack": one.name, **step} for step in steps]
    if as_json:
        json.dump({"drift": found}, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        for step in found:
            typer.echo(
                f"{step['stack']}: {step['op']} {step['urn']}"
                + (": " if step["properties"] else "")
                + ", ".join(step["properties"])
            )
        typer.echo(f"{len(found)} differences in {len(stacks)} stacks")
    if found:
        raise typer.Exit(1)


def differences(printed: str) -> list[dict[str, Any]]:
    """Return the steps of a preview's JSON that are not ``same``: operation, URN and the paths that differ.

    Raises Invalid if it is no JSON: then the command is another version than the one this was written for.
    """
    if not printed.strip():
        return []
    try:
        steps = json.loads(printed).get("steps") or []
    except (json.JSONDecodeError, AttributeError):
        raise Invalid("pulumi printed no JSON object where a preview was expected") from None
    return [
        {
            "op": step["op"],
            "urn": step["urn"],
            "properties": sorted(step.get("detailedDiff") or step.get("diffReasons") or ()),
        }
        for step in steps
        if step["op"] not in {"same", "read"}
    ]


def _wanted(
    environment: str, named: Sequence[str] | None, *, standby: bool
) -> tuple[Environment, tuple[Stack, ...], str]:
    """Return settings, stacks in deploy order, and the region whose copy of the state is used."""
    from pipelines.engine import wanted_stacks

    settings = load_environment(environment)
    stacks = wanted_stacks(settings, named or (), standby=standby)
    return settings, stacks, settings.standbys[0] if standby else settings.primary


def _in_turn(
    doing: str, stacks: Sequence[Stack], run: Callable[[Stack, Callable[[str], None]], dict[str, int]]
) -> None:
    """Run stack by stack; when one fails say which are done and which are not."""
    for number, stack in enumerate(stacks, 1):
        typer.echo(f"[{number}/{len(stacks)}] {doing} {stack.name}")
        began = time.monotonic()
        try:
            changes = run(stack, typer.echo)
        except CareslotError:
            if left := [later.name for later in stacks[number:]]:
                typer.echo(f"not tried: {', '.join(left)}", err=True)
            raise
        told = ", ".join(f"{count} {op}" for op, count in sorted(changes.items())) or "nothing to do"
        typer.echo(f"  {told} ({time.monotonic() - began:.0f} s)")


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise Invalid(f"{question} Nobody is there to answer: give --yes to mean it.")
    typer.confirm(question, abort=True)
