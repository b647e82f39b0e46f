"""`careslot waves`: in which order an environment's stacks are deployed, and on which runner, for a workflow's matrix.

A region that does no work comes before the one that does: what is wrong shows there first. What lives inside a cluster
is deployed from a runner inside its network, because its endpoint is private.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer

from environments.model import Environment, load_environment
from infra.stacks import Stack, stacks_of

HOSTED = "ubuntu-24.04"


class Which(StrEnum):
    """Which stacks: all of them, or those of a region, in which the edge services run."""

    all = "all"
    region = "region"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("waves")(tell)


def tell(
    environment: Annotated[str, typer.Argument(help="dev, staging or prod.", metavar="ENVIRONMENT")],
    layer: Annotated[Which, typer.Option("--layer", help="All stacks, or the regions' only.")] = Which.all,
    as_json: Annotated[bool, typer.Option("--json", help="Print a workflow's matrix, on one line.")] = False,
) -> None:
    """Tell an environment's stacks in the order they are deployed, standbys before the region that works."""
    settings = load_environment(environment)
    ordered = [stack for stack in waves(settings) if layer is Which.all or stack.layer == "region"]
    if as_json:
        rows = [{"stack": s.name, "region": s.region or settings.primary, "runner": runner(s)} for s in ordered]
        sys.stdout.write(json.dumps({"include": rows}) + "\n")
        return
    for stack in ordered:
        typer.echo(f"{stack.name} ({runner(stack)})")


def waves(environment: Environment) -> tuple[Stack, ...]:
    """Return the stacks in order: foundation, regions (the one that works last), routing."""
    order = stacks_of(environment)
    return tuple(sorted(order, key=lambda stack: (_rank(environment, stack), order.index(stack))))


def runner(stack: Stack) -> str:
    """Return the label of the runner a stack is deployed from."""
    return f"careslot-{stack.environment}-{stack.region}" if stack.layer == "cluster" else HOSTED


def _rank(environment: Environment, stack: Stack) -> int:
    if stack.layer == "foundation":
        return 0
    if stack.layer == "routing":
        return 3
    return 2 if environment.serves(stack.region) else 1
