"""What a stack is made of: the table of contents of the estate, one function a layer.

A component is made here and given what it needs; components do not look each other up. Heavy imports wait inside the
layer that needs them, so that a stack loads only its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from environments.model import Environment, load_environment
from infra.components.audit_copies import AuditCopies, AuditCopiesArgs
from infra.components.audit_trail import AuditBuckets, AuditBucketsArgs, Trail, TrailArgs
from infra.components.backup import Backups, BackupsArgs, BackupVault, BackupVaultArgs
from infra.components.base import Scope
from infra.components.budgets import Spending, SpendingArgs
from infra.components.database import (
    CLUSTERS,
    MASTER,
    PORT,
    DatabaseCluster,
    DatabaseClusterArgs,
    DatabaseMonitoring,
    GlobalDatabases,
)
from infra.components.delivery import Delivery, DeliveryArgs
from infra.components.detection import (
    ConfigurationHistory,
    ConfigurationHistoryArgs,
    Detection,
    DetectionArgs,
)
from infra.components.encryption import PrimaryKeys, RegionalKeys, RegionalKeysArgs
from infra.components.entrance import Entrance, EntranceArgs
from infra.components.failover import (
    Address,
    AddressArgs,
    GlobalBus,
    Health,
    HealthArgs,
    Zone,
    ZoneArgs,
    regional_host,
)
from infra.components.gitops_bridge import GitOpsBridge, GitOpsBridgeArgs
from infra.components.identity import UserPool, UserPoolArgs
from infra.components.master_secret import MasterPassword, MasterSecret, MasterSecretArgs
from infra.components.network import Network, NetworkArgs
from infra.components.region_switch import RegionSwitch, RegionSwitchArgs
from infra.components.shared_secrets import SharedSecrets, SharedSecretsArgs
from infra.components.state import StateStore
from infra.compute import Surroundings, behind_entrance, bridge_facts, compute
from infra.outputs import ClusterOutputs, FoundationOutputs, RegionOutputs, publish, read
from infra.stacks import Layer, Stack
from infra.surface import alarms, database_alarms, front_door, messaging, service_arns
from services.contracts.catalogue import Service, catalogue

Services = Mapping[str, Service]


def assemble(
    stack: Stack, environment: Environment | None = None, services: Mapping[str, Service] | None = None
) -> None:
    """Declare everything a stack consists of; tests give other settings than the file's and other ``services``."""
    settings = environment or load_environment(stack.environment)
    region = stack.region or settings.primary
    provider = aws.Provider("aws", region=region, allowed_account_ids=[settings.account])
    scope = Scope(environment=settings, region=region, providers=(provider,))
    _LAYERS[stack.layer](stack, scope, services or catalogue())


def _foundation(_stack: Stack, scope: Scope, _services: Services) -> None:
    keys = PrimaryKeys("keys", scope)
    databases = GlobalDatabases("databases", scope)
    zone = Zone("zone", scope, ZoneArgs(domain=scope.environment.domain))
    state = StateStore("state", scope)
    buckets = [bucket.arn for bucket in state.buckets.values()]
    Delivery("delivery", scope, DeliveryArgs(scope.environment.github, buckets, list(state.keys.values())))
    Spending("spending", scope, SpendingArgs(scope.environment.budget))
    publish(FoundationOutputs(key_arns=keys.key_arns, global_databases=databases.identifiers, zone_id=zone.zone_id))


def _region(stack: Stack, scope: Scope, services: Services) -> None:
    foundation = read(FoundationOutputs, stack.reads[0])
    place = scope.environment.regions[scope.region]
    keys = RegionalKeys("keys", scope, RegionalKeysArgs(primary_arns=foundation.key_arns))
    network = Network(
        "network",
        scope,
        NetworkArgs(
            cidr=place.cidr,
            zones=place.zones,
            logs_key_arn=keys.arn("internal"),
            flow_logs_days=scope.environment.retention.logs_days,
        ),
    )
    databases = _databases(scope, foundation, keys, network)
    audit = _audit(scope, keys)
    _backups(scope, keys, databases)
    pool = UserPool(
        "people",
        scope,
        UserPoolArgs(mfa=scope.environment.sign_in.mfa, password_length=scope.environment.sign_in.password_length),
    )
    arns = service_arns(scope, keys, databases, pool)
    carried = messaging(scope, keys, network, databases, arns, audit)
    entrance = Entrance(
        "entrance",
        scope,
        EntranceArgs(
            domain=f"services.{scope.region}.{scope.environment.domain}",
            zone_id=foundation.zone_id,
            vpc_id=network.vpc_id,
            subnet_ids=network.private_subnet_ids,
            cidr=place.cidr,
            services=behind_entrance(scope, services),
            logs_bucket=audit.access_logs_name,
        ),
    )
    hosts = {cluster: database.endpoint for cluster, database in databases.items()}
    computing = compute(scope, services, Surroundings(keys, network, entrance, pool, arns, hosts))
    door = front_door(scope, foundation, keys, network, entrance, pool, audit)
    alarms(scope, keys, (*carried.watches, *door.watches, *database_alarms(scope, databases)))
    publish(
        RegionOutputs(
            vpc_id=network.vpc_id,
            private_subnet_ids=network.private_subnet_ids,
            key_arns=keys.key_arns,
            database_arns=pulumi.Output.all(**{name: made.arn for name, made in databases.items()}),
            database_endpoints=pulumi.Output.all(**{name: made.endpoint for name, made in databases.items()}),
            database_resource_ids=pulumi.Output.all(**{name: made.resource_id for name, made in databases.items()}),
            audit_buckets=audit.names,
            bus_arn=carried.bus_arn,
            user_pool_id=pool.pool_id,
            user_pool_arn=pool.pool_arn,
            client_ids=pool.client_ids,
            kubeconfig=computing.kubeconfig,
            role_arns=computing.role_arns,
            target_group_arns=entrance.target_group_arns,
            entrance_address=entrance.address,
        )
    )


