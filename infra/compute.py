"""What runs services in a region: the cluster and its workloads, the edge services, and the images of all.

Beside the assembly, whose part it is, so that neither is too long to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.components.base import Scope
from infra.components.cluster import Cluster, ClusterArgs
from infra.components.edge import EdgeCluster, EdgeClusterArgs, EdgeService, EdgeServiceArgs
from infra.components.encryption import RegionalKeys
from infra.components.entrance import Entrance
from infra.components.express import ExpressService, ExpressServiceArgs
from infra.components.function_environment import database_url
from infra.components.gitops_bridge import locking, repository_url, signing_in
from infra.components.identity import UserPool
from infra.components.network import Network
from infra.components.public_finder import PublicFinder, PublicFinderArgs
from infra.components.registry import PREFIX, Registry, RegistryArgs
from infra.components.task import TaskArgs
from infra.components.workloads import Workloads, WorkloadsArgs, namespace
from infra.outputs import RegionOutputs
from infra.permissions import Arns
from services.contracts.catalogue import Service
from services.contracts.clients import PORTAL
from services.contracts.topology import BUS, DIRECT_QUEUES, LOCKED_BUCKETS, SUBSCRIPTIONS

Values = Mapping[str, pulumi.Input[str]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What services find in their region; ``databases`` are the writers' addresses by Aurora cluster."""

    keys: RegionalKeys
    network: Network
    entrance: Entrance
    pool: UserPool
    arns: Arns
    databases: Values


@dataclass(frozen=True, slots=True)
class Computing:
    """What others are told of it: the way into the cluster, and the roles of its workloads by service or controller."""

    kubeconfig: pulumi.Output[str]
    role_arns: pulumi.Output[Mapping[str, str]]


def behind_entrance(scope: Scope, services: Mapping[str, Service]) -> Mapping[str, Service]:
    """Return the services that the way in leads to: not those with an address of AWS's making."""
    return {name: service for name, service in services.items() if way_of(scope, service) in {"cluster", "fargate"}}


def way_of(scope: Scope, service: Service) -> str:
    """Return how a service runs here: in the ``cluster``, on ``fargate``, ``express``, ``app-runner`` or ``lambda``."""
    edge = scope.environment.edge
    if service.runs_on == "eks":
        return "cluster"
    if service.runs_on == "app-runner" and edge.app_runner:
        return "app-runner"
    if service.runs_on == "lambda":
        return "lambda"
    return "express" if edge.express_mode else "fargate"


def compute(scope: Scope, services: Mapping[str, Service], around: Surroundings) -> Computing:
    """Declare everything that runs services."""
    primary = scope.region == scope.environment.primary
    registry = Registry(
        "images",
        scope,
        RegistryArgs(
            services=services,
            key_arn=around.keys.arn("internal"),
            copies_to=scope.environment.standbys if primary else (),
        ),
    )
    computing = _inside(scope, services, around)
    _edge(scope, services, around, registry)
    return computing


def _inside(scope: Scope, services: Mapping[str, Service], around: Surroundings) -> Computing:
    settings = scope.environment.cluster
    cluster = Cluster(
        "cluster",
        scope,
        ClusterArgs(
            settings=settings,
            vpc_id=around.network.vpc_id,
            subnet_ids=around.network.private_subnet_ids,
            secrets_key_arn=around.keys.arn("phi"),
            disks_key_arn=around.keys.arn("phi"),
            logs_key_arn=around.keys.arn("internal"),
            logs_days=scope.environment.retention.logs_days,
            fargate_namespaces=[namespace(service) for service in settings.fargate],
        ),
    )
    workloads = Workloads(
        "workloads",
        scope,
        WorkloadsArgs(
            cluster_name=cluster.called,
            control_plane=cluster.control_plane,
            issuer=cluster.issuer,
            oidc_provider_arn=cluster.oidc_provider_arn,
            services=services,
            fargate=settings.fargate,
            auto_mode=settings.compute == "auto-mode",
            arns=around.arns,
            pods_group_id=cluster.security_group_id,
            entrance_group_id=around.entrance.security_group_id,
        ),
    )
    return Computing(cluster.kubeconfig, workloads.role_arns)


def _edge(scope: Scope, services: Mapping[str, Service], around: Surroundings, registry: Registry) -> None:
    ways = {name: way_of(scope, service) for name, service in services.items()}
    cluster = EdgeCluster("edge", scope, EdgeClusterArgs(key_arn=around.keys.arn("internal")))
    for name, service in services.items():
        url, arn = registry.repositories[name].repository_url, registry.repositories[name].arn
        if ways[name] == "app-runner":
            # It stands outside: the public API is all it can ask.
            callees = {f"CARESLOT_{callee.upper()}_URL": f"{_public_api(scope)}/{callee}" for callee in service.calls}
            told = {**callees, "CARESLOT_PORTAL_ADDRESS": f"{_public_api(scope)}/portal"}
            PublicFinder(
                name,
                scope,
                PublicFinderArgs(service, scope.environment.edge, url, arn, told, around.keys.arn("internal")),
            )
        if ways[name] not in {"fargate", "express"}:
            continue
        task = TaskArgs(
            service=service,
            settings=scope.environment.edge,
            repository_url=url,
            repository_arn=arn,
            environment=_settings(scope, service, around),
            arns=around.arns,
            logs_key_arn=around.keys.arn("internal"),
            logs_days=scope.environment.retention.logs_days,
            cluster_arn=cluster.arn,
            cluster_name=cluster.called,
            vpc_id=around.network.vpc_id,
            subnet_ids=around.network.private_subnet_ids,
            cidr=scope.environment.regions[scope.region].cidr,
        )
        if ways[name] == "express":
            ExpressService(f"edge-{name}", scope, ExpressServiceArgs(task))
        else:
            group = around.entrance.target_group_arns[name]
            EdgeService(f"edge-{name}", scope, EdgeServiceArgs(task, group, around.entrance.security_group_id))


