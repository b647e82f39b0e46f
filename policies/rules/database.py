"""Aurora: encrypted, private, backed up, reached with short-lived proofs over TLS, and telling no values in its log."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rules.judging import Book, phi, production
from policies.rules.reading import View

BOOK = Book()
RULES = BOOK.rules
CLUSTER = "aws:rds/cluster:Cluster"
INSTANCE = "aws:rds/clusterInstance:ClusterInstance"
SINGLE = "aws:rds/instance:Instance"
GLOBAL = "aws:rds/globalCluster:GlobalCluster"
PARAMETERS = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
# What PostgreSQL would write of statements' values, and the setting at which it does not.
SILENT = {
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


@BOOK.rule(
    "database-encrypted", "Databases are encrypted", CLUSTER, SINGLE, GLOBAL,
    remedy="Set storage_encrypted to true; an unencrypted cluster is replaced by a restored copy.",
)  # fmt: skip
def _encrypted(database: View) -> Iterator[str]:
    if not database.on("storageEncrypted"):
        yield "its storage is not encrypted"


@BOOK.rule(
    "database-private", "Databases have no public address", INSTANCE, SINGLE,
    remedy="Set publicly_accessible to false.",
)  # fmt: skip
def _private(database: View) -> Iterator[str]:
    if database.on("publiclyAccessible"):
        yield "has a public address"


@BOOK.rule(
    "database-backed-up", "Databases can be set back to any second of the last week; in production, of 35 days",
    CLUSTER, SINGLE,
    remedy="Set backup_retention_period (retention.backup_days of the environment).",
)  # fmt: skip
def _backed_up(database: View) -> Iterator[str]:
    wanted = 35 if database.production else 7
    if (days := database.number("backupRetentionPeriod", 1)) < wanted:
        yield f"can be set back {days:.0f} days, less than {wanted}"


@BOOK.rule(
    "database-kept", "Databases of production are not deleted by a wrong command", CLUSTER, SINGLE, GLOBAL,
    when=production,
    remedy="Set deletion_protection, and skip_final_snapshot to false with a final_snapshot_identifier.",
)  # fmt: skip
def _kept(database: View) -> Iterator[str]:
    if not database.on("deletionProtection"):
        yield "one command deletes it"
    if database.type != GLOBAL and database.on("skipFinalSnapshot"):
        yield "nothing is left when it is deleted"


@BOOK.rule(
    "database-tls-forced", "Databases refuse connections without TLS", CLUSTER, scope="stack",
    remedy="Set rds.force_ssl to 1 in the cluster's parameter group.",
)  # fmt: skip
def _tls_forced(database: View) -> Iterator[str]:
    groups = database.named("dbClusterParameterGroupName", PARAMETERS)
    if not any(_parameters(group).get("rds.force_ssl") == "1" for group in groups):
        yield "takes connections without TLS"


@BOOK.rule(
    "database-log-without-values", "A database's log shows no values of statements", PARAMETERS, when=phi,
    remedy="Set log_parameter_max_length and ..._on_error to 0, log_min_error_statement to panic, "
    "log_error_verbosity to terse, log_statement to ddl or none.",
)  # fmt: skip
def _without_values(group: View) -> Iterator[str]:
    found = _parameters(group)
    loud = [name for name, silent in SILENT.items() if found.get(name) != silent]
    if found.get("log_statement", "none") not in {"none", "ddl"}:
        loud.append("log_statement")
    if loud:
        yield f"writes values of statements, PHI among them, into its log: {', '.join(loud)}"


def _parameters(group: View) -> dict[str, str]:
    return {str(one["name"]): str(one["value"]) for one in group.each("parameters")}


@BOOK.rule(
    "database-iam-sign-in", "Services sign in to databases with proofs that last minutes, not with passwords", CLUSTER,
    remedy="Set iam_database_authentication_enabled.",
)  # fmt: skip
def _iam(database: View) -> Iterator[str]:
    if not database.on("iamDatabaseAuthenticationEnabled"):
        yield "is reached with passwords"


@BOOK.rule(
    "database-logs-exported", "Databases' logs leave the machine they are written on", CLUSTER,
    remedy="Add postgresql to enabled_cloudwatch_logs_exports.",
)  # fmt: skip
def _logs(database: View) -> Iterator[str]:
    if "postgresql" not in database.words("enabledCloudwatchLogsExports"):
        yield "its log of connections stays on the machine"


@BOOK.rule(
    "database-insights-encrypted", "What is recorded about statements is encrypted by a key of ours", INSTANCE,
    scope="stack", when=lambda instance: instance.phi and instance.on("performanceInsightsEnabled"),
    remedy="Set performance_insights_kms_key_id to the key for PHI.",
)  # fmt: skip
def _insights(instance: View) -> Iterator[str]:
    if not instance.given("performanceInsightsKmsKeyId"):
        yield "statements are recorded under AWS's own key"


@BOOK.rule(
    "database-patched", "Databases take minor versions by themselves", INSTANCE,
    remedy="Set auto_minor_version_upgrade to true.",
)  # fmt: skip
def _patched(instance: View) -> Iterator[str]:
    # Aurora's default is on.
    if instance["autoMinorVersionUpgrade"] is False:
        yield "stays on the version it was made with"
