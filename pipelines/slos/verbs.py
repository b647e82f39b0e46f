"""`careslot slos`: what is promised, and the rules, routes and dashboards that watch it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pipelines.slos.checking import ROOT, findings, missing_tools, stale
from pipelines.slos.files import FOLDER, every_alert, every_file
from pipelines.slos.objectives import OBJECTIVES, promise
from services.contracts.catalogue import catalogue

verbs = typer.Typer(help="Objectives, their alerts, routes and dashboards.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Folder = Annotated[Path, typer.Option("--root", help="The repository to work in.", exists=True, file_okay=False,
                                       show_default="this one")]  # fmt: skip


@verbs.command("list")
def list_(as_json: AsJson = False) -> None:
    """Tell what every service promises, and which alerts watch it."""
    alerts: dict[str, list[str]] = {}
    for alert in every_alert():
        alerts.setdefault(alert.service, []).append(f"{alert.name} ({alert.severity})")
    told = [
        {
            "service": service.name,
            "team": service.team,
            "promises": [promise(service, objective) for objective in OBJECTIVES],
            "alerts": sorted(set(alerts[service.name])),
        }
        for service in catalogue().values()
    ]
    if as_json:
        json.dump(told, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    table = Table("service", "team", "promises", "alerts")
    for one in told:
        table.add_row(str(one["service"]), str(one["team"]), "\n".join(one["promises"]), str(len(one["alerts"])))
    Console(highlight=False).print(table)


@verbs.command("write")
def write(root: Folder = ROOT) -> None:
    """Write gitops/platform/slos from catalogue and topology; what nothing asks for any more is removed."""
    wanted = every_file()
    changed = [finding.path for finding in stale(root)]
    for path in changed:
        if Path(path) in wanted:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(wanted[Path(path)], "utf-8")
        else:
            (root / path).unlink()
        typer.echo(f"{'wrote' if Path(path) in wanted else 'removed'} {path}")
    typer.echo(f"{len(wanted)} files in {FOLDER}, {len(changed)} changed")


@verbs.command("check")
def check(root: Folder = ROOT, as_json: AsJson = False) -> None:
    """Tell whether files and runbooks are what the catalogue asks for; exit 1 if not."""
    found, without = findings(root), missing_tools()
    if as_json:
        json.dump({"findings": [one.as_dict() for one in found], "not_asked": without}, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        for one in found:
            typer.echo(str(one))
        for tool in without:
            typer.echo(f"warning: {tool} is not installed, so nothing was asked of it", err=True)
        typer.echo(f"{len(found)} findings, {len(every_file())} files, {len({a.name for a in every_alert()})} alerts")
    if found:
        raise typer.Exit(1)
