"""What each service may do in AWS: IAM statements derived from what it declares, so that none is written by hand.

Topology says which queues a service takes from and which events it publishes, the catalogue which secrets it reads
and which AWS services it uses beyond that. Everything else is denied, because nobody allows it (45 CFR 164.312(a)(1)).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from services.contracts.catalogue import Service
from services.contracts.catalogue.model import AwsUse
from services.contracts.events import EVENTS
from services.contracts.topology import DIRECT_QUEUES, LOCKED_BUCKETS, SCHEDULES, SUBSCRIPTIONS, dead_letters_of

Text = pulumi.Input[str]
Statement = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Arns:
    """ARNs of what services touch in one region.

    ``queue`` and ``bucket`` take the topology's names; ``secret`` takes service and secret and returns a pattern, as
    Secrets Manager ends every ARN with six characters of its own; ``database`` takes Aurora cluster and user.
    ``phi_key`` and ``audit_key`` are that region's
    KMS keys, ``user_pool`` is Cognito's, ``email_identity`` and ``email_events`` are identity and configuration set of
    SES.
    """

    region: str
    bus: Text
    queue: Callable[[str], Text]
    bucket: Callable[[str], Text]
    secret: Callable[[str, str], Text]
    database: Callable[[str, str], Text]
    phi_key: Text
    audit_key: Text
    user_pool: Text
    email_identity: Text
    email_events: Text


def process_statements(service: Service, arns: Arns, *, with_secrets: bool = True) -> tuple[Statement, ...]:
    """Return what a service's pods or tasks may do; ``with_secrets`` False if somebody hands them their secrets."""
    name = service.name
    taken = [s.queue for s in SUBSCRIPTIONS if s.service == name and s.runs == "process"]
    taken += [queue.queue for queue in DIRECT_QUEUES if queue.service == name]
    # Whoever has a database has an outbox, and so sends to the queues that take from every outbox.
    sent = [queue.queue for queue in DIRECT_QUEUES] if service.database else []
    buckets = [bucket.name for bucket in LOCKED_BUCKETS if bucket.service == name]
    statements = [
        *(_publish(name, arns) if service.database else ()),
        *_take("TakeFromOwnQueues", taken, arns, ("sqs:GetQueueUrl",)),
        *_measure(name, arns),
        *_send(sent, arns),
        *_sign_in(service, arns),
        *(secret_statements(service, arns) if with_secrets else ()),
        *(statement for bucket in buckets for statement in _locked_bucket(bucket, arns)),
        *(_USES[use](arns) for use in service.uses),
    ]
    return (
        *statements,
        *_key("UseThePhiKey", arns.phi_key, "sqs" if taken or sent else "", arns),
        *_key("UseTheAuditKey", arns.audit_key, "s3" if buckets else "", arns),
    )


def secret_statements(service: Service, arns: Arns) -> tuple[Statement, ...]:
    """Return what reading a service's secrets takes, nothing if it has none."""
    if not service.secrets:
        return ()
    own = [arns.secret(service.name, secret) for secret in service.secrets]
    return (
        _allow("ReadOwnSecrets", ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], own),
        *_key("OpenOwnSecrets", arns.phi_key, "secretsmanager", arns, ("kms:Decrypt",)),
    )


def function_statements(service: Service, arns: Arns) -> tuple[Statement, ...]:
    """Return what a service's Lambda functions may do, nothing if it has none.

    Logs and network interfaces are the runtime's business, not the service's.
    """
    taken = [s.queue for s in SUBSCRIPTIONS if s.service == service.name and s.runs == "lambda"]
    if not taken and not any(schedule.service == service.name for schedule in SCHEDULES):
        return ()
    # What an event-source mapping needs (AWS Lambda developer guide, "Using Lambda with Amazon SQS").
    own = ("sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes")
    return (
        *_take("TakeFromOwnQueues", taken, arns, own),
        *_sign_in(service, arns),
        *(_USES[use](arns) for use in service.functions_use),
        *_key("UseThePhiKey", arns.phi_key, "sqs" if taken else "", arns),
    )


