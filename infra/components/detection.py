"""What watches an account's region: Config, GuardDuty, Security Hub, Access Analyzer, and Macie over the audit buckets.

Each region watches itself, so that nothing here waits for another. 45 CFR 164.308(a)(1)(ii)(D), (a)(5)(ii)(B), (a)(6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.service_role import service_role

# AWS managed rules and what each watches for; those that are about PHI at rest, in transit, public or unrecorded.
CONFIG_RULES: Mapping[str, str] = {
    "BACKUP_RECOVERY_POINT_ENCRYPTED": "backups are encrypted",
    "CLOUD_TRAIL_ENABLED": "the trail is on",
    "CLOUD_TRAIL_ENCRYPTION_ENABLED": "the trail is encrypted",
    "CLOUD_TRAIL_LOG_FILE_VALIDATION_ENABLED": "the trail can be proved untouched",
    "CMK_BACKING_KEY_ROTATION_ENABLED": "keys are rotated",
    "EKS_ENDPOINT_NO_PUBLIC_ACCESS": "the cluster's endpoint is private",
    "EKS_SECRETS_ENCRYPTED": "cluster secrets are encrypted by our key",
    "ENCRYPTED_VOLUMES": "volumes are encrypted",
    "GUARDDUTY_ENABLED_CENTRALIZED": "GuardDuty is on",
    "IAM_POLICY_NO_STATEMENTS_WITH_ADMIN_ACCESS": "no policy allows everything",
    "IAM_ROOT_ACCESS_KEY_CHECK": "the root user has no key",
    "LAMBDA_FUNCTION_PUBLIC_ACCESS_PROHIBITED": "functions are private",
    "RDS_CLUSTER_DELETION_PROTECTION_ENABLED": "databases cannot be deleted by mistake",
    "RDS_CLUSTER_IAM_AUTHENTICATION_ENABLED": "databases take IAM sign-in",
    "RDS_INSTANCE_PUBLIC_ACCESS_CHECK": "databases are private",
    "RDS_SNAPSHOTS_PUBLIC_PROHIBITED": "snapshots are private",
    "RDS_STORAGE_ENCRYPTED": "databases are encrypted",
    "ROOT_ACCOUNT_MFA_ENABLED": "the root user has a second factor",
    "S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED": "buckets are private",
    "S3_BUCKET_LOGGING_ENABLED": "access to buckets is on record",
    "S3_BUCKET_SSL_REQUESTS_ONLY": "buckets are reached over TLS only",
    "SECRETSMANAGER_ROTATION_ENABLED_CHECK": "secrets are rotated",
    "SECRETSMANAGER_USING_CMK": "secrets are encrypted by our key",
    "VPC_DEFAULT_SECURITY_GROUP_CLOSED": "the default security group lets nothing through",
    "VPC_FLOW_LOGS_ENABLED": "flows are on record",
}
GUARDDUTY_FEATURES = (
    "EBS_MALWARE_PROTECTION", "EKS_AUDIT_LOGS", "LAMBDA_NETWORK_LOGS", "RDS_LOGIN_EVENTS", "RUNTIME_MONITORING",
    "S3_DATA_EVENTS",
)  # fmt: skip
RUNTIME_AGENTS = ("EC2_AGENT_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EKS_ADDON_MANAGEMENT")
STANDARDS = ("aws-foundational-security-best-practices/v/1.0.0", "nist-800-53/v/5.0.0")
# AWS Config keeps at most this long by itself (API reference, PutRetentionConfiguration); its bucket keeps longer.
LONGEST_CONFIG_DAYS = 2557
UNUSED_AFTER_DAYS = 90


@dataclass(frozen=True, slots=True)
class ConfigurationHistoryArgs:
    """``bucket_name`` is the write-once bucket where AWS Config puts what it saw."""

    bucket_name: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    depends_on: Sequence[pulumi.Resource] = ()


class ConfigurationHistory(Component):
    """AWS Config: what every resource was like at any time, and rules that say when one is as it should not be."""

    data_class = "internal"
    recorder_name: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: ConfigurationHistoryArgs) -> None:
        super().__init__(name, scope, depends_on=args.depends_on)
        recorder = aws.cfg.Recorder(
            name,
            name=scope.named("configuration"),
            role_arn=self._role(args).arn,
            recording_group=aws.cfg.RecorderRecordingGroupArgs(
                # IAM is the same everywhere: it is recorded once.
                all_supported=True,
                include_global_resource_types=scope.region == scope.environment.primary,
            ),
            opts=self.child(),
        )
        channel = aws.cfg.DeliveryChannel(
            name,
            name=scope.named("configuration"),
            s3_bucket_name=args.bucket_name,
            s3_kms_key_arn=args.key_arn,
            snapshot_delivery_properties=aws.cfg.DeliveryChannelSnapshotDeliveryPropertiesArgs(
                delivery_frequency="TwentyFour_Hours"
            ),
            opts=self.child(depends_on=[recorder]),
        )
        running = aws.cfg.RecorderStatus(
            name, name=recorder.name, is_enabled=True, opts=self.child(depends_on=[channel])
        )
        aws.cfg.RetentionConfiguration(
            name,
            retention_period_in_days=min(scope.environment.retention.audit_years * 365, LONGEST_CONFIG_DAYS),
            opts=self.child(depends_on=[recorder]),
        )
        for identifier, watched in CONFIG_RULES.items():
            rule = identifier.lower().replace("_", "-")
            aws.cfg.Rule(
                f"{name}-{rule}",
                name=scope.named(rule),
                description=watched,
                source=aws.cfg.RuleSourceArgs(owner="AWS", source_identifier=identifier),
                opts=self.child(depends_on=[running]),
            )
        self.recorder_name = recorder.name
        self.registered()

    def _role(self, args: ConfigurationHistoryArgs) -> aws.iam.Role:
        account = self.scope.environment.account
        bucket = pulumi.Output.concat("arn:aws:s3:::", args.bucket_name)
        statements: list[Mapping[str, Any]] = [
            {
                "Effect": "Allow",
                "Action": ["s3:PutObject"],
                "Resource": pulumi.Output.concat(bucket, f"/AWSLogs/{account}/*"),
            },
            {"Effect": "Allow", "Action": ["s3:GetBucketAcl", "s3:ListBucket"], "Resource": bucket},
            {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": args.key_arn},
        ]
        return service_role(
            self,
            "role",
            self.scope.named(f"configuration-{self.scope.region}"),
            "config.amazonaws.com",
            statements,
            managed=["service-role/AWS_ConfigRole"],
        )


@dataclass(frozen=True, slots=True)
class DetectionArgs:
    """``watched_buckets`` are searched by Macie for personal data that should not be there."""

    watched_buckets: Sequence[pulumi.Input[str]]


class Detection(Component):
    """GuardDuty, Security Hub, Access Analyzer and Macie."""

    data_class = "internal"
    detector_id: pulumi.Output[str]
    analyzer_arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: DetectionArgs) -> None:
        super().__init__(name, scope)
        self.detector_id = self._guardduty().id
        self._security_hub()
        self.analyzer_arn = self._access_analyzer().arn
        self._macie(args)
        self.registered()

    def _guardduty(self) -> aws.guardduty.Detector:
        detector = aws.guardduty.Detector(
            self.name, enable=True, finding_publishing_frequency="FIFTEEN_MINUTES", opts=self.child()
        )
        for feature in GUARDDUTY_FEATURES:
            agents = RUNTIME_AGENTS if feature == "RUNTIME_MONITORING" else ()
            aws.guardduty.DetectorFeature(
                f"{self.name}-{feature.lower().replace('_', '-')}",
                detector_id=detector.id,
                name=feature,
                status="ENABLED",
                additional_configurations=[
                    aws.guardduty.DetectorFeatureAdditionalConfigurationArgs(name=agent, status="ENABLED")
                    for agent in agents
                ],
                opts=self.child(),
            )
        return detector

    def _security_hub(self) -> None:
        hub = aws.securityhub.Account(
            f"{self.name}-hub",
            enable_default_standards=False,
            auto_enable_controls=True,
            control_finding_generator="SECURITY_CONTROL",
            opts=self.child(),
        )
        for standard in STANDARDS:
            aws.securityhub.StandardsSubscription(
                f"{self.name}-{standard.partition('/')[0]}",
                standards_arn=f"arn:aws:securityhub:{self.scope.region}::standards/{standard}",
                opts=self.child(depends_on=[hub]),
            )

    def _access_analyzer(self) -> aws.accessanalyzer.Analyzer:
        if self.scope.region == self.scope.environment.primary:
            unused = aws.accessanalyzer.AnalyzerConfigurationUnusedAccessArgs(unused_access_age=UNUSED_AFTER_DAYS)
            aws.accessanalyzer.Analyzer(
                f"{self.name}-unused",
                analyzer_name=self.scope.named("unused-access"),
                type="ACCOUNT_UNUSED_ACCESS",
                configuration=aws.accessanalyzer.AnalyzerConfigurationArgs(unused_access=unused),
                opts=self.child(),
            )
        return aws.accessanalyzer.Analyzer(
            f"{self.name}-external",
            analyzer_name=self.scope.named("external-access"),
            type="ACCOUNT",
            opts=self.child(),
        )

    def _macie(self, args: DetectionArgs) -> None:
        account = aws.macie2.Account(
            f"{self.name}-macie",
            finding_publishing_frequency="FIFTEEN_MINUTES",
            status="ENABLED",
            opts=self.child(),
        )
        buckets = aws.macie2.ClassificationJobS3JobDefinitionBucketDefinitionArgs(
            account_id=self.scope.environment.account, buckets=args.watched_buckets
        )
        aws.macie2.ClassificationJob(
            f"{self.name}-audit-buckets",
            name=self.scope.named("audit-buckets"),
            description="Personal data in audit buckets, which hold references and digests only",
            job_type="SCHEDULED",
            schedule_frequency=aws.macie2.ClassificationJobScheduleFrequencyArgs(weekly_schedule="SUNDAY"),
            s3_job_definition=aws.macie2.ClassificationJobS3JobDefinitionArgs(bucket_definitions=[buckets]),
            opts=self.child(depends_on=[account]),
        )
