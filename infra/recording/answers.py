"""What the recorder answers for AWS: ids, ARNs and addresses shaped like real ones, each holding its resource's mark.

Shapes come from the SDK's own output types, so that a program that reaches into nested outputs gets what it would get.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, get_args, get_origin

from pulumi._types import is_output_type, output_type_types, resource_types, unwrap_type

from infra.schema import resource_class

_DEEPEST = 4
# ARN services that are not called after their module in the SDK.
_SERVICES = {
    "alb": "elasticloadbalancing", "lb": "elasticloadbalancing", "vpc": "ec2", "sfn": "states",
    "cognito": "cognito-idp", "cloudwatch/logGroup": "logs", "cloudwatch/eventBus": "events",
    "cloudwatch/eventRule": "events", "cloudwatch/eventArchive": "events", "cloudwatch/eventEndpoint": "events",
    "msk": "kafka",
}  # fmt: skip
_GLOBAL = {"iam", "route53", "cloudfront", "s3", "organizations", "budgets"}


def mark_of(urn: str) -> str:
    """Return the mark of a resource: the same at every run, another for every URN."""
    return "rec-" + hashlib.sha256(urn.encode()).hexdigest()[:12]


def identity(type_: str, mark: str) -> str:
    """Return a resource's physical id."""
    return f"{_noun(type_).lower()}-{mark}"


def outputs(type_: str, mark: str, inputs: Mapping[str, Any], account: str) -> dict[str, Any]:
    """Return every output of a resource: its inputs, and what AWS would have added."""
    answering = _Answering(type_, mark, str(inputs.get("region", "")), account)
    found = {name: _answer(name, kind, answering) for name, kind in _properties(type_).items() if name not in inputs}
    return {**{name: value for name, value in found.items() if value is not None}, **inputs}


@cache
def _properties(token: str) -> Mapping[str, Any]:
    """Return the outputs of a resource type, and what each is; none of a type the SDK does not know."""
    cls = resource_class(token)
    return {} if cls is None else {name: unwrap_type(kind) for name, kind in resource_types(cls).items()}


@cache
def _nested(of: type) -> Mapping[str, Any]:
    return {name: unwrap_type(kind) for name, kind in output_type_types(of).items()}


class _Answering:
    def __init__(self, type_: str, mark: str, region: str, account: str) -> None:
        self.type, self.mark, self.region, self.account = type_, mark, region, account

    def text(self, name: str) -> str:
        lowered = name.lower()
        if lowered.endswith("arn"):
            return self.arn()
        if lowered.endswith("url") or lowered == "issuer":
            return f"https://{self.mark}.{self.region or 'global'}.amazonaws.com"
        if lowered.endswith("accountid") or lowered == "ownerid":
            return self.account
        return f"{lowered}-{self.mark}"

    def arn(self) -> str:
        module = self.type.split(":")[1]
        family = module.partition("/")[0]
        service = _SERVICES.get(module) or _SERVICES.get(family) or family
        region = "" if service in _GLOBAL else self.region
        account = "" if service == "s3" else self.account
        return f"arn:aws:{service}:{region}:{account}:{_noun(self.type).lower()}/{self.mark}"


def _answer(name: str, annotated: Any, answering: _Answering, depth: int = 0) -> Any:
    if annotated is str:
        return answering.text(name)
    if annotated in {int, float}:
        return 1
    if annotated is bool or depth > _DEEPEST:
        return None
    if isinstance(annotated, type) and is_output_type(annotated):
        below = {key: _answer(key, kind, answering, depth + 1) for key, kind in _nested(annotated).items()}
        return {key: value for key, value in below.items() if value is not None}
    if get_origin(annotated) is Sequence:
        (of,) = get_args(annotated)[:1]
        one = _answer(name, unwrap_type(of), answering, depth + 1)
        return None if one is None else [one]
    return None


def _noun(type_: str) -> str:
    return type_.rpartition(":")[2]
