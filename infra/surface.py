"""What of a region carries events, is reached and wakes people: its ARNs, messaging, front door, alarms.

Beside the assembly, whose part it is, so that neither is too long to read.
"""

from __future__ import annotations

import pulumi

from infra.components.audit_trail import AuditBuckets
from infra.components.base import Scope
from infra.components.bucket import bucket_name
from infra.components.database import DatabaseCluster
from infra.components.database_watches import WatchedDatabase, database_watches, functions_in
from infra.components.encryption import RegionalKeys
from infra.components.entrance import Entrance
from infra.components.failover import regional_host
from infra.components.findings import Findings, FindingsArgs
from infra.components.front_door import FrontDoor, FrontDoorArgs
from infra.components.function_environment import function_environment
from infra.components.identity import UserPool
from infra.components.messaging import Messaging, MessagingArgs
from infra.components.network import Network
from infra.components.observability import AlarmTopic, AlarmTopicArgs, Observability, ObservabilityArgs
from infra.components.watch import Watch
from infra.outputs import FoundationOutputs
from infra.permissions import Arns, function_statements
from services.contracts.catalogue import catalogue
from services.contracts.topology import BUS, MAIL_CONFIGURATION_SET


def service_arns(scope: Scope, keys: RegionalKeys, databases: dict[str, DatabaseCluster], pool: UserPool) -> Arns:
    """Return what services touch in this region, as IAM names it."""
    sender_domain = scope.environment.messages.sender_email.partition("@")[2]
    return Arns(
        region=scope.region,
        bus=scope.arn("events", f"event-bus/{BUS}"),
        queue=lambda queue: scope.arn("sqs", queue),
        bucket=lambda bucket: scope.arn("s3", bucket_name(scope, bucket.removeprefix("careslot-"))),
        secret=lambda service, secret: scope.arn(
            "secretsmanager", f"secret:{scope.named(f'{service}-{secret}')}-??????"
        ),
        database=lambda cluster, user: pulumi.Output.concat(
            scope.arn("rds-db", "dbuser:"), databases[cluster].resource_id, "/", user
        ),
        phi_key=keys.arn("phi"),
        audit_key=keys.arn("audit"),
        user_pool=pool.pool_arn,
        email_identity=scope.arn("ses", f"identity/{sender_domain}"),
        email_events=scope.arn("ses", f"configuration-set/{MAIL_CONFIGURATION_SET}"),
    )


def messaging(
    scope: Scope,
    keys: RegionalKeys,
    network: Network,
    databases: dict[str, DatabaseCluster],
    arns: Arns,
    audit: AuditBuckets,
) -> Messaging:
    """Make bus, queues, functions and schedules."""
    environment = scope.environment
    services = catalogue()
    hosts = {cluster: database.endpoint for cluster, database in databases.items()}
    return Messaging(
        "messaging",
        scope,
        MessagingArgs(
            phi_key_arn=keys.arn("phi"),
            internal_key_arn=keys.arn("internal"),
            vpc_id=network.vpc_id,
            subnet_ids=network.private_subnet_ids,
            access_logs_bucket=audit.access_logs_name,
            environment={
                service: function_environment(environment, services[service], hosts)
                for service in environment.functions.code
            },
            statements={
                service: function_statements(services[service], arns) for service in environment.functions.code
            },
        ),
    )


def front_door(
    scope: Scope,
    foundation: FoundationOutputs,
    keys: RegionalKeys,
    network: Network,
    entrance: Entrance,
    pool: UserPool,
    audit: AuditBuckets,
) -> FrontDoor:
    """Make the APIs, under the names that routing points to."""
    domain = scope.environment.domain
    return FrontDoor(
        "front-door",
        scope,
        FrontDoorArgs(
            # Partners know both regions' names and choose themselves: their certificates are pinned to a name.
            hosts={
                "people": (regional_host(scope, scope.region), f"api.{domain}"),
                "partners": (f"partners.{scope.region}.{domain}",),
            },
            zone_id=foundation.zone_id,
            entrance_address=entrance.address,
            entrance_arn=entrance.load_balancer_arn,
            entrance_group_id=entrance.security_group_id,
            vpc_id=network.vpc_id,
            subnet_ids=network.private_subnet_ids,
            user_pool_arn=pool.pool_arn,
            key_arn=keys.arn("internal"),
            access_logs_bucket=audit.access_logs_name,
        ),
    )


def database_alarms(scope: Scope, databases: dict[str, DatabaseCluster]) -> tuple[Watch, ...]:
    """Return what is worth an alarm of a region's databases."""
    services, functions = catalogue(), scope.environment.functions
    return tuple(
        watch
        for cluster, database in databases.items()
        for watch in database_watches(
            scope,
            WatchedDatabase(cluster, database.identifier, replicated=bool(scope.environment.standbys)),
            services,
            functions.concurrency * functions_in(cluster, services),
        )
    )


def alarms(scope: Scope, keys: RegionalKeys, watches: tuple[Watch, ...]) -> None:
    """Make what tells people: of findings, and by alarms and dashboards of what is worth watching."""
    settings = scope.environment.alarms
    topic = AlarmTopic("alarms", scope, AlarmTopicArgs(keys.arn("internal"), settings.notify))
    findings = Findings("findings", scope, FindingsArgs(keys.arn("internal"), dict(scope.environment.findings)))
    Observability(
        "watch",
        scope,
        ObservabilityArgs(
            topic_arn=topic.topic_arn,
            key_arn=keys.arn("internal"),
            active=scope.environment.serves(scope.region),
            watches=(*watches, *findings.watches),
            sampled=settings.traced,
        ),
    )
