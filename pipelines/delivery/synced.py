"""`careslot synced`: whether clusters run what the repository says; Argo CD's side of the nightly look for drift."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Protocol

import typer

from environments.model import load_environment
from services.contracts.catalogue import catalogue
from services.kernel.errors import Invalid, Unavailable

GET_IT = "https://argo-cd.readthedocs.io tells how to get `argocd`; it must be on PATH, and a kubeconfig"


@dataclass(frozen=True, slots=True)
class Application:
    """An Argo CD Application: where it goes, and how its cluster compares with the repository."""

    name: str
    namespace: str
    sync: str
    health: str
    message: str = ""

    @property
    def drifted(self) -> bool:
        """Whether the cluster is other than the repository, or not well."""
        return self.sync != "Synced" or self.health not in {"Healthy", "Suspended"}


class ArgoCd(Protocol):
    """What the verb asks of Argo CD."""

    def applications(self) -> tuple[Application, ...]:
        """Return every Application of the cluster."""
        ...


class ArgoCdCommand:
    """The command `argocd`, talking to the cluster itself (``--core``): no server is exposed for it."""

    def applications(self) -> tuple[Application, ...]:
        """Return every Application; raise Unavailable when the command is not there or the cluster does not answer."""
        try:
            done = subprocess.run(
                ["argocd", "app", "list", "--core", "--output", "json"], capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise Unavailable(f"There is no command `argocd` here. {GET_IT}.") from None
        if done.returncode:
            raise Unavailable(f"argocd cannot list applications: {done.stderr.strip() or 'it did not say why'}")
        return read(done.stdout)


def read(printed: str) -> tuple[Application, ...]:
    """Return the Applications of `argocd app list -o json`; raise Invalid if it is something else."""
    try:
        return tuple(_application(one) for one in json.loads(printed) or ())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Invalid("argocd printed no list of applications") from None


def missing(applications: Iterable[Application]) -> tuple[str, ...]:
    """Return the services of the clusters that no Application deploys; each has a namespace of its own name."""
    deployed = {application.namespace for application in applications}
    return tuple(name for name, service in catalogue().items() if service.runs_on == "eks" and name not in deployed)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("synced")(synced)


def synced(
    environment: Annotated[str, typer.Argument(help="dev, staging or prod.", metavar="ENVIRONMENT")],
    as_json: Annotated[bool, typer.Option("--json", help="Print every application as JSON.")] = False,
) -> None:
    """Show what in the cluster differs from the repository, by Argo CD; exit 1 if anything does or is not there."""
    settings = load_environment(environment)
    argo: ArgoCd = ArgoCdCommand()
    applications = argo.applications()
    drifted = [application for application in applications if application.drifted]
    lacking = missing(applications)
    if as_json:
        told = [{**asdict(application), "drifted": application.drifted} for application in applications]
        sys.stdout.write(json.dumps({"applications": told, "missing": lacking}, indent=1) + "\n")
    else:
        for application in drifted:
            more = f": {application.message}" if application.message else ""
            typer.echo(f"{application.name}: {application.sync}, {application.health}{more}")
        for name in lacking:
            typer.echo(f"{name}: no application deploys it")
        typer.echo(f"{len(drifted)} of {len(applications)} applications of {settings.name} differ")
    if drifted or lacking:
        raise typer.Exit(1)


def _application(told: dict[str, Any]) -> Application:
    status = told.get("status", {})
    health = status.get("health", {})
    return Application(
        name=told["metadata"]["name"],
        namespace=told["spec"]["destination"].get("namespace", ""),
        sync=status.get("sync", {}).get("status", "Unknown"),
        health=health.get("status", "Unknown"),
        message=health.get("message", ""),
    )
