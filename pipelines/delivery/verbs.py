"""The verbs of delivery, joined to the command `careslot`."""

from __future__ import annotations

import typer

from pipelines.delivery import affected, failover, soak, summary, synced, telling, waves


def register(app: typer.Typer) -> None:
    """Add every verb."""
    for module in (affected, failover, soak, summary, synced, telling, waves):
        module.register(app)
