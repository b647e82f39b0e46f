"""What is worth an alarm of a database: connections near its services' budget, and a standby that falls behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.components.base import Scope
from infra.components.watch import Watch
from services.contracts.catalogue import Service
from services.contracts.topology import SCHEDULES, SUBSCRIPTIONS

NEAR = 0.8
MILLISECONDS = 1000
# What one running function holds: services/notifications/lambdas/worker.py, database_pool.
FUNCTION_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class WatchedDatabase:
    """A cluster by the catalogue's name, its identifier in AWS, and whether another region follows or leads it."""

    cluster: str
    identifier: str
    replicated: bool


def connection_budget(cluster: str, services: Mapping[str, Service], function_connections: int) -> int:
    """Return how many connections a cluster's services may hold at most: every process at its bound, every function."""
    budget = 0
    for service in services.values():
        if service.database is not None and service.database.cluster == cluster:
            budget += service.database.connections * service.scaling.max
    return budget + function_connections


def functions_in(cluster: str, services: Mapping[str, Service]) -> int:
    """Return how many functions use a cluster, times the connections each of them may hold at once."""
    declared = [s.service for s in SUBSCRIPTIONS if s.runs == "lambda"] + [schedule.service for schedule in SCHEDULES]
    theirs = [services[name].database for name in declared]
    return FUNCTION_CONNECTIONS * sum(1 for database in theirs if database and database.cluster == cluster)


def database_watches(
    scope: Scope, database: WatchedDatabase, services: Mapping[str, Service], function_connections: int
) -> tuple[Watch, ...]:
    """Return what to watch of a cluster."""
    dimensions = {"DBClusterIdentifier": database.identifier}
    budget = connection_budget(database.cluster, services, function_connections)
    connections = Watch(
        name=f"database-{database.cluster}-connections",
        board="databases",
        tells=f"{database.cluster} has more than four fifths of the {budget} connections its services may hold",
        namespace="AWS/RDS",
        metric="DatabaseConnections",
        dimensions={**dimensions, "Role": "WRITER"},
        threshold=budget * NEAR,
        minutes=5,
    )
    if not database.replicated:
        return (connections,)
    allowed = scope.environment.database.recovery_point_seconds
    return connections, Watch(
        name=f"database-{database.cluster}-lag",
        board="databases",
        tells=f"the standby of {database.cluster} is more than {allowed} seconds behind: a takeover would lose them",
        namespace="AWS/RDS",
        metric="AuroraGlobalDBRPOLag",
        dimensions=dimensions,
        threshold=allowed * MILLISECONDS,
        minutes=5,
    )
