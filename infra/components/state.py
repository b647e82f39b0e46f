"""Where Pulumi keeps its state: a bucket and a key in every region, each bucket a copy of the others.

The standby is deployed from its own region's bucket when the primary is down, and what was written there comes back.
The stack that makes these keeps its own state elsewhere at first: docs/decisions/0102 has the bootstrap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.bucket import Bucket, BucketArgs
from infra.components.encryption import DAYS_BEFORE_DELETION, key_policy
from infra.components.roles import role, trust
from infra.permissions import Statement

PURPOSE = "state"
DESCRIPTION = "Infrastructure state and the secrets in it"


class StateStore(Component):
    """State of one environment."""

    data_class = "internal"
    bucket_arns: pulumi.Output[Mapping[str, str]]
    key_arns: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope) -> None:
        super().__init__(name, scope)
        self.scopes = {region: dataclasses.replace(scope, region=region) for region in scope.environment.regions}
        self.keys = self._keys()
        self.buckets = {
            region: Bucket(
                f"{name}-{region}",
                there,
                BucketArgs(purpose=PURPOSE, data_class="internal", key_arn=self.keys[region], access_logs_bucket=None),
            )
            for region, there in self.scopes.items()
        }
        for region in self.scopes:
            if others := [other for other in self.scopes if other != region]:
                self._copies(region, others)
        self.bucket_arns = pulumi.Output.all(**{region: bucket.arn for region, bucket in self.buckets.items()})
        self.key_arns = pulumi.Output.all(**self.keys)
        self.registered()

    def _keys(self) -> Mapping[str, pulumi.Output[str]]:
        """Make the key under the alias that each Pulumi.<stack>.yaml names, in its stack's own region."""
        keys: dict[str, pulumi.Output[str]] = {}
        primary = aws.kms.Key(
            self.name,
            description=DESCRIPTION,
            multi_region=True,
            enable_key_rotation=True,
            deletion_window_in_days=DAYS_BEFORE_DELETION,
            policy=key_policy(self.scope, ()),
            opts=self.child(protect=self.scope.environment.protected),
        )
        for region, there in self.scopes.items():
            keys[region] = primary.arn
            if region != self.scope.region:
                keys[region] = aws.kms.ReplicaKey(
                    f"{self.name}-{region}",
                    region=region,
                    description=DESCRIPTION,
                    primary_key_arn=primary.arn,
                    deletion_window_in_days=DAYS_BEFORE_DELETION,
                    policy=key_policy(there, ()),
                    opts=self.child(protect=self.scope.environment.protected),
                ).arn
            aws.kms.Alias(
                f"{self.name}-{region}",
                region=region,
                name=f"alias/{self.scope.named(PURPOSE)}",
                target_key_id=keys[region],
                opts=self.child(),
            )
        return keys

    def _copies(self, region: str, others: list[str]) -> None:
        source = self.buckets[region]
        made = role(
            self,
            f"{self.name}-{region}-copies",
            trust("s3.amazonaws.com", StringEquals={"aws:SourceAccount": self.scope.environment.account}),
            statements=self._may_copy(region, others),
            description=f"S3: copies state from {region}",
            # The role's own region is the foundation's; what it copies from is part of its name.
            physical=self.scope.named(f"state-from-{region}"),
        )
        aws.s3.BucketReplicationConfig(
            f"{self.name}-{region}",
            region=region,
            bucket=source.bucket_name,
            role=made.arn,
            rules=[self._rule(other, priority) for priority, other in enumerate(others, 1)],
            opts=self.child(depends_on=list(self.buckets.values())),
        )

    def _rule(self, to: str, priority: int) -> aws.s3.BucketReplicationConfigRuleArgs:
        minutes = 15
        return aws.s3.BucketReplicationConfigRuleArgs(
            id=f"to-{to}",
            priority=priority,
            status="Enabled",
            filter=aws.s3.BucketReplicationConfigRuleFilterArgs(prefix=""),
            delete_marker_replication=aws.s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(status="Enabled"),
            source_selection_criteria=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs(
                replica_modifications=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaReplicaModificationsArgs(
                    status="Enabled"
                ),
                sse_kms_encrypted_objects=(
                    aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs(
                        status="Enabled"
                    )
                ),
            ),
            destination=aws.s3.BucketReplicationConfigRuleDestinationArgs(
                bucket=self.buckets[to].arn,
                encryption_configuration=aws.s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(
                    replica_kms_key_id=self.keys[to]
                ),
                replication_time=aws.s3.BucketReplicationConfigRuleDestinationReplicationTimeArgs(
                    status="Enabled",
                    time=aws.s3.BucketReplicationConfigRuleDestinationReplicationTimeTimeArgs(minutes=minutes),
                ),
                metrics=aws.s3.BucketReplicationConfigRuleDestinationMetricsArgs(
                    status="Enabled",
                    event_threshold=aws.s3.BucketReplicationConfigRuleDestinationMetricsEventThresholdArgs(
                        minutes=minutes
                    ),
                ),
            ),
        )

    def _may_copy(self, region: str, others: list[str]) -> list[Statement]:
        """Return what replication takes (S3 user guide, "Setting up permissions for live replication")."""
        source = self.buckets[region].arn
        read = [f"s3:GetObjectVersion{what}" for what in ("Acl", "ForReplication", "Tagging")]
        write = [f"s3:Replicate{what}" for what in ("Delete", "Object", "Tags")]
        targets = [pulumi.Output.concat(self.buckets[other].arn, "/*") for other in others]
        return [
            _allow("Source", ["s3:GetReplicationConfiguration", "s3:ListBucket"], [source]),
            _allow("Read", read, [pulumi.Output.concat(source, "/*")]),
            _allow("Open", ["kms:Decrypt"], [self.keys[region]]),
            _allow("Write", write, targets),
            _allow("Seal", ["kms:Encrypt", "kms:GenerateDataKey"], [self.keys[other] for other in others]),
        ]


def _allow(sid: str, actions: list[str], resources: list[pulumi.Output[str]]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
