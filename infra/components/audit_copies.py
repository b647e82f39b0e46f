"""Copies of the audit chain's anchors in the other region, as locked as the originals.

Both ways: whichever region serves writes anchors, and a region that is lost takes none with it. S3 copies an object
with its retention, into a bucket that has a lock of its own. 45 CFR 164.312(c)(1), 164.308(a)(7)(ii)(A).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.service_role import service_role
from services.contracts.topology import LOCKED_BUCKETS, LockedBucket

Rule = aws.s3.BucketReplicationConfigRuleArgs
# S3 Replication Time Control knows no other (S3 user guide).
MINUTES = 15


@dataclass(frozen=True, slots=True)
class AuditCopiesArgs:
    """``buckets`` are the write-once buckets by region and name, ``key_arns`` each region's key for the audit trail."""

    buckets: Mapping[str, pulumi.Output[Mapping[str, str]]]
    key_arns: Mapping[str, pulumi.Output[str]]


class AuditCopies(Component):
    """Replication of every bucket the topology locks, from each region to the other."""

    data_class = "phi"
    role_arns: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope, args: AuditCopiesArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        pairs = [(here, there) for here in args.buckets for there in args.buckets if here != there]
        roles = {
            f"{bucket.name}-{here}": self._copy(bucket, here, there).arn
            for bucket in LOCKED_BUCKETS
            for here, there in pairs
        }
        self.role_arns = pulumi.Output.all(**roles)
        self.registered()

    def _copy(self, bucket: LockedBucket, here: str, there: str) -> aws.iam.Role:
        short = bucket.name.removeprefix("careslot-")
        called = f"{self.name}-{short}-{here}"
        source, target = (self.args.buckets[region][bucket.name] for region in (here, there))
        role = service_role(
            self,
            f"{short}-{here}",
            self.scope.named(f"{short}-copies-{here}"),
            "s3.amazonaws.com",
            self._statements(here, there, source, target),
        )
        rule = "all"
        aws.s3.BucketReplicationConfig(
            called,
            region=here,
            bucket=source,
            role=role.arn,
            rules=[self._rule(rule, there, target)],
            opts=self.child(),
        )
        self._alarm(called, here, {"SourceBucket": source, "DestinationBucket": target, "RuleId": rule})
        return role

    def _rule(self, rule: str, there: str, target: pulumi.Output[str]) -> Rule:
        encrypted = aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs
        destination = aws.s3.BucketReplicationConfigRuleDestinationArgs(
            bucket=pulumi.Output.concat("arn:aws:s3:::", target),
            encryption_configuration=aws.s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(
                replica_kms_key_id=self.args.key_arns[there]
            ),
            metrics=aws.s3.BucketReplicationConfigRuleDestinationMetricsArgs(
                status="Enabled",
                event_threshold=aws.s3.BucketReplicationConfigRuleDestinationMetricsEventThresholdArgs(minutes=MINUTES),
            ),
            replication_time=aws.s3.BucketReplicationConfigRuleDestinationReplicationTimeArgs(
                status="Enabled",
                time=aws.s3.BucketReplicationConfigRuleDestinationReplicationTimeTimeArgs(minutes=MINUTES),
            ),
        )
        return Rule(
            id=rule,
            priority=1,
            status="Enabled",
            filter=aws.s3.BucketReplicationConfigRuleFilterArgs(prefix=""),
            # What is gone here by mistake stays there.
            delete_marker_replication=aws.s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(status="Disabled"),
            source_selection_criteria=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs(
                sse_kms_encrypted_objects=encrypted(status="Enabled")
            ),
            destination=destination,
        )

    def _statements(
        self, here: str, there: str, source: pulumi.Output[str], target: pulumi.Output[str]
    ) -> Sequence[Mapping[str, Any]]:
        arn = "arn:aws:s3:::"
        read = [
            "s3:GetObjectLegalHold", "s3:GetObjectRetention", "s3:GetObjectVersionAcl",
            "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging",
        ]  # fmt: skip
        return (
            {
                "Sid": "SeeWhatThereIs",
                "Effect": "Allow",
                "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"],
                "Resource": [pulumi.Output.concat(arn, source)],
            },
            {"Sid": "Read", "Effect": "Allow", "Action": read, "Resource": [pulumi.Output.concat(arn, source, "/*")]},
            {
                "Sid": "Copy",
                "Effect": "Allow",
                "Action": ["s3:ReplicateObject", "s3:ReplicateTags"],
                "Resource": [pulumi.Output.concat(arn, target, "/*")],
            },
            self._use_key("Open", "kms:Decrypt", here),
            self._use_key("Seal", "kms:Encrypt", there),
        )

    def _use_key(self, sid: str, action: str, region: str) -> Mapping[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Allow",
            "Action": [action],
            "Resource": [self.args.key_arns[region]],
            "Condition": {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
        }

    def _alarm(self, called: str, here: str, dimensions: Mapping[str, pulumi.Input[str]]) -> None:
        topic = self.scope.arn("sns", self.scope.named("alarms"), region=here)
        aws.cloudwatch.MetricAlarm(
            called,
            region=here,
            name=self.scope.named(called),
            alarm_description="Anchors are not copied to the other region: bucket, key or role over there",
            namespace="AWS/S3",
            metric_name="OperationsFailedReplication",
            dimensions=dimensions,
            statistic="Sum",
            period=300,
            evaluation_periods=1,
            threshold=0,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[topic],
            ok_actions=[topic],
            tags={"data-class": "internal"},
            opts=self.child(),
        )
