"""What a Lambda function's role may do, statement by statement, derived from what feeds the function.

Two things cannot be said without ``*``: describing network interfaces and sending traces know no resources (service
authorization reference of EC2 and X-Ray). For these the role has AWS's own narrow policies, and a denial keeps the
function's code from doing with network interfaces what Lambda itself does (Lambda developer guide, "VPC").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

Text = pulumi.Input[str]
Statement = Mapping[str, Any]

MANAGED_POLICIES = (
    "arn:aws:iam::aws:policy/service-role/AWSLambdaENIManagementAccess",
    "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess",
)
_INTERFACES = (
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FunctionReach:
    """What one function touches: its log group, where its failures go, what it is fed from, which secret it reads."""

    region: str
    function_arn: str
    log_group_arn: Text
    dead_letters_arn: Text
    phi_key_arn: Text
    queue_arn: Text | None = None
    secret_arn: Text | None = None


def function_statements(reach: FunctionReach, uses: Iterable[Statement] = ()) -> list[Statement]:
    """Return the statements of a function's role; ``uses`` are those of the AWS services it sends through."""
    through = ["sqs"]
    statements = [
        _allow(
            "WriteOwnLog",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [pulumi.Output.concat(reach.log_group_arn, ":*")],
        ),
        _allow("KeepWhatFailed", ["sqs:SendMessage"], [reach.dead_letters_arn]),
        {
            "Sid": "LeaveInterfacesToLambda",
            "Effect": "Deny",
            "Action": list(_INTERFACES),
            "Resource": "*",
            "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": [reach.function_arn]}},
        },
    ]
    if reach.queue_arn is not None:
        taking = [
            "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage",
        ]  # fmt: skip
        statements.append(_allow("TakeFromOwnQueue", taking, [reach.queue_arn]))
    if reach.secret_arn is not None:
        through.append("secretsmanager")
        statements.append(_allow("ReadDatabaseUrl", ["secretsmanager:GetSecretValue"], [reach.secret_arn]))
    statements += uses
    via = {"StringEquals": {"kms:ViaService": [f"{service}.{reach.region}.amazonaws.com" for service in through]}}
    key = _allow("UseThePhiKey", ["kms:Decrypt", "kms:GenerateDataKey"], [reach.phi_key_arn])
    return [*statements, {**key, "Condition": via}]


def schedule_statements(function_arn: Text, dead_letters_arn: Text, phi_key_arn: Text) -> list[Statement]:
    """Return what EventBridge Scheduler's role may do for one schedule."""
    return [
        _allow("InvokeTheFunction", ["lambda:InvokeFunction"], [function_arn]),
        _allow("KeepWhatFailed", ["sqs:SendMessage"], [dead_letters_arn]),
        _allow("UseThePhiKey", ["kms:Decrypt", "kms:GenerateDataKey"], [phi_key_arn]),
    ]


def email_statement(identity_arn: Text) -> Statement:
    """Return the permission to write from one SES identity."""
    return _allow("SendEmail", ["ses:SendEmail"], [identity_arn])


def text_statement() -> Statement:
    """Return the permission to send text messages: a telephone number has no ARN, so all that has one is left out."""
    return {"Sid": "SendTexts", "Effect": "Allow", "Action": ["sns:Publish"], "NotResource": ["arn:aws:sns:*:*:*"]}


def document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """Return a policy document."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(service: str, account: str = "", source_arn: pulumi.Input[str] | None = None) -> pulumi.Output[str]:
    """Return who may take a role: an AWS service, where it tells for whom, only for this account and this source."""
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if source_arn is not None:
        statement["Condition"] = {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnEquals": {"aws:SourceArn": source_arn},
        }
    return document([statement])


def _allow(sid: str, actions: list[str], resources: Sequence[Text]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": list(resources)}
