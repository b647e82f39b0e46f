"""`careslot verify`: everything CI does, by one command; workflows and .ci/run only install and call it.

A check is a function that returns what it found, or a command whose exit code is its verdict. The order is that of
patience: what answers in seconds comes first, and the tests come before the policies that take them as evidence.
"""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelines.findings import Finding
from services.kernel.errors import CareslotError

ROOT = Path(__file__).resolve().parents[1]
# Of a command's output, as many lines are kept for --json and the summary; all of it is shown while it runs.
KEPT = 40
Found = list[Finding]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: ``runs`` is `module:function` (loaded when it is asked for), or the words of a command.

    A function takes no argument and returns ``list[Finding]``.
    """

    title: str
    runs: str | tuple[str, ...]


# In the order in which they run. A new check is a line here.
CHECKS: Mapping[str, Check] = {
    "lint": Check("format, rules, types, imports, migrations, API documents", ("make", "lint")),
    "gitops": Check("what clusters get: schemas, references, calls, rights, facts", "pipelines.gitops.verify:check"),
    "admission": Check("what clusters would refuse of it", "pipelines.admission:check"),
    "workflows": Check("pinned actions, least rights, thin steps, three linters", "pipelines.workflows.check:findings"),
    "images": Check("Dockerfile, what goes into images, released digests", "pipelines.images.checking:check"),
    "compatibility": Check("a canary beside the released version", "pipelines.compatibility.checking:check"),
    "slos": Check("rules, routes, dashboards and runbooks as the catalogue asks", "pipelines.slos.checking:findings"),
    "test": Check("everything under tests", ("make", "test")),
    "policies": Check("every stack by our rules and Checkov, named tests as evidence", ("make", "policies")),
    "conformance": Check("odd requests to every service, long random lives of booking", ("make", "conformance")),
}


@dataclass(frozen=True, slots=True)
class Done:
    """A check that ran: its name, how long it took in seconds, and what it found."""

    name: str
    seconds: float
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        found = [finding.as_dict() for finding in self.findings]
        return {"check": self.name, "passed": not found, "seconds": round(self.seconds, 1), "findings": found}


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("verify")(verify)


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help=f"Checks: {', '.join(CHECKS)}; all, in this order, if none is named.", metavar="[CHECK]..."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Do what CI does, or some of it; exit 1 when something was found, telling file, place and what to do."""
    chosen = tuple(dict.fromkeys(names or CHECKS))
    if unknown := [name for name in chosen if name not in CHECKS]:
        raise typer.BadParameter(f"no check is called {', '.join(unknown)}: one of {', '.join(CHECKS)}")
    told = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    done = run({name: CHECKS[name] for name in chosen}, told.print)
    if as_json:
        passed = not any(one.findings for one in done)
        json.dump({"passed": passed, "checks": [one.as_dict() for one in done]}, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        _show(done)
    if any(one.findings for one in done):
        raise typer.Exit(1)


def run(checks: Mapping[str, Check], say: Say) -> list[Done]:
    """Run every check, also after one has failed: whoever mends wants to know everything at once."""
    done: list[Done] = []
    for number, (name, check) in enumerate(checks.items(), 1):
        say(f"== {name} ({number} of {len(checks)}): {check.title}")
        began = time.monotonic()
        found = _command(name, check.runs) if isinstance(check.runs, tuple) else _function(check.runs)
        done.append(Done(name, time.monotonic() - began, tuple(found)))
        say(f"== {name}: {_verdict(done[-1])}")
    return done


def _function(place: str) -> Found:
    check: Callable[[], Found] = pkgutil.resolve_name(place)
    try:
        return check()
    except CareslotError as error:
        return [Finding(place, "", str(error), "mend that first: nothing was checked")]


def _command(name: str, words: Sequence[str]) -> Found:
    """Run a command, its output passed on to standard error as it comes; a finding if it fails."""
    last: list[str] = []
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stderr.write(line)
            sys.stderr.flush()
            last = [*last[1 - KEPT :], line.rstrip()]
    if not process.returncode:
        return []
    told = "\n".join(last)
    return [Finding(" ".join(words), "", f"exit code {process.returncode}\n{told}", f"see above; again: {name}")]


def _show(done: Sequence[Done]) -> None:
    out = Console(highlight=False, soft_wrap=True, markup=False)
    for one in done:
        for finding in one.findings:
            out.print(str(finding), style="red")
    for one in done:
        out.print(f"{one.name}: {_verdict(one)}")


def _verdict(one: Done) -> str:
    count = len(one.findings)
    verdict = "passed" if not count else f"{count} finding" + ("" if count == 1 else "s")
    return f"{verdict} in {one.seconds:.1f} s"