def document(statements: Iterable[Statement]) -> pulumi.Output[str]:
    """Return a policy document."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


DATABASE_URL = "database-url"


def _allow(sid: str, actions: Iterable[str], resources: Iterable[Text], **conditions: Any) -> Statement:
    statement = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": list(resources)}
    return {**statement, "Condition": conditions} if conditions else statement


def _publish(service: str, arns: Arns) -> Iterable[Statement]:
    # Every process asks whether the bus is there before it says it is ready.
    yield _allow("SeeTheBus", ["events:DescribeEventBus"], [arns.bus])
    source = f"careslot.{service}"
    if any(type_.partition(".")[0] == service for type_ in EVENTS):
        only = {"ForAllValues:StringEquals": {"events:source": [source]}}
        yield _allow("PublishInOwnName", ["events:PutEvents"], [arns.bus], **only)


def _take(sid: str, queues: list[str], arns: Arns, also: tuple[str, ...]) -> Iterable[Statement]:
    if queues:
        yield _allow(sid, ["sqs:DeleteMessage", "sqs:ReceiveMessage", *also], map(arns.queue, queues))


def _measure(service: str, arns: Arns) -> Iterable[Statement]:
    """Tell in metrics how full the own queues are, also those that functions are fed from, and their dead letters."""
    queues = [name for pair in dead_letters_of(service).items() for name in pair]
    if queues:
        yield _allow("MeasureOwnQueues", ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"], map(arns.queue, queues))


def _send(queues: list[str], arns: Arns) -> Iterable[Statement]:
    if queues:
        yield _allow("SendToTheAuditTrail", ["sqs:GetQueueUrl", "sqs:SendMessage"], map(arns.queue, queues))


def _sign_in(service: Service, arns: Arns) -> Iterable[Statement]:
    """Sign in to the own database with a token of IAM's, as the user called like it: no password to keep or leak."""
    if service.database:
        user = arns.database(service.database.cluster, service.database.name)
        yield _allow("SignInToOwnDatabase", ["rds-db:connect"], [user])


def _locked_bucket(bucket: str, arns: Arns) -> Iterable[Statement]:
    """Write, read and list versions; no role of a service may delete one or shorten what holds it."""
    arn = arns.bucket(bucket)
    yield _allow("ListTheLockedBucket", ["s3:ListBucket", "s3:ListBucketVersions"], [arn])
    actions = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectRetention"]
    yield _allow("KeepInTheLockedBucket", actions, [pulumi.Output.concat(arn, "/*")])


def _key(
    sid: str, key: Text, through: str, arns: Arns, actions: Iterable[str] = ("kms:Decrypt", "kms:GenerateDataKey")
) -> Iterable[Statement]:
    """Use a key through one AWS service only, if any: nothing can be decrypted by calling KMS."""
    if through:
        via = {"kms:ViaService": f"{through}.{arns.region}.amazonaws.com"}
        yield _allow(sid, actions, [key], StringEquals=via)


def _user_accounts(arns: Arns) -> Statement:
    actions = (
        "AdminAddUserToGroup", "AdminGetUser", "AdminListGroupsForUser", "AdminRemoveUserFromGroup",
        "AdminUpdateUserAttributes",
    )  # fmt: skip
    return _allow("AssignRoles", [f"cognito-idp:{action}" for action in actions], [arns.user_pool])


def _email(arns: Arns) -> Statement:
    return _allow("SendEmail", ["ses:SendEmail"], [arns.email_identity, arns.email_events])


def _text_messages(_arns: Arns) -> Statement:
    """A telephone number has no ARN: what is no topic, endpoint or application of SNS remains."""
    return {"Sid": "SendTexts", "Effect": "Allow", "Action": ["sns:Publish"], "NotResource": ["arn:aws:sns:*:*:*"]}


_USES: Mapping[AwsUse, Callable[[Arns], Statement]] = {
    "user-accounts": _user_accounts,
    "email": _email,
    "text-messages": _text_messages,
}
