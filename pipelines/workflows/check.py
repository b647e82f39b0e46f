"""`careslot verify workflows`, `careslot workflows`: everything held of .github, as findings and as SARIF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.findings import Finding
from pipelines.workflows import linters, lock, rules

ROOT = Path(__file__).resolve().parents[2]

verbs = typer.Typer(help="Look at the workflows.", no_args_is_help=True)


@verbs.callback()
def _group() -> None:
    """Look at the workflows."""


@verbs.command("sarif")
def sarif(
    out: Annotated[Path, typer.Option("--out", help="Where the SARIF goes.", metavar="FILE")],
) -> None:
    """Write what zizmor finds in the workflows, for GitHub's code scanning."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(linters.sarif(ROOT), "utf-8")
    typer.echo(str(out))


def findings(root: Path = ROOT) -> list[Finding]:
    """Return everything found: the lock first, then our rules, then the linters."""
    return [*lock.findings(root), *rules.findings(root), *linters.findings(root)]