def _databases(
    scope: Scope, foundation: FoundationOutputs, keys: RegionalKeys, network: Network
) -> dict[str, DatabaseCluster]:
    """Make a region's databases; the region that writes has their master passwords."""
    callers = scope.environment.regions[scope.region].cidr
    monitoring = DatabaseMonitoring("database-monitoring", scope)
    writes = scope.region == scope.environment.primary
    chance = replace(scope, providers=(*scope.providers, random.Provider("random"))) if writes else scope
    made: dict[str, DatabaseCluster] = {}
    for cluster in CLUSTERS:
        name = f"database-{cluster}"
        password = MasterPassword(f"{name}-master-password", chance).value if writes else None
        made[cluster] = DatabaseCluster(
            name,
            scope,
            DatabaseClusterArgs(
                cluster=cluster,
                global_identifier=foundation.global_databases[cluster],
                vpc_id=network.vpc_id,
                subnet_ids=network.private_subnet_ids,
                callers=callers,
                data_key_arn=keys.arn("phi"),
                logs_key_arn=keys.arn("internal"),
                monitoring_role_arn=monitoring.role_arn,
                master_password=password,
            ),
        )
        if password is not None:
            MasterSecret(
                f"{name}-master",
                scope,
                MasterSecretArgs(
                    cluster=cluster,
                    endpoint=made[cluster].endpoint,
                    port=PORT,
                    username=MASTER,
                    password=password,
                    key_arn=keys.arn("phi"),
                    vpc_id=network.vpc_id,
                    subnet_ids=network.private_subnet_ids,
                    callers=callers,
                ),
            )
    return made


def _audit(scope: Scope, keys: RegionalKeys) -> AuditBuckets:
    """Make what records and watches: buckets first, then what writes to them."""
    buckets = AuditBuckets("audit", scope, AuditBucketsArgs(key_arn=keys.arn("audit")))
    Trail(
        "trail",
        scope,
        TrailArgs(
            bucket_name=buckets.trail.bucket_name,
            phi_bucket_arns=[bucket.arn for bucket in buckets.holding_phi],
            key_arn=keys.arn("audit"),
            logs_key_arn=keys.arn("internal"),
            depends_on=[buckets.trail],
        ),
    )
    ConfigurationHistory(
        "configuration",
        scope,
        ConfigurationHistoryArgs(
            bucket_name=buckets.config.bucket_name, key_arn=keys.arn("audit"), depends_on=[buckets.config]
        ),
    )
    Detection("detection", scope, DetectionArgs(watched_buckets=[bucket.bucket_name for bucket in buckets.holding_phi]))
    return buckets


def _backups(scope: Scope, keys: RegionalKeys, databases: dict[str, DatabaseCluster]) -> None:
    vault = BackupVault("backups", scope, BackupVaultArgs(key_arn=keys.arn("phi")))
    Backups(
        "backup-plan",
        scope,
        BackupsArgs(
            vault_name=vault.vault_name,
            vault_arn=vault.arn,
            database_arns={name: made.arn for name, made in databases.items()},
            copied_to=[region for region in scope.environment.regions if region != scope.region],
            restored_into={name: made.identifier for name, made in databases.items()},
        ),
    )


def _cluster(stack: Stack, scope: Scope, services: Services) -> None:
    read(FoundationOutputs, stack.reads[0])
    region = read(RegionOutputs, stack.reads[1])
    github = scope.environment.github
    inside = kubernetes.Provider("cluster", kubeconfig=region.kubeconfig, enable_server_side_apply=True)
    GitOpsBridge(
        "bridge",
        replace(scope, providers=(*scope.providers, inside)),
        GitOpsBridgeArgs(
            repository=github.repository,
            revision=github.revision,
            services=[name for name, service in services.items() if service.runs_on == "eks"],
            databases=CLUSTERS,
            facts=bridge_facts(scope, services, region),
        ),
    )
    publish(ClusterOutputs())


def _routing(stack: Stack, scope: Scope, _services: Services) -> None:
    foundation = read(FoundationOutputs, stack.reads[0])
    regions = {below.region: read(RegionOutputs, below) for below in stack.reads[1:]}
    hosts = {region: regional_host(scope, region) for region in regions}
    SharedSecrets("secrets", scope, SharedSecretsArgs({region: of.key_arns["phi"] for region, of in regions.items()}))
    Health("health", scope, HealthArgs(hosts=hosts))
    switch = None
    if scope.environment.standbys:
        GlobalBus("bus", scope)
        AuditCopies(
            "audit-copies",
            scope,
            AuditCopiesArgs(
                buckets={region: of.audit_buckets for region, of in regions.items()},
                key_arns={region: of.key_arns["audit"] for region, of in regions.items()},
            ),
        )
        switch = RegionSwitch(
            "switch",
            scope,
            RegionSwitchArgs(
                zone_id=foundation.zone_id,
                record_name=f"api.{scope.environment.domain}",
                databases={
                    cluster: {region: of.database_arns[cluster] for region, of in regions.items()}
                    for cluster in CLUSTERS
                },
                global_identifiers={cluster: foundation.global_databases[cluster] for cluster in CLUSTERS},
                clusters={region: scope.named("cluster") for region in regions},
            ),
        )
    Address("address", scope, AddressArgs(zone_id=foundation.zone_id, hosts=hosts, switch=switch))


_LAYERS: dict[Layer, Callable[[Stack, Scope, Services], None]] = {
    "foundation": _foundation,
    "region": _region,
    "cluster": _cluster,
    "routing": _routing,
}
