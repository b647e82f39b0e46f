"""`careslot failover drill`: practice for the day a region is lost, which is no day to read a plan.

By default it moves nothing: it asks every region for the plan, as on that day it would be asked, and whether AWS finds
it fit to run. With --execute it really moves, gracefully, and holds the time against the plan's objective. Either way
it says what was tested and what was not. 45 CFR 164.308(a)(7)(ii)(D).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

import typer

from environments.model import Environment, load_environment
from pipelines.delivery.region_switch import WELL, ArcRegionSwitch, Execution, RegionSwitch
from services.kernel.errors import CareslotError, Conflict, Invalid

NOT_MOVED = (
    "nothing was moved: pods, databases and addresses stay where they are (--execute moves them)",
    "an ungraceful failover, which may lose what was not replicated, is never drilled here",
)
MOVED = ("an ungraceful failover, which may lose what was not replicated, is never drilled here",)
SECONDS = 15.0

verbs = typer.Typer(help="Practice the move to another region.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.add_typer(verbs, name="failover")


@verbs.callback()
def _group() -> None:
    """Practice the move to another region."""


@dataclass(slots=True)
class Drill:
    """What a drill tested, what it found wrong, and what it left untested."""

    environment: str
    tested: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)

    def check(self, what: str, wrong: str) -> None:
        """Note a test: ``wrong`` says what it found, and is empty if nothing."""
        if wrong:
            self.wrong.append(f"{what}: {wrong}")
        else:
            self.tested.append(what)


class DrillFailed(CareslotError):
    """What was practised does not work."""

    title = "The drill failed"


@verbs.command("drill")
def drill(
    environment: Annotated[str, typer.Argument(help="An environment with a standby region.", metavar="ENVIRONMENT")],
    execute: Annotated[bool, typer.Option("--execute", help="Really move, once approved in AWS.")] = False,
    to: Annotated[str, typer.Option("--to", help="Region to move to with --execute; the standby if not named.")] = "",
    minutes: Annotated[float, typer.Option("--minutes", help="How long to wait for the move.", min=1)] = 120,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was tested as JSON.")] = False,
) -> None:
    """Ask every region whether it could take over, and with --execute let one; exit 1 if something is wrong."""
    settings = load_environment(environment)
    target = _target(settings, to, execute=execute)
    result = Drill(settings.name)
    switch: RegionSwitch = ArcRegionSwitch()
    arn, objective = rehearse(settings, switch, result)
    if execute and not result.wrong:
        move(switch, (arn, target, objective), result, minutes * 60, lambda line: typer.echo(line, err=True))
    result.untested += MOVED if execute else NOT_MOVED
    if as_json:
        told = {"environment": result.environment, "tested": result.tested, "wrong": result.wrong}
        sys.stdout.write(json.dumps({**told, "untested": result.untested}, indent=1) + "\n")
    else:
        for word, lines in (("tested", result.tested), ("WRONG", result.wrong), ("not tested", result.untested)):
            for line in lines:
                typer.echo(f"{word}: {line}")
    if result.wrong:
        raise DrillFailed(f"{len(result.wrong)} of what was practised in {settings.name} does not work")


def rehearse(environment: Environment, switch: RegionSwitch, result: Drill) -> tuple[str, int]:
    """Ask each region, alone, whether it could take over; return the plan's ARN and objective (minutes)."""
    from infra.components.base import Scope

    name = Scope(environment=environment, region=environment.primary, providers=()).named("switch")
    plans = {}
    for region in environment.regions:
        plan = plans[region] = switch.plan(name, region)
        lacking = sorted(set(environment.regions) - set(plan.steps))
        result.check(
            f"{region} knows the plan {name} and how each region is activated",
            f"it has no steps to activate {', '.join(lacking)}" if lacking else "",
        )
        evaluation = switch.evaluation(plan.arn, region)
        result.check(
            f"{region}: AWS evaluated the plan and found it fit",
            "" if evaluation.state == "passed" and not evaluation.warnings
            else f"{evaluation.state}; {'; '.join(evaluation.warnings) or 'no warning says why'}",
        )  # fmt: skip
        busy = switch.running(plan.arn, region)
        result.check(f"{region}: no move is under way", f"execution {busy} has not ended" if busy else "")
    steps = {plan.steps.get(region, ()) for plan in plans.values() for region in environment.regions}
    result.check("every region activates by the same steps", "" if len(steps) == 1 else f"they differ: {sorted(steps)}")
    first = next(iter(plans.values()))
    return first.arn, first.objective_minutes


def move(
    switch: RegionSwitch,
    plan: tuple[str, str, int],
    result: Drill,
    seconds: float,
    tell: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Start the move (of ``plan``: ARN, target region, objective in minutes) and follow it to its end."""
    arn, target, objective = plan
    id_ = switch.start(arn, target, "Careslot's failover drill")
    tell(f"execution {id_}: moving to {target}; it waits for an approval in AWS first")
    before: Execution | None = None
    for _ in range(int(seconds // SECONDS) + 1):
        now = switch.execution(arn, target, id_)
        if now != before:
            tell(f"{now.state}: " + ", ".join(f"{step} {status}" for step, status in now.steps.items()))
            before = now
        if now.ended:
            break
        pause(SECONDS)
    else:
        raise Conflict(f"execution {id_} has not ended after {seconds / 60:.0f} minutes: it goes on without this drill")
    bad = [step for step, status in now.steps.items() if status != WELL]
    result.check(f"moved to {target} by {len(now.steps)} steps", _ending(now, bad))
    took = (now.seconds or 0) / 60
    late = f"it took {took:.0f} minutes, the approval included" if objective and took > objective else ""
    result.check(f"moved within the plan's objective of {objective} minutes", late)


def _ending(ended: Execution, bad: list[str]) -> str:
    return "" if ended.state == WELL and not bad else f"{ended.state}, not completed: {', '.join(bad) or 'no step'}"


def _target(environment: Environment, to: str, *, execute: bool) -> str:
    if not environment.standbys:
        raise Invalid(f"{environment.name} has one region, {environment.primary}: there is nowhere to move to")
    if to and not execute:
        raise Invalid("--to says where to move, which only --execute does")
    if to and to not in environment.regions:
        raise Invalid(f"{environment.name} is not in {to}; it is in {', '.join(environment.regions)}")
    return to or environment.standbys[0]
