"""An environment's settings, checked before any program runs: a wrong one names file, key and what is allowed.

The Pulumi programs, `careslot deploy`, the charts' values and the tests read these; none keeps settings of its own.
"""

from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from environments.settings import Email, Settings
from environments.surface import Alarms, Api, Findings, Functions, Messages, SignIn
from services.kernel.errors import FieldError, Invalid

FOLDER = Path(__file__).parent
# CloudWatch Logs takes these and no others (API reference, PutRetentionPolicy).
LogRetention = Literal[30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
ZONES = 3


def _a_vpc(network: IPv4Network) -> IPv4Network:
    if network.prefixlen != 16 or not network.is_private:
        raise ValueError("a private /16, so that every region has room for its pods")
    return network


class Region(Settings):
    """Where a copy of the estate runs.

    Zones are ids, because names differ between accounts. ``connections`` lists on-premises networks (CIDR) that
    may call in; none by default.
    """

    cidr: Annotated[IPv4Network, AfterValidator(_a_vpc)]
    zones: tuple[Annotated[str, Field(pattern=r"^[a-z]{3}\d-az\d$")], ...] = Field(min_length=ZONES, max_length=ZONES)
    connections: tuple[IPv4Network, ...] = ()


class Nodes(Settings):
    """The managed node group; unused under EKS Auto Mode, which picks its own machines."""

    ami_type: Literal[
        "AL2023_ARM_64_STANDARD", "AL2023_x86_64_STANDARD", "BOTTLEROCKET_ARM_64", "BOTTLEROCKET_x86_64"
    ] = "BOTTLEROCKET_ARM_64"
    instance_types: tuple[str, ...] = Field(default=("m7g.large", "m6g.large"), min_length=1)
    min: int = Field(default=3, ge=1)
    max: int = Field(default=6, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max is at least min, {self.min}")
        return self


class Access(Settings):
    """Who may talk to the cluster: an IAM role of the account by its name, path included, and what it may do."""

    role: str = Field(pattern=r"^[\w+=,.@-]+(/[\w+=,.@-]+)*$", max_length=512)
    may: Literal["admin", "view"]
    namespaces: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], ...] = ()


class Cluster(Settings):
    """EKS: who manages the machines, and which Kubernetes (1.35 or newer: 1.34 leaves standard support).

    ``fargate`` lists services whose pods run on Fargate, each in a virtual machine of its own.
    """

    version: Literal["1.35", "1.36"]
    compute: Literal["auto-mode", "managed-node-groups"]
    nodes: Nodes = Nodes()
    fargate: tuple[str, ...] = ("audit",)
    access: tuple[Access, ...] = ()


class Capacity(Settings):
    """Aurora Serverless v2 capacity units (2 GiB of memory each) and readers a region.

    ``instance_class`` makes the instances provisioned ones of that class instead; the units are then unused.
    """

    min_acu: float = Field(ge=0.5, le=256, multiple_of=0.5)
    max_acu: float = Field(ge=1, le=256, multiple_of=0.5)
    readers: int = Field(ge=0, le=15)
    instance_class: Annotated[str, Field(pattern=r"^db\.[rx]\d[a-z]*\.\d*x?large$")] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_acu < self.min_acu:
            raise ValueError(f"max_acu is at least min_acu, {self.min_acu}")
        return self


class Database(Settings):
    """Aurora PostgreSQL: booking has a cluster of its own, the other services share one.

    ``recovery_point_seconds`` is how far a standby may lag before the primary stops taking writes
    (``rds.global_db_rpo``, at least 20); ``insights`` is what CloudWatch Database Insights keeps.
    """

    version: str = Field(pattern=r"^1[5-8]\.\d+$")
    shared: Capacity
    booking: Capacity
    recovery_point_seconds: int = Field(default=60, ge=20, le=2_147_483_647)
    master_password_days: int = Field(default=30, ge=1, le=1000)
    insights: Literal["standard", "advanced"] = "standard"


class Retention(Settings):
    """How long things are kept; ``audit_years`` is at least the six of 45 CFR 164.316(b)(2)(i)."""

    logs_days: LogRetention
    backup_days: int = Field(ge=7, le=3650)
    archive_days: int = Field(ge=1, le=365)
    audit_years: int = Field(ge=6, le=30)


