"""Keys: one AWS KMS multi-region key a data class, so that a standby reads what the primary wrote without calling it.

The primary keys belong to the foundation; every region has a key of its own (the primary itself or a replica of it)
under the same alias, and uses no other. 45 CFR 164.312(a)(2)(iv) and (e)(2)(ii).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, DataClass, Scope

KeyClass = Literal["phi", "audit", "internal"]


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What a key protects, the data class it counts as, and the AWS services that use it in their own name.

    A service that acts for its caller (S3, SQS, RDS, EKS, ECR, Secrets Manager) is not named: the caller's IAM decides.
    """

    purpose: str
    data_class: DataClass
    services: tuple[str, ...]


KEYS: Mapping[KeyClass, KeyUse] = {
    "phi": KeyUse(
        "PHI: databases, queues, buses, documents, secrets that open them",
        "phi",
        ("events", "sns"),
    ),
    "audit": KeyUse(
        "The audit trail: access log, CloudTrail, Config, their write-once buckets",
        "phi",
        ("cloudtrail", "config"),
    ),
    "internal": KeyUse(
        "What holds no PHI: logs, metrics, images, cluster secrets, infrastructure state",
        "internal",
        ("cloudwatch", "events", "logs", "sns"),
    ),
}
DAYS_BEFORE_DELETION = 30


class PrimaryKeys(Component):
    """The multi-region primary keys, in the environment's primary region, rotated every year."""

    data_class = "internal"
    key_arns: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope) -> None:
        super().__init__(name, scope)
        keys: dict[str, pulumi.Output[str]] = {}
        for key_class, use in KEYS.items():
            key = aws.kms.Key(
                f"{name}-{key_class}",
                description=use.purpose,
                multi_region=True,
                enable_key_rotation=True,
                deletion_window_in_days=DAYS_BEFORE_DELETION,
                policy=key_policy(scope, use.services),
                tags={"data-class": use.data_class},
                opts=self.child(protect=scope.environment.protected),
            )
            keys[key_class] = key.arn
        self.key_arns = pulumi.Output.all(**keys)
        self.registered()


@dataclass(frozen=True, slots=True)
class RegionalKeysArgs:
    """``primary_arns``: the foundation's keys by class."""

    primary_arns: pulumi.Output[Mapping[str, str]]


class RegionalKeys(Component):
    """A region's keys: replicas of the primary keys, or in the primary region those themselves; aliases in both."""

    data_class = "internal"
    key_arns: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope, args: RegionalKeysArgs) -> None:
        super().__init__(name, scope)
        self._keys: dict[KeyClass, pulumi.Output[str]] = {}
        for key_class, use in KEYS.items():
            primary = args.primary_arns[key_class]
            self._keys[key_class] = primary
            if scope.region != scope.environment.primary:
                self._keys[key_class] = aws.kms.ReplicaKey(
                    f"{name}-{key_class}",
                    description=use.purpose,
                    primary_key_arn=primary,
                    deletion_window_in_days=DAYS_BEFORE_DELETION,
                    policy=key_policy(scope, use.services),
                    tags={"data-class": use.data_class},
                    opts=self.child(protect=scope.environment.protected),
                ).arn
            aws.kms.Alias(
                f"{name}-{key_class}-alias",
                name=f"alias/{scope.named(key_class)}",
                target_key_id=self._keys[key_class],
                opts=self.child(),
            )
        self.key_arns = pulumi.Output.all(**self._keys)
        self.registered()

    def arn(self, key_class: KeyClass) -> pulumi.Output[str]:
        """Return the ARN of this region's key of a class."""
        return self._keys[key_class]


def key_policy(scope: Scope, services: Sequence[str]) -> str:
    """Return a key policy: IAM of the account decides, and AWS services use the key for this account only.

    ``*`` as the resource of a key policy means the key itself (AWS KMS developer guide, "Key policies").
    """
    statements: list[dict[str, Any]] = [
        {
            "Sid": "AccountDecidesByIam",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{scope.environment.account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    for service in services:
        host = f"{scope.region}.amazonaws.com" if service == "logs" else "amazonaws.com"
        statements.append(
            {
                "Sid": f"For{service.capitalize()}",
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.{host}"},
                "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
                "Resource": "*",
                "Condition": _for_this_account(scope, service),
            }
        )
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _for_this_account(scope: Scope, service: str) -> dict[str, dict[str, str]]:
    """Return the condition by which a service tells for whom it acts: most by account, two otherwise."""
    account = scope.environment.account
    if service == "logs":
        return {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": scope.arn("logs", "*")}}
    if service == "cloudtrail":
        return {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudtrail:*:{account}:trail/*"}}
    return {"StringEquals": {"aws:SourceAccount": account}}
