"""Availability's verbs of the command `careslot`."""

import typer

from services.availability.cli import schedule, slotting


def register(app: typer.Typer) -> None:
    """Add the groups ``schedule`` and ``slotting`` to ``app``."""
    app.add_typer(schedule.verbs(), name="schedule")
    app.add_typer(slotting.verbs(), name="slotting")