class Edge(Settings):
    """How the edge services run.

    ``app_runner`` is for the public finder only and for accounts that had App Runner before 30 April 2026;
    ``express_mode`` lets ECS manage the load balancer of the edge services, which are then reached at an address of
    AWS's making and not through the entrance. A task has ``cpu`` units (1024 make a
    vCPU) and ``memory_mib``. ``releases`` says what runs of which service: a version, or the digest of its image.
    """

    app_runner: bool = False
    express_mode: bool = False
    cpu: Literal[256, 512, 1024, 2048] = 512
    memory_mib: int = Field(default=1024, multiple_of=512)
    releases: dict[str, Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64}|\d+\.\d+\.\d+)$")]] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _a_size_of_fargate(self) -> Self:
        if not 2 * self.cpu <= self.memory_mib <= 8 * self.cpu:
            raise ValueError(f"memory_mib is between {2 * self.cpu} and {8 * self.cpu} for {self.cpu} units of cpu")
        return self


class GitHub(Settings):
    """The repository whose pipelines deploy here.

    New repositories have immutable ids in the token's ``sub``, older ones names: both forms are trusted when the ids
    are given. ``revision`` is the branch or tag that Argo CD follows.
    """

    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(default="main", pattern=r"^[\w./-]+$")
    owner_id: int | None = Field(default=None, gt=0)
    repository_id: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.owner_id is None) != (self.repository_id is None):
            raise ValueError("owner_id and repository_id are given together or not at all")
        return self


class Budget(Settings):
    """What the account may cost a month before ``notify`` hears of it."""

    monthly_usd: int = Field(gt=0)
    notify: tuple[Email, ...] = Field(min_length=1)


class Environment(Settings):
    """One environment: an AWS account, its regions (the first is the primary) and what they are made of.

    ``protected`` switches deletion protection on everything that holds data. ``serving`` is the region that does the
    work when that is not the primary: whoever moves it there for good (docs/decisions/0104) writes it down here.
    """

    name: Literal["dev", "staging", "prod"]
    account: str = Field(pattern=r"^\d{12}$")
    owner: str = Field(pattern=r"^[a-z][a-z-]+$")
    domain: str = Field(pattern=r"^([a-z0-9-]+\.)+[a-z]{2,}$")
    protected: bool
    serving: str | None = None
    regions: dict[Annotated[str, Field(pattern=r"^us-(east|west)-\d$")], Region] = Field(min_length=1, max_length=2)
    cluster: Cluster
    database: Database
    retention: Retention
    edge: Edge = Edge()
    functions: Functions
    messages: Messages
    sign_in: SignIn = SignIn()
    api: Api
    alarms: Alarms
    findings: Findings
    github: GitHub
    budget: Budget

    @model_validator(mode="after")
    def _networks_apart(self) -> Self:
        taken: list[IPv4Network] = []
        for name, region in self.regions.items():
            for network in (region.cidr, *region.connections):
                if any(network.overlaps(other) for other in taken):
                    raise ValueError(f"regions.{name}: {network} overlaps another network of this environment")
                taken.append(network)
        return self

    @model_validator(mode="after")
    def _serving_is_here(self) -> Self:
        if self.serving is not None and self.serving not in self.regions:
            raise ValueError(f"serving: {self.serving!r} is none of the regions {', '.join(self.regions)}")
        return self

    def serves(self, region: str) -> bool:
        """Say whether a region does the work: feeds functions, runs schedules, wakes people."""
        return region == (self.serving or self.primary)

    @property
    def primary(self) -> str:
        """The region that writes, unless a failover moved it."""
        return next(iter(self.regions))

    @property
    def standbys(self) -> tuple[str, ...]:
        """The regions that take over."""
        return tuple(self.regions)[1:]


def load_environment(name: str, folder: Path = FOLDER) -> Environment:
    """Read ``<name>.yaml``; raise Invalid naming file, key, value and what is allowed."""
    file = folder / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(names(folder)))
        raise Invalid(f"no environment is called {name!r}; there are {known}")
    try:
        environment = Environment.model_validate(yaml.safe_load(file.read_text("utf-8")))
    except yaml.YAMLError as fault:
        raise Invalid(f"{file.name} is not YAML: {fault}") from None
    except ValidationError as fault:
        errors = [FieldError(f"{file.name}:{_key(e['loc'])}", _what(e["msg"], e["input"])) for e in fault.errors()]
        raise Invalid("; ".join(f"{e.where}: {e.what}" for e in errors), errors=errors) from None
    if environment.name != file.stem:
        raise Invalid(f"{file.name}:name: {environment.name!r}, but the file says {file.stem!r}")
    return environment


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the environments that have a file."""
    return tuple(sorted(file.stem for file in folder.glob("*.yaml") if not file.name.startswith("Pulumi.")))


def _key(location: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in location if part != "[key]")


def _what(message: str, value: object) -> str:
    told = message.removeprefix("Value error, ")
    return told if isinstance(value, dict) else f"{value!r}: {told}"
