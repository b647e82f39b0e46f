"""The estate as a whole: which layers have what."""

from __future__ import annotations

import pytest

from tests.fixtures.estate import recorded

pytestmark = pytest.mark.xdist_group("estate")


def test_every_stack_has_one_provider_of_its_account_and_region() -> None:
    for recording in recorded("prod").values():
        graph = recording.resolved
        (provider,) = graph.of_type("pulumi:providers:aws")
        assert provider.inputs["region"] == graph.region
        assert "333344445555" in provider.inputs["allowedAccountIds"]


def test_regions_of_an_environment_differ_by_what_only_one_can_have() -> None:
    primary, standby = (recorded("prod")[f"prod-{region}"].resolved for region in ("us-east-1", "us-west-2"))
    assert dict(standby.counts() - primary.counts()) == {"aws:kms/replicaKey:ReplicaKey": 3}
    # The region that writes has the master users' secrets; what is the same in all regions is watched in one.
    assert set(primary.counts() - standby.counts()) == {
        "aws:accessanalyzer/analyzer:Analyzer",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ecr/replicationConfiguration:ReplicationConfiguration",
        "aws:secretsmanager/secret:Secret",
        "aws:secretsmanager/secretRotation:SecretRotation",
        "aws:secretsmanager/secretVersion:SecretVersion",
        "aws:serverlessrepository/cloudFormationStack:CloudFormationStack",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "pulumi:providers:random",
        "random:index/randomPassword:RandomPassword",
    }
