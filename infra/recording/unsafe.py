"""What no stack may have, whatever it is for: buckets open to the world, roles that may do anything, messages lost.

These few are told in every preview, because a plan that has one must never be deployed; what HIPAA asks beyond them is
judged by policies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.recording.exposure import public_bucket
from infra.recording.graph import MARK, Graph, Resource, texts

Found = Iterator[tuple[Resource, str, str]]
_BUCKET = "aws:s3/bucket:Bucket"
_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_POLICIES = (
    "aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy", "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
)  # fmt: skip
_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
# The deploying pipeline has PowerUserAccess and a boundary of what it may do with roles (docs/decisions/0102).
_TOO_MUCH = ("AdministratorAccess", "FullAccess")
# Whoever asks what there is cannot be held to a resource (Service Authorization Reference).
TAKE_NO_RESOURCE = (
    "arc-region-switch:ListPlansInRegion", "autoscaling:Describe", "ec2:Describe", "elasticloadbalancing:Describe",
)  # fmt: skip
_QUEUE = "aws:sqs/queue:Queue"
# What gives up after some tries, and where it says who gets what it could not deliver.
_DELIVERING: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "aws:cloudwatch/eventTarget:EventTarget": lambda inputs: inputs.get("deadLetterConfig"),
    "aws:scheduler/schedule:Schedule": lambda inputs: (inputs.get("target") or {}).get("deadLetterConfig"),
}


def unsafe(graph: Graph) -> Found:
    """Yield each resource that breaks one of the rules, the rule, and how."""
    yield from _public_buckets(graph)
    yield from _wildcards(graph)
    yield from _lost_messages(graph)


def _public_buckets(graph: Graph) -> Found:
    walled: set[str] = set()
    for block in graph.of_type(_BLOCK):
        walled |= {*block.marks, str(block.inputs.get("bucket"))}
        if how := public_bucket(block.inputs):
            yield block, "public-bucket", how
    for bucket in graph.of_type(_BUCKET):
        if not walled & {bucket.mark, bucket.inputs.get("bucket")}:
            yield bucket, "public-bucket", "has no public access block"
    for policy in graph.of_type("aws:s3/bucketPolicy:BucketPolicy"):
        for statement in _allowed(policy.inputs.get("policy")):
            if statement.get("Principal") in ("*", {"AWS": "*"}) and not statement.get("Condition"):
                yield policy, "public-bucket", f"lets anybody {', '.join(_list(statement.get('Action')))}"
    for acl in graph.of_type("aws:s3/bucketAcl:BucketAcl"):
        if str(acl.inputs.get("acl", "")).startswith("public-"):
            yield acl, "public-bucket", f"is {acl.inputs['acl']}"


def _wildcards(graph: Graph) -> Found:
    for policy in graph.of_type(*_POLICIES):
        for statement in _allowed(policy.inputs.get("policy")):
            actions = _list(statement.get("Action"))
            if wild := [action for action in actions if "*" in action]:
                yield policy, "wildcard-role", f"allows {', '.join(wild)}: name the actions"
            beyond = [action for action in actions if not action.startswith(TAKE_NO_RESOURCE)]
            if "*" in _list(statement.get("Resource")) and beyond:
                yield policy, "wildcard-role", f"allows {', '.join(beyond)} on *: name the resources"
    for attached in graph.of_type(_ATTACHMENT):
        arn = str(attached.inputs.get("policyArn", ""))
        if arn.endswith(_TOO_MUCH):
            yield attached, "wildcard-role", f"attaches {arn.rpartition('/')[2]}: name what it needs"


def _lost_messages(graph: Graph) -> Found:
    ends = {
        mark
        for resource in graph.resources
        for path, text in texts(resource.inputs)
        if "deadLetter" in path or "redrivePolicy" in path
        for mark in MARK.findall(text)
    }
    for queue in graph.of_type(_QUEUE):
        if queue.mark not in ends and "redrivePolicy" not in queue.inputs:
            yield queue, "no-dead-letters", "has no dead-letter queue and is none: what fails is tried for ever"
    for resource in graph.resources:
        where = _DELIVERING.get(resource.type)
        if where is not None and not where(resource.inputs):
            yield resource, "no-dead-letters", "has no dead-letter queue: what cannot be delivered is lost"


def _allowed(document: Any) -> Iterator[Mapping[str, Any]]:
    """Yield what a policy document allows; nothing of one that is not known."""
    try:
        statements = json.loads(document)["Statement"]
    except (TypeError, ValueError, KeyError):
        return
    yield from (statement for statement in _list(statements) if statement.get("Effect") == "Allow")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
