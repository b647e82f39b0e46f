"""Aurora PostgreSQL: booking's cluster apart from the one the other services share, each a global database.

Services sign in with IAM (a token of fifteen minutes), never with a password; TLS is forced; statements reach the log
without their values, because a value may be PHI. 45 CFR 164.312(a)(2)(iv), (b), (d) and (e)(1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

import pulumi
import pulumi_aws as aws

from environments.model import Capacity
from infra.components.base import Component, Scope
from infra.components.service_role import service_role

ClusterName = Literal["booking", "shared"]
CLUSTERS: tuple[ClusterName, ...] = ("booking", "shared")
ENGINE = "aurora-postgresql"
PORT = 5432
MASTER = "careslot_master"
# What Aurora keeps itself, at most; longer is AWS Backup's (infra/components/backup.py).
LONGEST_AURORA_BACKUP_DAYS = 35
# How long Database Insights keeps what it saw, by mode: the only values either takes.
INSIGHTS_DAYS = {"standard": 7, "advanced": 465}
LOGS = ("iam-db-auth-error", "postgresql")
# Values of statements stay out of the log, and so do the details of an error, which quote rows.
PARAMETERS = {
    "log_connections": "1",
    "log_disconnections": "1",
    "log_error_verbosity": "terse",
    "log_lock_waits": "1",
    "log_min_duration_statement": "1000",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "ddl",
    "rds.force_ssl": "1",
}


class GlobalDatabases(Component):
    """What joins the regional clusters of one database: replication by storage, promotion by one call."""

    data_class = "phi"
    identifiers: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope) -> None:
        super().__init__(name, scope)
        self.identifiers = pulumi.Output.all(
            **{
                cluster: aws.rds.GlobalCluster(
                    f"{name}-{cluster}",
                    global_cluster_identifier=scope.named(cluster),
                    engine=ENGINE,
                    engine_version=scope.environment.database.version,
                    storage_encrypted=True,
                    deletion_protection=scope.environment.protected,
                    opts=self.child(protect=scope.environment.protected),
                ).id
                for cluster in CLUSTERS
            }
        )
        self.registered()


@dataclass(frozen=True, slots=True)
class DatabaseClusterArgs:
    """``callers`` is the network whose pods and functions may connect; who they are is decided by IAM.

    ``master_password`` is for the region that writes; a standby has the primary's users and takes none.
    """

    cluster: ClusterName
    global_identifier: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    callers: IPv4Network
    data_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    monitoring_role_arn: pulumi.Input[str]
    master_password: pulumi.Input[str] | None


class DatabaseCluster(Component):
    """One database in one region: its cluster, writer and readers, reached from private subnets only."""

    data_class = "phi"
    arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    reader_endpoint: pulumi.Output[str]
    resource_id: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: DatabaseClusterArgs) -> None:
        super().__init__(name, scope, service="booking" if args.cluster == "booking" else "platform")
        self.args = args
        self.identifier = scope.named(args.cluster)
        self.capacity: Capacity = getattr(scope.environment.database, args.cluster)
        self._log_groups()
        cluster = self._cluster(self._security_group())
        self._instances(cluster)
        self.arn, self.endpoint, self.reader_endpoint = cluster.arn, cluster.endpoint, cluster.reader_endpoint
        self.resource_id = cluster.cluster_resource_id
        self.registered()

    def _security_group(self) -> aws.ec2.SecurityGroup:
        group = aws.ec2.SecurityGroup(
            self.name,
            description=f"PostgreSQL of {self.args.cluster} from inside the VPC",
            vpc_id=self.args.vpc_id,
            opts=self.child(),
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{self.name}-postgresql",
            security_group_id=group.id,
            description="PostgreSQL from inside the VPC",
            ip_protocol="tcp",
            from_port=PORT,
            to_port=PORT,
            cidr_ipv4=str(self.args.callers),
            opts=self.child(),
        )
        return group

    def _log_groups(self) -> None:
        """Make the groups before Aurora does, which would keep them for ever under no key."""
        for log in LOGS:
            aws.cloudwatch.LogGroup(
                f"{self.name}-{log}",
                name=f"/aws/rds/cluster/{self.identifier}/{log}",
                retention_in_days=self.scope.environment.retention.logs_days,
                kms_key_id=self.args.logs_key_arn,
                tags={"data-class": "internal"},
                opts=self.child(),
            )

    def _cluster(self, group: aws.ec2.SecurityGroup) -> aws.rds.Cluster:
        environment, capacity = self.scope.environment, self.capacity
        scaling = aws.rds.ClusterServerlessv2ScalingConfigurationArgs(
            min_capacity=capacity.min_acu, max_capacity=capacity.max_acu
        )
        return aws.rds.Cluster(
            self.name,
            cluster_identifier=self.identifier,
            global_cluster_identifier=self.args.global_identifier,
            engine=ENGINE,
            engine_version=environment.database.version,
            master_username=None if self.args.master_password is None else MASTER,
            master_password=self.args.master_password,
            iam_database_authentication_enabled=True,
            storage_encrypted=True,
            kms_key_id=self.args.data_key_arn,
            port=PORT,
            db_subnet_group_name=self._subnets().name,
            vpc_security_group_ids=[group.id],
            db_cluster_parameter_group_name=self._parameters().name,
            serverlessv2_scaling_configuration=None if capacity.instance_class else scaling,
            backup_retention_period=min(environment.retention.backup_days, LONGEST_AURORA_BACKUP_DAYS),
            preferred_backup_window="07:00-08:00",
            preferred_maintenance_window="sun:08:30-sun:09:30",
            copy_tags_to_snapshot=True,
            deletion_protection=environment.protected,
            delete_automated_backups=not environment.protected,
            skip_final_snapshot=not environment.protected,
            final_snapshot_identifier=f"{self.identifier}-last" if environment.protected else None,
            enabled_cloudwatch_logs_exports=list(LOGS),
            # After a failover the regions have changed places, and this program has not.
            opts=self.child(protect=environment.protected, ignore_changes=["replicationSourceIdentifier"]),
        )

    def _subnets(self) -> aws.rds.SubnetGroup:
        return aws.rds.SubnetGroup(self.name, name=self.identifier, subnet_ids=self.args.subnet_ids, opts=self.child())

    def _parameters(self) -> aws.rds.ClusterParameterGroup:
        environment = self.scope.environment
        values = dict(PARAMETERS)
        if environment.standbys:
            values["rds.global_db_rpo"] = str(environment.database.recovery_point_seconds)
        return aws.rds.ClusterParameterGroup(
            self.name,
            name=self.identifier,
            family=f"{ENGINE}{environment.database.version.partition('.')[0]}",
            description="TLS forced; no values of statements in the log",
            parameters=[
                aws.rds.ClusterParameterGroupParameterArgs(name=key, value=value, apply_method="pending-reboot")
                for key, value in sorted(values.items())
            ],
            opts=self.child(),
        )

    def _instances(self, cluster: aws.rds.Cluster) -> None:
        environment = self.scope.environment
        for number in range(self.capacity.readers + 1):
            aws.rds.ClusterInstance(
                f"{self.name}-{number}",
                identifier=f"{self.identifier}-{number}",
                cluster_identifier=cluster.id,
                engine=aws.rds.EngineType.AURORA_POSTGRESQL,
                engine_version=environment.database.version,
                instance_class=self.capacity.instance_class or "db.serverless",
                db_subnet_group_name=self.identifier,
                publicly_accessible=False,
                auto_minor_version_upgrade=True,
                copy_tags_to_snapshot=True,
                # The first reader takes over from the writer, then the next.
                promotion_tier=min(number, 15),
                monitoring_interval=60,
                monitoring_role_arn=self.args.monitoring_role_arn,
                performance_insights_enabled=True,
                performance_insights_kms_key_id=self.args.data_key_arn,
                performance_insights_retention_period=INSIGHTS_DAYS[environment.database.insights],
                opts=self.child(protect=environment.protected),
            )


class DatabaseMonitoring(Component):
    """The role by which RDS writes what its machines do to CloudWatch."""

    data_class = "internal"
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope) -> None:
        super().__init__(name, scope)
        role = service_role(
            self,
            "role",
            scope.named(f"database-monitoring-{scope.region}"),
            "monitoring.rds.amazonaws.com",
            managed=["service-role/AmazonRDSEnhancedMonitoringRole"],
        )
        self.role_arn = role.arn
        self.registered()