def _settings(scope: Scope, service: Service, around: Surroundings) -> Values:
    """Return what a process is told that is no secret (services/kernel/runtime.py and the service's settings)."""
    told: dict[str, pulumi.Input[str]] = {
        f"CARESLOT_{callee.upper()}_URL": pulumi.Output.concat(around.entrance.address, "/", callee)
        for callee in service.calls
    }
    if service.data_class == "public":
        # It takes no tokens, and gives its readers addresses that they can reach.
        told["CARESLOT_PORTAL_ADDRESS"] = f"{_public_api(scope)}/portal"
        told["CARESLOT_PUBLIC_ADDRESS"] = f"{_public_api(scope)}/{service.name}"
        return told
    issuer = token_issuer(scope, around.pool.pool_id)
    told["CARESLOT_TOKEN_ISSUER"] = issuer
    told["CARESLOT_TOKEN_JWKS_URL"] = pulumi.Output.concat(issuer, "/.well-known/jwks.json")
    told["CARESLOT_TOKEN_AUDIENCES"] = token_audiences(around.pool.client_ids)
    if service.name == PORTAL.name:
        told["CARESLOT_PORTAL_CLIENT_ID"] = around.pool.client_ids[PORTAL.name]
    if service.database is not None:
        name = service.database.name
        told["CARESLOT_DATABASE_URL"] = database_url(name, around.databases[service.database.cluster], name)
    return told


def _public_api(scope: Scope) -> str:
    return f"https://api.{scope.environment.domain}"


def token_issuer(scope: Scope, pool_id: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the issuer of a Cognito user pool's tokens."""
    return pulumi.Output.concat(f"https://cognito-idp.{scope.region}.amazonaws.com/", pool_id)


def token_audiences(client_ids: pulumi.Output[Mapping[str, str]]) -> pulumi.Output[str]:
    """Return the ids of the app clients whose tokens are accepted, space-separated."""
    return client_ids.apply(lambda known: " ".join(known[name] for name in sorted(known)))


def bridge_facts(scope: Scope, services: Mapping[str, Service], region: RegionOutputs) -> Values:
    """Return what gitops is told of a region: the values of the bridge's annotations."""
    account, domain = scope.environment.account, scope.environment.domain
    settings, place = scope.environment.cluster, scope.environment.regions[scope.region]
    inside = [name for name, service in services.items() if service.runs_on == "eks"]
    clusters = sorted({service.database.cluster for service in services.values() if service.database})
    return {
        "account": account,
        "audit-years": str(scope.environment.retention.audit_years),
        "bus": BUS,
        "cluster": scope.named("cluster"),
        "compute": settings.compute,
        "domain": domain,
        "entrance": region.entrance_address,
        "name-prefix": scope.named(""),
        "network": str(place.cidr),
        "region": scope.region,
        "repository": repository_url(scope.environment.github.repository),
        "revision": scope.environment.github.revision,
        "serving": str(scope.environment.serves(scope.region)).lower(),
        "registry": f"{account}.dkr.ecr.{scope.region}.amazonaws.com/{PREFIX}",
        "token-audiences": token_audiences(region.client_ids),
        "token-issuer": token_issuer(scope, region.user_pool_id),
        "token-url": f"https://{scope.named(scope.region)}.auth.{scope.region}.amazoncognito.com/oauth2/token",
        "user-pool-id": region.user_pool_id,
        "vpc-id": region.vpc_id,
        # A standby proves nothing, and a failover must find the release before: it comes after the region that serves.
        "wave": "0" if scope.environment.serves(scope.region) else "1",
        **{f"callees.{name}": _callees(services, services[name]) for name in inside},
        **{f"client-id.{name}": region.client_ids[name] for name in signing_in(inside)},
        **{f"locked-bucket.{name}": region.audit_buckets[_locked_bucket(name)] for name in locking(inside)},
        **{f"machines.{name}": "fargate" if name in settings.fargate else "nodes" for name in inside},
        **{f"queues.{name}": _queues(scope, name) for name in inside},
        **{f"role-arn.{name}": region.role_arns[name] for name in inside},
        **{f"target-group-arn.{name}": region.target_group_arns[name] for name in inside},
        **{f"database-endpoint.{cluster}": region.database_endpoints[cluster] for cluster in clusters},
    }


def _callees(services: Mapping[str, Service], service: Service) -> str:
    called = (services[callee] for callee in service.calls)
    return " ".join(f"{c.name}:{c.port}" if c.runs_on == "eks" else c.name for c in called)


def _locked_bucket(service: str) -> str:
    (bucket,) = (bucket.name for bucket in LOCKED_BUCKETS if bucket.service == service)
    return bucket


def _queues(scope: Scope, service: str) -> str:
    names = [s.queue for s in SUBSCRIPTIONS if s.service == service and s.runs == "process"]
    names += [queue.queue for queue in DIRECT_QUEUES if queue.service == service]
    where = f"https://sqs.{scope.region}.amazonaws.com/{scope.environment.account}"
    return " ".join(f"{where}/{name}" for name in names)
