"""Backups, secrets and everything else that must still be there after a loss."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rules.judging import Book, phi, production
from policies.rules.reading import View

BOOK = Book()
RULES = BOOK.rules
VAULT = "aws:backup/vault:Vault"
PLAN = "aws:backup/plan:Plan"
SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a resource type
DATABASE = "aws:rds/cluster:Cluster"
# What nobody can make again, and would be gone with a slip of `pulumi destroy`.
IRREPLACEABLE = (
    VAULT, SECRET, DATABASE, "aws:cognito/userPool:UserPool", "aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey",
    "aws:rds/globalCluster:GlobalCluster", "aws:route53/zone:Zone", "aws:s3/bucket:Bucket",
)  # fmt: skip


@BOOK.rule(
    "vault-encrypted", "Backups are encrypted by a key of ours", VAULT, scope="stack",
    remedy="Set kms_key_arn to the key for PHI.",
)  # fmt: skip
def _encrypted(vault: View) -> Iterator[str]:
    if not vault.given("kmsKeyArn"):
        yield "backups are under AWS's own key"


@BOOK.rule(
    "vault-locked", "Backups cannot be deleted early, by administrators neither", VAULT, scope="stack",
    remedy="Add a VaultLockConfiguration with min_retention_days; with changeable_for_days nobody can lift it again.",
)  # fmt: skip
def _locked(vault: View) -> Iterator[str]:
    locks = vault.about("aws:backup/vaultLockConfiguration:VaultLockConfiguration")
    if not locks:
        yield "backups can be deleted"
    for lock in locks:
        if lock.number("minRetentionDays") < 7:
            yield "backups can be deleted within a week"
        if vault.production and lock.at("changeableForDays").raw is None:
            yield "an administrator can lift its lock"


@BOOK.rule(
    "database-in-backup-plan", "Every database is in a backup plan", DATABASE, scope="stack",
    remedy="Add the cluster to the backup component's databases.",
)  # fmt: skip
def _planned(database: View) -> Iterator[str]:
    if not database.about("aws:backup/selection:Selection"):
        yield "no backup plan covers it"


@BOOK.rule(
    "backup-kept", "Backups are kept for a month, in production some for a year", PLAN,
    remedy="Set lifecycle.delete_after of the plan's rules (retention.backup_days).",
)  # fmt: skip
def _kept(plan: View) -> Iterator[str]:
    longest = max((rule.number("lifecycle.deleteAfter") for rule in plan.each("rules")), default=0)
    wanted = 365 if plan.production else 14
    if 0 < longest < wanted or not plan.each("rules"):
        yield f"the longest is kept for {longest:.0f} days, less than {wanted}"


@BOOK.rule(
    "backup-copied-away", "Backups of an environment with two regions are copied to the other", PLAN,
    scope="environment", when=lambda plan: len(plan.regions) > 1,
    remedy="Add copy_actions to every rule of the plan.",
)  # fmt: skip
def _copied(plan: View) -> Iterator[str]:
    for rule in plan.each("rules"):
        if not rule.each("copyActions"):
            yield f"{rule['ruleName']} is lost with its region"


@BOOK.rule(
    "backup-restore-tested", "Restoring is tested, week by week", DATABASE, scope="stack", when=phi,
    remedy="Add a RestoreTestingSelection of the database.",
)  # fmt: skip
def _tested(database: View) -> Iterator[str]:
    if not database.about("aws:backup/restoreTestingSelection:RestoreTestingSelection"):
        yield "nobody knows whether its backups can be restored"


@BOOK.rule(
    "secret-encrypted", "Secrets are encrypted by a key of ours", SECRET, scope="stack",
    remedy="Set kms_key_id.",
)  # fmt: skip
def _secret(secret: View) -> Iterator[str]:
    if not secret.given("kmsKeyId"):
        yield "is under AWS's own key"


@BOOK.rule(
    "secret-recoverable", "Secrets of production can be brought back for a month", SECRET, when=production,
    remedy="Set recovery_window_in_days to 30.",
)  # fmt: skip
def _recoverable(secret: View) -> Iterator[str]:
    if secret.number("recoveryWindowInDays", 30) < 30:
        yield f"is gone after {secret['recoveryWindowInDays']} days"


@BOOK.rule(
    "master-password-rotates", "Databases' master passwords change every month", SECRET, scope="stack",
    when=lambda secret: "master" in secret.name,
    remedy="Add a SecretRotation with rotation_rules.automatically_after_days at most 30.",
)  # fmt: skip
def _rotates(secret: View) -> Iterator[str]:
    rotations = secret.about("aws:secretsmanager/secretRotation:SecretRotation")
    if not any(0 < rotation.number("rotationRules.automaticallyAfterDays") <= 30 for rotation in rotations):
        yield "stays the same for longer than a month"


@BOOK.rule(
    "parameter-secure", "Secrets are not kept as plain parameters", "aws:ssm/parameter:Parameter",
    remedy="Use Secrets Manager, or type SecureString with a key of ours.",
)  # fmt: skip
def _parameter(parameter: View) -> Iterator[str]:
    sounds = any(word in str(parameter["name"]).lower() for word in ("password", "secret", "token", "key"))
    if sounds and parameter["type"] != "SecureString":
        yield "can be read by whoever may list parameters"


@BOOK.rule(
    "production-protected", "What nobody can make again is protected from a slip of the command", *IRREPLACEABLE,
    scope="stack", when=production,
    remedy="Make it with protect=True (self.child(protect=environment.protected)).",
)  # fmt: skip
def _protected(resource: View) -> Iterator[str]:
    if resource.resource.options.get("protect") is not True:
        yield "`pulumi destroy` takes it along"
