"""What the internet can reach: each way, open and closed."""

from __future__ import annotations

import pulumi_aws as aws
import pytest

from infra.recording.exposure import exposed
from tests.fixtures.estate import Box, in_a_box

pytestmark = pytest.mark.xdist_group("estate")


def test_open_things_are_named_and_closed_ones_are_not() -> None:
    def make(box: Box) -> None:
        for name, cidr in (("open", "0.0.0.0/0"), ("closed", "10.0.0.0/8")):
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-rule", security_group_id="sg-1", ip_protocol="tcp", cidr_ipv4=cidr, opts=box.child()
            )
            aws.ec2.SecurityGroup(
                f"{name}-group",
                ingress=[aws.ec2.SecurityGroupIngressArgs(protocol="tcp", from_port=1, to_port=2, cidr_blocks=[cidr])],
                opts=box.child(),
            )
        for name, blocked in (("open", False), ("closed", True)):
            aws.s3.BucketPublicAccessBlock(
                f"{name}-block",
                bucket="b",
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=blocked,
                opts=box.child(),
            )
            aws.lb.LoadBalancer(f"{name}-balancer", internal=blocked, opts=box.child())

    found = {resource.name: how for resource, how in exposed(in_a_box(make).resolved)}
    assert set(found) == {"open-rule", "open-group", "open-block", "open-balancer"}
    assert found["open-block"] == "public access is not blocked by restrictPublicBuckets"
