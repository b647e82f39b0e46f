"""What runs a Lambda function needs beyond what its service may do (infra/permissions.py has that).

Two things cannot be said without ``*``: describing network interfaces and sending traces know no resources (service
authorization reference of EC2 and X-Ray). For these the role has AWS's own narrow policies, and a denial keeps the
function's code from doing with network interfaces what Lambda itself does (Lambda developer guide, "VPC").
"""

from __future__ import annotations

import pulumi

from infra.permissions import Statement, Text

MANAGED_POLICIES = ("service-role/AWSLambdaENIManagementAccess", "AWSXRayDaemonWriteAccess")
_INTERFACES = (
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
)  # fmt: skip


def runtime_statements(function_arn: str, log_group_arn: Text, dead_letters_arn: Text) -> tuple[Statement, ...]:
    """Return what lets a function write its log and keep what failed, and leaves interfaces to Lambda."""
    return (
        {
            "Sid": "WriteOwnLog",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [pulumi.Output.concat(log_group_arn, ":*")],
        },
        {"Sid": "KeepWhatFailed", "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [dead_letters_arn]},
        {
            "Sid": "LeaveInterfacesToLambda",
            "Effect": "Deny",
            "Action": list(_INTERFACES),
            "Resource": "*",
            "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": [function_arn]}},
        },
    )


def schedule_statements(function_arn: Text, dead_letters_arn: Text, phi_key_arn: Text) -> tuple[Statement, ...]:
    """Return what EventBridge Scheduler may do for one schedule; its own text is under the same key."""
    return (
        {"Sid": "InvokeIt", "Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": [function_arn]},
        {"Sid": "KeepWhatFailed", "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [dead_letters_arn]},
        {
            "Sid": "UseThePhiKey",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": [phi_key_arn],
        },
    )
