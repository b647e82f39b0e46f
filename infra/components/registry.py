"""Images of services: a repository each, in every region, whose tags never change and which are scanned for good.

Images are pushed to the primary region and copied by ECR; a standby has them before it needs them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope

PREFIX = "careslot"
# What nobody tagged was a layer cache; releases older than the last hundred are nobody's way back.
UNTAGGED_DAYS, KEPT_RELEASES = 14, 100


@dataclass(frozen=True, slots=True)
class RegistryArgs:
    """``copies_to`` are the regions this one's images are copied to: none for a standby."""

    services: Collection[str]
    key_arn: pulumi.Input[str]
    copies_to: Sequence[str]


class Registry(Component):
    """A region's repositories."""

    data_class = "internal"
    repository_urls: pulumi.Output[Mapping[str, str]]
    repository_arns: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope, args: RegistryArgs) -> None:
        super().__init__(name, scope)
        made = {service: self._repository(service, args.key_arn) for service in args.services}
        self.repository_urls = pulumi.Output.all(**{key: found.repository_url for key, found in made.items()})
        self.repository_arns = pulumi.Output.all(**{key: found.arn for key, found in made.items()})
        self.repositories: Mapping[str, aws.ecr.Repository] = made
        ours = aws.ecr.RegistryScanningConfigurationRuleRepositoryFilterArgs(
            filter=f"{PREFIX}/*", filter_type="WILDCARD"
        )
        # Amazon Inspector looks again whenever a vulnerability becomes known, not only at the push.
        aws.ecr.RegistryScanningConfiguration(
            name,
            scan_type="ENHANCED",
            rules=[
                aws.ecr.RegistryScanningConfigurationRuleArgs(
                    scan_frequency="CONTINUOUS_SCAN", repository_filters=[ours]
                )
            ],
            opts=self.child(),
        )
        if args.copies_to:
            self._copies(args.copies_to)
        self.registered()

    def _repository(self, service: str, key_arn: pulumi.Input[str]) -> aws.ecr.Repository:
        repository = aws.ecr.Repository(
            f"{self.name}-{service}",
            name=f"{PREFIX}/{service}",
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[
                aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=key_arn)
            ],
            force_delete=not self.scope.environment.protected,
            tags={"service": service},
            opts=self.child(protect=self.scope.environment.protected),
        )
        rules = [
            _expire(
                1, "untagged", {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": UNTAGGED_DAYS}
            ),
            _expire(2, "any", {"countType": "imageCountMoreThan", "countNumber": KEPT_RELEASES}),
        ]
        aws.ecr.LifecyclePolicy(
            f"{self.name}-{service}",
            repository=repository.name,
            policy=json.dumps({"rules": rules}),
            opts=self.child(),
        )
        return repository

    def _copies(self, regions: Sequence[str]) -> None:
        account = self.scope.environment.account
        rule = aws.ecr.ReplicationConfigurationReplicationConfigurationRuleArgs(
            destinations=[
                aws.ecr.ReplicationConfigurationReplicationConfigurationRuleDestinationArgs(
                    region=region, registry_id=account
                )
                for region in regions
            ],
            repository_filters=[
                aws.ecr.ReplicationConfigurationReplicationConfigurationRuleRepositoryFilterArgs(
                    filter=f"{PREFIX}/", filter_type="PREFIX_MATCH"
                )
            ],
        )
        aws.ecr.ReplicationConfiguration(
            f"{self.name}-copies",
            replication_configuration=aws.ecr.ReplicationConfigurationReplicationConfigurationArgs(rules=[rule]),
            opts=self.child(),
        )


def _expire(priority: int, status: str, when: Mapping[str, object]) -> Mapping[str, object]:
    selection = {"tagStatus": status, **when}
    return {"rulePriority": priority, "selection": selection, "action": {"type": "expire"}}
