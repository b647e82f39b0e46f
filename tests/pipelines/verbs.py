"""Verbs that go wrong in every way a verb can, for the tests of the command."""

from __future__ import annotations

import errno

import typer

from services.kernel.errors import Conflict, Unavailable

SECRET = "Jane Roe, born 1970-01-01"

group = typer.Typer(help="A group of verbs.")


@group.command()
def inner() -> None:
    """Run inside a group."""
    typer.echo("inside")


def register(app: typer.Typer) -> None:
    """Add the verbs."""

    @app.command()
    def fine(name: str) -> None:
        """Do as asked."""
        typer.echo(f"did {name}")

    @app.command()
    def refused() -> None:
        """Fail as one of ours."""
        raise Conflict("Somebody else was [first].")

    @app.command()
    def mute() -> None:
        """Fail as one of ours that says no more."""
        raise Unavailable

    @app.command()
    def full() -> None:
        """Fail as the system does."""
        raise OSError(errno.ENOSPC, "No space left on device", "data/base")

    @app.command()
    def broken() -> None:
        """Fail as nobody foresaw."""
        raise KeyError(SECRET)

    @app.command()
    def long() -> None:
        """Print more than a reader takes."""
        for number in range(100_000):
            typer.echo(f"line {number}")


def refuses_to_join(_app: typer.Typer) -> None:
    """Fail while joining."""
    raise RuntimeError("half a service")
