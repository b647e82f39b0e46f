"""Drives the real `pulumi` command through its Automation API: one stack at a time, in order, telling what happens.

Nothing here knows what a stack consists of. The state is self-managed, in a bucket of the environment; a standby works
with its own region's replica of it, so that it can be deployed while the primary region is down.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from pulumi import automation
from pulumi.automation import errors, events

from environments.model import FOLDER, Environment
from infra.stacks import Stack, stacks_of
from services.kernel.errors import CareslotError, Invalid, Unavailable

ROOT = Path(__file__).resolve().parents[1]
GET_IT = "https://www.pulumi.com/docs/install/ tells how to get it; it must be on PATH"
BACKEND = "PULUMI_BACKEND_URL"
Tell = Callable[[str], None]


class EngineFailed(CareslotError):
    """The engine could not do what was asked; what it did before stands."""

    title = "Pulumi failed"


def engine() -> automation.PulumiCommand:
    """Return the `pulumi` command; raise Unavailable, saying how to get it, when there is none that fits."""
    try:
        return automation.PulumiCommand()
    except FileNotFoundError:
        raise Unavailable(f"There is no command `pulumi` here. {GET_IT}.") from None
    except (subprocess.CalledProcessError, errors.InvalidVersionError) as fault:
        raise Unavailable(f"The command `pulumi` does not fit: {fault}. {GET_IT}.") from None


def wanted_stacks(environment: Environment, named: Iterable[str], *, standby: bool) -> tuple[Stack, ...]:
    """Return an environment's stacks in deploy order: those named, or the standby's own, or all."""
    order = stacks_of(environment)
    chosen = {Stack.parse(name) for name in named}
    if foreign := [stack.name for stack in chosen if stack not in order]:
        raise Invalid(f"{', '.join(sorted(foreign))} is not of {environment.name}")
    if standby:
        if not environment.standbys:
            raise Invalid(f"{environment.name} has one region, {environment.primary}, and no standby")
        chosen |= {stack for stack in order if stack.region in environment.standbys}
    return tuple(stack for stack in order if stack in chosen or not chosen)


def state_address(environment: Environment, region: str) -> str:
    """Return where a region finds the environment's state; what PULUMI_BACKEND_URL says goes first."""
    bucket = f"careslot-{environment.name}-state-{environment.account}-{region}"
    return os.environ.get(BACKEND) or f"s3://{bucket}?region={region}"


@dataclass(frozen=True, slots=True)
class Report:
    """What the command printed, what it complained of, and whether it ended with 0."""

    printed: str
    complained: str
    ended_well: bool


class Engine:
    """The stacks of one environment, by the `pulumi` command found on PATH."""

    def __init__(self, environment: Environment, region: str) -> None:
        self._environment = environment
        self._address = state_address(environment, region)
        self._command = engine()

    def deploy(self, stack: Stack, tell: Tell) -> dict[str, int]:
        """Run `pulumi up` for a stack; return how many resources were created, updated and so on."""
        opened = self._open(stack, create=True)
        return self._changes(
            stack, lambda: opened.up(on_event=_teller(tell), on_error=_ignored, show_secrets=False, color="never")
        )

    def destroy(self, stack: Stack, tell: Tell) -> dict[str, int]:
        """Run `pulumi destroy` for a stack; the stack itself stays, with its history."""
        opened = self._open(stack, create=False)
        return self._changes(
            stack, lambda: opened.destroy(on_event=_teller(tell), on_error=_ignored, show_secrets=False, color="never")
        )

    def drift(self, stack: Stack) -> Report:
        """Run `pulumi refresh --preview-only` for a stack: what it says differs from what was deployed."""
        self._open(stack, create=False)
        words = ["refresh", "--preview-only", "--expect-no-changes", "--json", "--stack", stack.name]
        printed: list[str] = []
        complained: list[str] = []
        try:
            self._command.run(words, str(ROOT), self._variables(), printed.append, complained.append)
        except errors.CommandError:
            return Report("\n".join(printed), "\n".join(complained), ended_well=False)
        return Report("\n".join(printed), "\n".join(complained), ended_well=True)

    def _open(self, stack: Stack, *, create: bool) -> automation.Stack:
        settings = yaml.safe_load((FOLDER / f"Pulumi.{stack.name}.yaml").read_text("utf-8"))
        workspace = automation.LocalWorkspace(
            work_dir=str(ROOT),
            env_vars=self._variables(),
            secrets_provider=settings["secretsprovider"],
            pulumi_command=self._command,
        )
        try:
            opening = automation.Stack.create_or_select if create else automation.Stack.select
            return opening(stack.name, workspace)
        except errors.StackNotFoundError:
            raise Invalid(f"{stack.name} was never deployed (looked in {self._address})") from None
        except errors.CommandError as fault:
            raise EngineFailed(f"{stack.name}: {_complaint(fault)}") from None

    def _variables(self) -> dict[str, str]:
        return {BACKEND: self._address, "PULUMI_SKIP_UPDATE_CHECK": "true"}

    def _changes(
        self, stack: Stack, run: Callable[[], automation.UpResult | automation.DestroyResult]
    ) -> dict[str, int]:
        try:
            return {str(op): count for op, count in (run().summary.resource_changes or {}).items()}
        except errors.ConcurrentUpdateError:
            raise EngineFailed(f"{stack.name}: somebody else is at it (`pulumi cancel` if they are not)") from None
        except errors.CommandError as fault:
            raise EngineFailed(f"{stack.name}: {_complaint(fault)}") from None


def _teller(tell: Tell) -> Callable[[events.EngineEvent], None]:
    """Return what tells of each resource that was changed, and of what the engine finds wrong."""

    def hear(event: events.EngineEvent) -> None:
        if event.res_outputs_event is not None:
            step = event.res_outputs_event.metadata
            if str(step.op.value) not in {"same", "read"}:
                tell(f"  {step.op.value:<14} {step.type} {step.urn.rpartition('::')[2]}")
        elif event.diagnostic_event is not None and event.diagnostic_event.severity in {"error", "warning"}:
            tell(f"  {event.diagnostic_event.severity}: {event.diagnostic_event.message.strip()}")

    return hear


def _ignored(_line: str) -> None:
    """Leave the engine's own progress unsaid: events tell it."""


def _complaint(fault: errors.CommandError) -> str:
    """Return what the command wrote to its error stream, or else the last it printed."""
    printed, _, complained = str(fault).partition("\n stderr: ")
    lines = [line.strip() for line in (complained.strip() or printed).splitlines() if line.strip()]
    return " ".join(lines[-5:])
