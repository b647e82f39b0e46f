"""The command `careslot`: one front door, so that people, Makefile and workflows run the same code.

Verbs are entry points of the group `careslot.verbs`: a service adds its own without this module knowing the
service. What goes wrong is told here, once, the same way for every verb.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points, version

import typer
from rich.console import Console

from services.kernel.errors import CareslotError

VERB_GROUP = "careslot.verbs"
EXIT_FAILED = 1


def build_app(entries: Iterable[EntryPoint] | None = None) -> tuple[typer.Typer, list[str]]:
    """Return the command with the verbs of ``entries`` (the installed ones), and a line for each not loaded."""
    app = typer.Typer(
        name="careslot",
        help="Careslot: scheduling for a health system, on your laptop and in AWS.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    problems: list[str] = []
    found = entry_points(group=VERB_GROUP) if entries is None else entries
    for entry in sorted(found, key=lambda e: e.name):
        problem = _join(app, entry)
        if problem:
            problems.append(problem)
    return app, problems


def main(argv: Sequence[str] | None = None, entries: Iterable[EntryPoint] | None = None) -> None:
    """Run one verb and exit: 0 done, 1 failed, 2 not understood.

    A traceback appears only with CARESLOT_DEBUG=1: an exception's text may hold what a terminal log must not.
    """
    err = Console(stderr=True, highlight=False)
    app, problems = build_app(entries)
    for problem in problems:
        err.print(f"warning: {problem}", style="yellow", markup=False, soft_wrap=True)
    try:
        app(args=list(argv) if argv is not None else None, prog_name="careslot")
    except Exception as error:
        if os.environ.get("CARESLOT_DEBUG") == "1":
            raise
        err.print(f"error: {_told(error)}", style="red", markup=False, soft_wrap=True)
        sys.exit(EXIT_FAILED)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("careslot"))
        raise typer.Exit


def _root(
    _version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", is_eager=True, callback=_print_version
    ),
) -> None:
    """Take the options that belong to no verb."""


def _join(app: typer.Typer, entry: EntryPoint) -> str | None:
    """Add one entry point's verbs to the command; the line to show if it cannot be loaded."""
    try:
        verbs = entry.load()
        if isinstance(verbs, typer.Typer):
            app.add_typer(verbs, name=entry.name)
        else:
            verbs(app)
    except Exception as error:  # one broken service must not take the other verbs away
        if os.environ.get("CARESLOT_DEBUG") == "1":
            raise
        return f"the verbs of '{entry.name}' ({entry.value}) are missing: {type(error).__name__}: {error}"
    return None


def _told(error: Exception) -> str:
    """What a person is told: our own errors and the system's in their words, others by kind and place."""
    if isinstance(error, CareslotError):
        return f"{error.title}: {error.detail}" if error.detail else error.title
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return f"unexpected {type(error).__name__}{place}; run again with CARESLOT_DEBUG=1 to see the traceback"
