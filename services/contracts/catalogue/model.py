"""The catalogue's shape and loader: a wrong entry names its file, key and what is allowed."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from services.kernel.errors import FieldError, Invalid
from services.kernel.telemetry import REQUEST_BUCKETS

FOLDER = Path(__file__).parent
# Who is told when a service fails its patients; "platform" is told of what is nobody's service.
Team = Literal["scheduling", "patient-access", "compliance", "platform"]
AwsUse = Literal["user-accounts", "email", "text-messages"]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseEntry(_Entry):
    """The service's own database; ``connections`` is its budget per process."""

    name: str = Field(pattern="^[a-z][a-z0-9_]*$")
    cluster: Literal["shared", "booking"]
    connections: int = Field(ge=1, le=100)


class Slo(_Entry):
    """Objectives over 30 days.

    ``availability`` percent of requests end without a 5xx, ``latency_ratio`` percent take less than ``latency_ms``.
    """

    availability: float = Field(gt=90, lt=100)
    latency_ms: int = Field(gt=0)
    latency_ratio: float = Field(gt=50, lt=100)

    @field_validator("latency_ms")
    @classmethod
    def _measured(cls, latency_ms: int) -> int:
        """Only at the edges of its buckets does a histogram say how many were faster."""
        edges = [round(1000 * edge) for edge in REQUEST_BUCKETS]
        if latency_ms not in edges:
            raise ValueError(f"what requests take is measured at {', '.join(map(str, edges))} ms: name one of them")
        return latency_ms


class Scaling(_Entry):
    """Bounds of the number of pods or tasks in a region; at least ``working_hours`` while patients call."""

    min: int = Field(ge=1)
    max: int = Field(ge=1)
    working_hours: int | None = Field(default=None, ge=1)


class Service(_Entry):
    """One service: what it owns, what survives without it, where it runs and whom it may call.

    ``secrets`` are its settings that come from Secrets Manager; in its database it signs in by IAM. ``uses`` and
    ``functions_use`` say what of AWS its processes and its Lambda functions use beyond the topology's bus, queues and
    buckets: roles are derived from these.
    """

    name: str = Field(pattern="^[a-z][a-z-]*$")
    summary: str
    without: str
    team: Team
    tier: Literal["core", "edge"]
    runs_on: Literal["eks", "fargate", "app-runner", "lambda"]
    data_class: Literal["phi", "internal", "public"]
    port: int = Field(ge=1024, le=65535)
    database: DatabaseEntry | None = None
    calls: tuple[str, ...] = ()
    secrets: tuple[Annotated[str, Field(pattern="^[a-z][a-z-]*$")], ...] = ()
    uses: tuple[AwsUse, ...] = ()
    functions_use: tuple[AwsUse, ...] = ()
    slo: Slo
    scaling: Scaling


def load_service(file: Path) -> Service:
    """Read one entry; raise Invalid naming file, key and what is allowed."""
    try:
        entry = Service.model_validate(yaml.safe_load(file.read_text("utf-8")))
    except yaml.YAMLError as fault:
        raise Invalid(f"{file.name} is not YAML: {fault}") from None
    except ValidationError as fault:
        errors = [FieldError(f"{file.name}:{'.'.join(map(str, e['loc']))}", e["msg"]) for e in fault.errors()]
        raise Invalid("; ".join(f"{e.where}: {e.what}" for e in errors), errors=errors) from None
    if entry.name != file.stem:
        raise Invalid(f"{file.name}: name is {entry.name!r}, the file says {file.stem!r}")
    return entry


def load_catalogue(folder: Path = FOLDER) -> dict[str, Service]:
    """Read every entry by name; raise Invalid for unknown callees and shared ports."""
    services = {entry.name: entry for entry in (load_service(file) for file in sorted(folder.glob("*.yaml")))}
    ports: dict[int, str] = {}
    for entry in services.values():
        if unknown := set(entry.calls) - set(services):
            raise Invalid(f"{entry.name}.yaml:calls: no service is called {', '.join(sorted(unknown))}")
        if (other := ports.setdefault(entry.port, entry.name)) != entry.name:
            raise Invalid(f"{entry.name}.yaml:port: {entry.port} is already {other}'s")
    return services


@cache
def catalogue() -> Mapping[str, Service]:
    """Return the catalogue as it is installed, read once a process."""
    return MappingProxyType(load_catalogue())
