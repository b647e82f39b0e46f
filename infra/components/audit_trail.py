"""The audit trail of a region: who called AWS and who touched stored PHI, in buckets where nothing can be undone.

Every region keeps a trail of all regions in buckets of its own: a region that is down takes no trail with it.
45 CFR 164.312(b), 164.316(b)(2)(i).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.bucket import Bucket, BucketArgs, admitted
from infra.components.service_role import service_role
from services.contracts.topology import LOCKED_BUCKETS

DAYS_A_YEAR = 366
ACCESS_LOGS_DAYS = 400


@dataclass(frozen=True, slots=True)
class AuditBucketsArgs:
    """``key_arn`` is the region's key for the audit trail."""

    key_arn: pulumi.Input[str]


class AuditBuckets(Component):
    """The write-once buckets: CloudTrail's, Config's, and those the topology declares; and one for access logs."""

    data_class = "phi"
    names: pulumi.Output[Mapping[str, str]]
    access_logs_name: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: AuditBucketsArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        logs = self._inner(
            "access-logs",
            BucketArgs(
                purpose="access-logs",
                data_class="internal",
                key_arn=None,
                access_logs_bucket=None,
                kept_days=ACCESS_LOGS_DAYS,
                statements=[
                    admitted(scope, "logging.s3.amazonaws.com", "AccessLogs", ["s3:PutObject"], ["/*"]),
                    _load_balancers(scope),
                ],
            ),
        )
        self.access_logs_name = logs.bucket_name
        trail = "cloudtrail.amazonaws.com"
        config = "config.amazonaws.com"
        self.trail = self._locked(
            "trail",
            [
                admitted(scope, trail, "TrailChecks", ["s3:GetBucketAcl"], [""]),
                admitted(scope, trail, "TrailWrites", ["s3:PutObject"], [f"/AWSLogs/{scope.environment.account}/*"]),
            ],
        )
        self.config = self._locked(
            "config",
            [
                admitted(scope, config, "ConfigChecks", ["s3:GetBucketAcl", "s3:ListBucket"], [""]),
                admitted(scope, config, "ConfigWrites", ["s3:PutObject"], [f"/AWSLogs/{scope.environment.account}/*"]),
            ],
        )
        self.declared = {
            bucket.name: self._locked(
                bucket.name.removeprefix("careslot-"),
                service=bucket.service,
                years=max(bucket.retention_years, scope.environment.retention.audit_years),
            )
            for bucket in LOCKED_BUCKETS
        }
        made = {"trail": self.trail, "config": self.config, **self.declared}
        self.holding_phi: Sequence[Bucket] = tuple(made.values())
        self.names = pulumi.Output.all(**{purpose: bucket.bucket_name for purpose, bucket in made.items()})
        self.registered()

    def _locked(
        self,
        purpose: str,
        statements: Sequence[Mapping[str, object]] = (),
        *,
        service: str = "platform",
        years: int | None = None,
    ) -> Bucket:
        return self._inner(
            purpose,
            BucketArgs(
                purpose=purpose,
                data_class="phi",
                key_arn=self.args.key_arn,
                access_logs_bucket=self.access_logs_name,
                locked_days=(years or self.scope.environment.retention.audit_years) * DAYS_A_YEAR,
                service=service,
                statements=statements,
            ),
        )

    def _inner(self, purpose: str, args: BucketArgs) -> Bucket:
        return Bucket(f"{self.name}-{purpose}", self.scope, args, parent=self)


@dataclass(frozen=True, slots=True)
class TrailArgs:
    """``phi_bucket_arns`` are the buckets whose every read and write is recorded."""

    bucket_name: pulumi.Input[str]
    phi_bucket_arns: Sequence[pulumi.Input[str]]
    key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    depends_on: Sequence[pulumi.Resource] = ()


class Trail(Component):
    """CloudTrail of all regions, validated, with data events of buckets that hold PHI and of functions."""

    data_class = "phi"
    arn: pulumi.Output[str]
    log_group_name: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: TrailArgs) -> None:
        super().__init__(name, scope, depends_on=args.depends_on)
        self.args = args
        group = aws.cloudwatch.LogGroup(
            name,
            name=f"/careslot/{scope.environment.name}/trail",
            retention_in_days=scope.environment.retention.logs_days,
            kms_key_id=args.logs_key_arn,
            tags={"data-class": "internal"},
            opts=self.child(),
        )
        trail = aws.cloudtrail.Trail(
            name,
            name=f"{scope.named('trail')}-{scope.region}",
            s3_bucket_name=args.bucket_name,
            kms_key_id=args.key_arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_logging=True,
            enable_log_file_validation=True,
            cloud_watch_logs_group_arn=pulumi.Output.concat(group.arn, ":*"),
            cloud_watch_logs_role_arn=self._role(group).arn,
            advanced_event_selectors=self._selectors(),
            insight_selectors=[
                aws.cloudtrail.TrailInsightSelectorArgs(insight_type=kind)
                for kind in ("ApiCallRateInsight", "ApiErrorRateInsight")
            ],
            opts=self.child(protect=scope.environment.protected),
        )
        self.arn, self.log_group_name = trail.arn, group.name
        self.registered()

    def _selectors(self) -> list[aws.cloudtrail.TrailAdvancedEventSelectorArgs]:
        objects = [pulumi.Output.concat(arn, "/") for arn in self.args.phi_bucket_arns]
        wanted: dict[str, Mapping[str, Sequence[pulumi.Input[str]]]] = {
            "Management": {"eventCategory": ["Management"]},
            "Objects of PHI buckets": {"eventCategory": ["Data"], "resources.type": ["AWS::S3::Object"]},
            "Functions": {"eventCategory": ["Data"], "resources.type": ["AWS::Lambda::Function"]},
        }
        return [
            aws.cloudtrail.TrailAdvancedEventSelectorArgs(
                name=title,
                field_selectors=[
                    *(_equals(field, values) for field, values in fields.items()),
                    *([_starts_with("resources.ARN", objects)] if title == "Objects of PHI buckets" else []),
                ],
            )
            for title, fields in wanted.items()
        ]

    def _role(self, group: aws.cloudwatch.LogGroup) -> aws.iam.Role:
        write = {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": pulumi.Output.concat(group.arn, ":log-stream:*"),
        }
        name = self.scope.named(f"trail-{self.scope.region}")
        return service_role(self, "role", name, "cloudtrail.amazonaws.com", [write])


def _equals(
    field: str, values: Sequence[pulumi.Input[str]]
) -> aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs:
    return aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs(field=field, equals=values)


def _starts_with(
    field: str, values: Sequence[pulumi.Input[str]]
) -> aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs:
    return aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs(field=field, starts_withs=values)


def _load_balancers(scope: Scope) -> Mapping[str, Any]:
    """Return the statement that lets load balancers of this account and region write who called them."""
    return {
        "Sid": "LoadBalancerLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": ["s3:PutObject"],
        "Resource": [f"{{bucket}}/*/AWSLogs/{scope.environment.account}/*"],
        "Condition": {"ArnLike": {"aws:SourceArn": scope.arn("elasticloadbalancing", "loadbalancer/*")}},
    }
