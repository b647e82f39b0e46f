"""Backups of databases: in a vault nobody can empty, copied to the other region, restored every week as a test.

45 CFR 164.308(a)(7)(ii)(A), (B) and (D); the proposed rule's 72 hours to restore are shown by the restore tests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.service_role import service_role

DAILY = "cron(0 6 * * ? *)"
MONTHLY = "cron(0 6 1 * ? *)"
WEEKLY = "cron(0 9 ? * SUN *)"
DAILY_DAYS = 35
# Days in which a new vault's lock can still be taken back; after them not even AWS can (AWS Backup, "Vault Lock").
DAYS_TO_RECONSIDER = 7
HOURS_TO_VALIDATE = 8


@dataclass(frozen=True, slots=True)
class BackupVaultArgs:
    """``key_arn`` is the region's key for PHI."""

    key_arn: pulumi.Input[str]


class BackupVault(Component):
    """Where recovery points lie, this region's and copies of the other's; the same name in every region."""

    data_class = "phi"
    vault_name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: BackupVaultArgs) -> None:
        super().__init__(name, scope)
        environment = scope.environment
        vault = aws.backup.Vault(
            name,
            name=vault_name(scope),
            kms_key_arn=args.key_arn,
            force_destroy=not environment.protected,
            opts=self.child(protect=environment.protected),
        )
        aws.backup.VaultLockConfiguration(
            name,
            backup_vault_name=vault.name,
            min_retention_days=7,
            max_retention_days=environment.retention.backup_days,
            # With a date the lock becomes unchangeable; without one, administrators could lift it (governance mode).
            changeable_for_days=DAYS_TO_RECONSIDER if environment.protected else None,
            opts=self.child(),
        )
        refuse = {
            "Sid": "NobodyDeletes",
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": ["backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"],
            "Resource": "*",
        }
        if environment.protected:
            aws.backup.VaultPolicy(
                name,
                backup_vault_name=vault.name,
                policy=json.dumps({"Version": "2012-10-17", "Statement": [refuse]}),
                opts=self.child(),
            )
        self.vault_name, self.arn = vault.name, vault.arn
        self.registered()


@dataclass(frozen=True, slots=True)
class BackupsArgs:
    """``database_arns`` are backed up; ``copied_to`` are the regions whose vaults take a copy.

    ``restored_into`` is the DB subnet group in which a test restore is made.
    """

    vault_name: pulumi.Input[str]
    vault_arn: pulumi.Input[str]
    database_arns: Mapping[str, pulumi.Input[str]]
    copied_to: Sequence[str]
    restored_into: Mapping[str, str]


class Backups(Component):
    """The plan, what it takes, and the weekly restore that shows a backup is good for something."""

    data_class = "phi"
    plan_id: pulumi.Output[str]
    restore_testing_plan_arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: BackupsArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        role = self._role()
        days = scope.environment.retention.backup_days
        plan = aws.backup.Plan(
            name,
            name=scope.named("databases"),
            rules=[
                self._rule("daily", DAILY, min(days, DAILY_DAYS)),
                *([self._rule("monthly", MONTHLY, days)] if days > DAILY_DAYS else []),
            ],
            opts=self.child(),
        )
        aws.backup.Selection(
            name,
            name=scope.named("databases"),
            plan_id=plan.id,
            iam_role_arn=role.arn,
            resources=list(args.database_arns.values()),
            opts=self.child(),
        )
        self.plan_id = plan.id
        self.restore_testing_plan_arn = self._restore_tests(role).arn
        self.registered()

    def _rule(self, title: str, schedule: str, days: int) -> aws.backup.PlanRuleArgs:
        return aws.backup.PlanRuleArgs(
            rule_name=title,
            target_vault_name=self.args.vault_name,
            schedule=schedule,
            start_window=60,
            completion_window=600,
            lifecycle=aws.backup.PlanRuleLifecycleArgs(delete_after=days),
            copy_actions=[
                aws.backup.PlanRuleCopyActionArgs(
                    destination_vault_arn=self.scope.arn(
                        "backup", f"backup-vault:{vault_name(self.scope)}", region=region
                    ),
                    lifecycle=aws.backup.PlanRuleCopyActionLifecycleArgs(delete_after=days),
                )
                for region in self.args.copied_to
            ],
        )

    def _restore_tests(self, role: aws.iam.Role) -> aws.backup.RestoreTestingPlan:
        plan = aws.backup.RestoreTestingPlan(
            f"{self.name}-restore",
            # Letters, digits and underscores only.
            name=self.scope.named("restore_tests").replace("-", "_"),
            schedule_expression=WEEKLY,
            start_window_hours=1,
            recovery_point_selection=aws.backup.RestoreTestingPlanRecoveryPointSelectionArgs(
                algorithm="RANDOM_WITHIN_WINDOW",
                include_vaults=[self.args.vault_arn],
                recovery_point_types=["SNAPSHOT"],
                selection_window_days=7,
            ),
            opts=self.child(),
        )
        for database, arn in self.args.database_arns.items():
            aws.backup.RestoreTestingSelection(
                f"{self.name}-restore-{database}",
                name=database,
                restore_testing_plan_name=plan.name,
                protected_resource_type="Aurora",
                protected_resource_arns=[arn],
                iam_role_arn=role.arn,
                restore_metadata_overrides={"dbSubnetGroupName": self.args.restored_into[database]},
                validation_window_hours=HOURS_TO_VALIDATE,
                opts=self.child(),
            )
        return plan

    def _role(self) -> aws.iam.Role:
        return service_role(
            self,
            "role",
            self.scope.named(f"backup-{self.scope.region}"),
            "backup.amazonaws.com",
            managed=[f"service-role/AWSBackupServiceRolePolicyFor{what}" for what in ("Backup", "Restores")],
        )


def vault_name(scope: Scope) -> str:
    """Return the vaults' name, the same in every region, so that each can name where its copies go."""
    return scope.named("backups")
