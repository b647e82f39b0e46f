"""What holds PHI, in every stack: encrypted by the right key of its own region, private, protected in prod."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from infra.recording.graph import MARK, Graph, Resource
from infra.schema import arguments, properties
from infra.stacks import all_stacks
from tests.fixtures.estate import recorded, stack

pytestmark = pytest.mark.xdist_group("estate")
# How AWS's services call the key that encrypts what they store.
KEY = re.compile(r"kms(Master)?Key(Id|Arn|Identifier)?$|encryptionKey$")
PROTECTION = ("deletionProtection", "deletionProtectionEnabled", "enableDeletionProtection")
# A function's key encrypts its settings, a mapping's the pattern it filters by; what they handle is in queues.
SETTINGS_ONLY = {"aws:lambda/function:Function", "aws:lambda/eventSourceMapping:EventSourceMapping"}
# What cannot be made again once it is gone.
STATEFUL = (
    "aws:backup/vault:Vault",
    "aws:kms/key:Key",
    "aws:kms/replicaKey:ReplicaKey",
    "aws:rds/cluster:Cluster",
    "aws:rds/clusterInstance:ClusterInstance",
    "aws:rds/globalCluster:GlobalCluster",
    "aws:route53/zone:Zone",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
)


def graphs(environment: str = "") -> Iterator[Graph]:
    """Yield the resolved graphs of an environment, or of all."""
    for one in all_stacks():
        if not environment or one.environment == environment:
            yield recorded(one.environment)[one.name].resolved


def key_of(text: str, environment: str) -> Resource | None:
    """Return the KMS key that a text names, wherever in the environment it was made."""
    marks = MARK.findall(text)
    found = [g.by_mark[mark] for g in graphs(environment) for mark in marks if mark in g.by_mark]
    return next((resource for resource in found if resource.type.startswith("aws:kms/")), None)


def key_properties(resource: Resource) -> tuple[str, ...]:
    """Return the properties by which a type takes its key."""
    args = arguments(resource.type)
    return tuple(name for name in (properties(args) if args else ()) if KEY.match(name))


def test_whatever_holds_phi_is_encrypted_by_a_key_for_phi_of_its_own_region() -> None:
    checked = 0
    for graph in graphs():
        for resource in graph.resources:
            if resource.data_class != "phi" or resource.read or resource.type in SETTINGS_ONLY:
                continue
            if not (taken := key_properties(resource)):
                continue
            given = [str(resource.inputs[name]) for name in taken if name in resource.inputs]
            assert given, f"{resource.place}: {resource.name} names no key ({', '.join(taken)})"
            for text in given:
                key = key_of(text, graph.environment)
                assert key is not None, f"{resource.place}: {resource.name}: {text} is no key of ours"
                assert key.data_class == "phi", f"{resource.place}: {resource.name} uses {key.name}"
                assert key.region == resource.region, f"{resource.place}: {resource.name} uses a key of {key.region}"
                checked += 1
    assert checked > 30


def test_every_bucket_has_its_encryption_its_wall_and_its_tls() -> None:
    for graph in graphs():
        for bucket in graph.of_type("aws:s3/bucket:Bucket"):
            of_it = [r for r in graph.resources if bucket.mark in r.marks]
            types = {r.type.rpartition(":")[2] for r in of_it}
            assert types >= {
                "BucketOwnershipControls",
                "BucketPolicy",
                "BucketPublicAccessBlock",
                "BucketServerSideEncryptionConfiguration",
                "BucketVersioning",
            }, f"{bucket.place}: {bucket.name} has only {sorted(types)}"
            (encryption,) = [r for r in of_it if r.type.endswith(":BucketServerSideEncryptionConfiguration")]
            by = encryption.inputs["rules"][0]["applyServerSideEncryptionByDefault"]
            if bucket.data_class == "phi":
                key = key_of(by["kmsMasterKeyId"], graph.environment)
                assert key is not None
                assert key.data_class == "phi"
            (policy,) = [r for r in of_it if r.type.endswith(":BucketPolicy")]
            assert '"aws:SecureTransport": "false"' in policy.inputs["policy"]


def test_there_are_private_subnets_only() -> None:
    for graph in graphs():
        assert not [s.name for s in graph.of_type("aws:ec2/subnet:Subnet") if s.inputs["mapPublicIpOnLaunch"]]
        internet = {gateway.mark for gateway in graph.of_type("aws:ec2/internetGateway:InternetGateway")}
        routing = graph.of_type("aws:ec2/routeTable:RouteTable", "aws:ec2/route:Route")
        assert not [table.name for table in routing if table.marks & internet]
        assert not [r.name for r in graph.resources if r.inputs.get("publiclyAccessible") or r.inputs.get("publicIp")]


def test_what_holds_data_is_protected_in_prod() -> None:
    seen = set()
    for graph in graphs("prod"):
        for resource in graph.of_type(*STATEFUL):
            seen.add(resource.type)
            assert resource.options.get("protect") is True, f"{resource.place}: {resource.name} is not protected"
            assert not resource.inputs.get("forceDestroy"), f"{resource.place}: {resource.name} can be emptied"
        for resource in graph.resources:
            args = arguments(resource.type)
            # Log groups end by their retention; all others keep what nobody can make again.
            if args is None or resource.read or resource.type.endswith(":LogGroup"):
                continue
            for name in set(PROTECTION) & set(properties(args)):
                assert resource.inputs.get(name) in {True, "ACTIVE"}, f"{resource.place}: {resource.name}.{name}"
    assert seen == set(STATEFUL)


def test_dev_can_be_destroyed() -> None:
    for graph in graphs("dev"):
        assert not [resource.name for resource in graph.resources if resource.options.get("protect")]
        assert not [r.name for r in graph.resources for name in PROTECTION if r.inputs.get(name) in {True, "ACTIVE"}]


def test_the_standby_uses_its_own_replicas() -> None:
    graph = stack("prod-us-west-2")
    for cluster in graph.of_type("aws:rds/cluster:Cluster"):
        key = key_of(cluster.inputs["kmsKeyId"], "prod")
        assert key is not None
        assert (key.type, key.region) == ("aws:kms/replicaKey:ReplicaKey", "us-west-2")
