"""The plan: every reference is told, nothing is null, and what Terraform does not have is an error."""

from collections.abc import Iterator
from typing import Any

from infra.recording.graph import Graph, Place, Resource
from policies.checkov.plan import TERRAFORM_VERSION, planned


def resource(type_: str, name: str, mark: str = "", **inputs: Any) -> Resource:
    return Resource(
        urn=f"urn:{type_}::{name}", type=type_, name=name, mark=mark, parent="", custom=True, remote=False, read=False,
        provider="", inputs=inputs, outputs={}, depends_on=(), property_depends_on={}, secrets=(), options={},
        place=Place("infra/components/x.py", 3),
    )  # fmt: skip


def graph(*resources: Resource) -> Graph:
    return Graph("dev-us-east-1", "dev", "region", "us-east-1", True, resources, {})


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from leaves(below)
    else:
        yield value


def test_references_are_told_at_any_depth_and_nothing_is_null() -> None:
    key = resource("aws:kms/key:Key", "data", "rec-00000000000a", enableKeyRotation=True, description=None)
    bucket = resource("aws:s3/bucket:Bucket", "files", "rec-00000000000b", bucket="files")
    sealed = resource(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", "files",
        "rec-00000000000c", bucket="rec-00000000000b",
        rules=[{"applyServerSideEncryptionByDefault": {"kmsMasterKeyId": "rec-00000000000a"}}],
    )  # fmt: skip
    plan = planned([graph(key, bucket, sealed)])
    document = plan.document
    configuration = {
        one["address"]: one["expressions"] for one in document["configuration"]["root_module"]["resources"]
    }
    said = configuration["aws_s3_bucket_server_side_encryption_configuration.dev_us_east_1__files"]
    assert said["bucket"] == {"references": ["aws_s3_bucket.dev_us_east_1__files.id"]}
    nested = said["rule"][0]["apply_server_side_encryption_by_default"][0]["kms_master_key_id"]
    assert nested == {"references": ["aws_kms_key.dev_us_east_1__data.id"]}
    assert document["terraform_version"] == TERRAFORM_VERSION
    assert None not in set(leaves(document))
    assert plan.of["aws_s3_bucket.dev_us_east_1__files"] == ("dev-us-east-1", bucket)
