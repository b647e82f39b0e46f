"""What Terraform calls the properties of a Pulumi resource: by machine, checked against what its provider has.

Spelling is mechanical (camelCase to snake_case; Pulumi makes lists plural). `properties.json` says which names exist
and which are blocks; a property that is not there is a mistyped one, or new to the estate (see `derive`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from services.kernel.errors import Invalid

FILE = Path(__file__).with_name("properties.json")
# By attribute: "" for a value, "list" for a list of values, a schema for an object, [schema] for a block.
Schema: TypeAlias = dict[str, Any]
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Where Pulumi's module or name is not Terraform's, whatever the spelling.
NAMED: Mapping[str, str] = {
    "aws:cfg/recorder:Recorder": "aws_config_configuration_recorder",
    "aws:cfg/recorderStatus:RecorderStatus": "aws_config_configuration_recorder_status",
    "aws:cfg/rule:Rule": "aws_config_config_rule",
    "aws:cloudtrail/trail:Trail": "aws_cloudtrail",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "aws_iam_openid_connect_provider",
    "aws:lb/loadBalancer:LoadBalancer": "aws_lb",
    "aws:rds/subnetGroup:SubnetGroup": "aws_db_subnet_group",
    "aws:s3/bucketObjectv2:BucketObjectv2": "aws_s3_object",
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": "aws_s3_bucket_replication_configuration",
    "aws:serverlessrepository/cloudFormationStack:CloudFormationStack": (
        "aws_serverlessapplicationrepository_cloudformation_stack"
    ),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": "aws_sqs_queue_redrive_allow_policy",
}
SERVICES: Mapping[str, str] = {"apigateway": "api_gateway", "cfg": "config", "costexplorer": "ce"}
# Where a property's name is not Terraform's, by what Pulumi calls it.
RENAMED: Mapping[tuple[str, str], str] = {
    ("aws:apigateway/basePathMapping:BasePathMapping", "restApi"): "api_id",
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "name"): "alarm_name",
    ("aws:lambda/function:Function", "name"): "function_name",
    ("aws:sns/topicSubscription:TopicSubscription", "topic"): "topic_arn",
}


class Unmapped(Invalid):
    """A property or type that Terraform's provider does not have: mistyped, or not yet in `properties.json`."""


def snake(name: str) -> str:
    """Return a camelCase name in snake_case."""
    return HUMP.sub("_", name).lower()


def candidates(type_: str) -> tuple[str, ...]:
    """Return what Terraform may call a type, likeliest first."""
    if type_ in NAMED:
        return (NAMED[type_],)
    _, module, name = type_.split(":")
    service, own = module.split("/")[0], snake(name)
    return (f"aws_{SERVICES.get(service, service)}_{own}", f"aws_{own}")


def field_of(schema: Schema, name: str, where: str) -> str:
    """Return the attribute that a property is; raise Unmapped if there is none."""
    for field in _spellings(where, name):
        if field in schema:
            return field
    raise Unmapped(f"{where}.{name}: not in {FILE.name}: mistyped, or new (then run policies.checkov.derive)")


def _spellings(where: str, name: str) -> Iterator[str]:
    spelled = snake(name)
    yield RENAMED.get((where, name), spelled)
    if spelled.endswith("ies"):
        yield f"{spelled[:-3]}y"
    if spelled.endswith("es"):
        yield spelled[:-2]
    if spelled.endswith("s"):
        yield spelled[:-1]
    yield f"{spelled}_id"


@cache
def known(file: Path = FILE) -> Mapping[str, Any]:
    """Return by Pulumi's type what Terraform calls it and its properties."""
    types: Mapping[str, Any] = json.loads(file.read_text("utf-8"))["types"]
    return types


def terraform(
    type_: str, inputs: Mapping[str, Any], types: Mapping[str, Any] | None = None
) -> tuple[str, dict[str, Any]]:
    """Return Terraform's type and attributes of a resource; raise Unmapped naming what it does not know."""
    types = known() if types is None else types
    if type_ not in types:
        raise Unmapped(f"{type_}: not in {FILE.name}: run policies.checkov.derive")
    entry = types[type_]
    return entry["terraform"], _attributes(entry["properties"], inputs, type_)


def _attributes(schema: Schema, inputs: Mapping[str, Any], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in inputs.items():
        if value is None:  # Checkov stumbles over null
            continue
        field = field_of(schema, name, where)
        found[field] = _value(schema[field], value, f"{where}.{name}")
    return found


def _value(schema: Any, value: Any, where: str) -> Any:
    if isinstance(schema, list):
        return [_attributes(schema[0], one, where) for one in (value if isinstance(value, list) else [value])]
    if isinstance(schema, dict):
        one = value[0] if isinstance(value, list) else value
        return _attributes(schema, one, where)
    if schema == "list" and not isinstance(value, list):
        return [value]
    return value
