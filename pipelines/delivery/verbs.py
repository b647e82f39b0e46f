"""The verbs of delivery, joined to the command `careslot`."""

from __future__ import annotations

import typer

from pipelines.delivery import affected


def register(app: typer.Typer) -> None:
    """Add every verb."""
    for module in (affected,):
        module.register(app)
