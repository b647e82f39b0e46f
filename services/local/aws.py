"""The emulated account: one place that knows how to reach it, and the topology declared in it over plain
boto3.

The same calls would build the same things in AWS: per subscription a rule on the bus that may send to one
queue (its policy says so), the queue with a redrive to its dead-letter queue, which accepts from that queue
only. What exists and is as declared is left alone, so declaring twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from services.contracts.topology import (
    AWS_BUS,
    BUS,
    DIRECT_QUEUES,
    MAIL_CONFIGURATION_SET,
    SUBSCRIPTIONS,
    DirectQueue,
    Subscription,
)
from services.local.emulator import ACCOUNT, REGION

if TYPE_CHECKING:
    from types_boto3_cognito_idp import CognitoIdentityProviderClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_iam import IAMClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client
    from types_boto3_scheduler import EventBridgeSchedulerClient
    from types_boto3_ses import SESClient
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType

SECRET = "not-checked-by-the-emulator"  # noqa: S105 -- it is not one
DAY = 24 * 60 * 60


def client_environment(endpoint_url: str) -> dict[str, str]:
    """Return the variables that lead every AWS SDK of a child process to the emulator and nowhere else.

    The user's own profile and the instance metadata service are shut out: a mistake must not reach a real
    account.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class Aws:
    """boto3 clients of one emulator, each made when first used; they may be shared between threads."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url
        self._session = boto3.Session(ACCOUNT, SECRET, region_name=REGION)
        self._config = Config(
            connect_timeout=2,
            read_timeout=30,
            retries={"max_attempts": 3, "mode": "standard"},
            max_pool_connections=32,
        )

    @cached_property
    def events(self) -> EventBridgeClient:
        """EventBridge."""
        return self._session.client("events", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def sqs(self) -> SQSClient:
        """Simple Queue Service."""
        return self._session.client("sqs", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def functions(self) -> LambdaClient:
        """Lambda (a word Python has taken)."""
        return self._session.client("lambda", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def scheduler(self) -> EventBridgeSchedulerClient:
        """EventBridge Scheduler."""
        return self._session.client("scheduler", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def iam(self) -> IAMClient:
        """Identity and Access Management."""
        return self._session.client("iam", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def cognito(self) -> CognitoIdentityProviderClient:
        """Cognito user pools."""
        return self._session.client("cognito-idp", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def logs(self) -> Any:
        """CloudWatch Logs; untyped, because the stubs we install leave it out."""
        return self._session.client("logs", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def ses(self) -> SESClient:
        """Simple Email Service."""
        return self._session.client("ses", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def sns(self) -> SNSClient:
        """Simple Notification Service (text messages)."""
        return self._session.client("sns", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def s3(self) -> S3Client:
        """Simple Storage Service; paths instead of host names, which nobody resolves here."""
        config = self._config.merge(Config(s3={"addressing_style": "path"}))
        return self._session.client("s3", endpoint_url=self.endpoint_url, config=config)


@dataclass(frozen=True, slots=True)
class Queue:
    """A declared queue with its dead-letter queue: the URLs to poll, the ARN to feed a function from."""

    url: str
    arn: str
    dead_letters_url: str


def bus_name(prefix: str = "") -> str:
    """Return the bus's name; a prefix keeps several topologies in one emulator apart (tests)."""
    return prefix + BUS


def declare_bus(
    aws: Aws, subscriptions: Iterable[Subscription] = SUBSCRIPTIONS, *, prefix: str = ""
) -> dict[str, Queue]:
    """Make the bus and, per subscription, rule, queue and dead-letter queue; return them by the topology's
    names.
    """
    bus = bus_name(prefix)
    try:
        aws.events.create_event_bus(Name=bus)
    except aws.events.exceptions.ResourceAlreadyExistsException:
        pass
    buses = {BUS: bus, AWS_BUS: AWS_BUS}
    return {one.queue: _subscribe(aws, buses[one.bus], one, prefix) for one in subscriptions}


def declare_direct_queues(
    aws: Aws, queues: Iterable[DirectQueue] = DIRECT_QUEUES, *, prefix: str = ""
) -> dict[str, Queue]:
    """Make the queues that services send to past the bus, with their dead letters; return them by name."""
    return {queue.queue: _direct(aws, queue, prefix) for queue in queues}


def declare_sender(aws: Aws, email_address: str) -> None:
    """Let SES send from the address, with the configuration set mails name. SNS needs nothing declared to send a text
    message (and here knows no attributes).

    The emulator's SES delivers everything and never tells of a bounce: who wants to see one puts it on the bus.
    """
    try:
        aws.ses.create_configuration_set(ConfigurationSet={"Name": MAIL_CONFIGURATION_SET})
    except aws.ses.exceptions.ConfigurationSetAlreadyExistsException:
        pass
    if email_address not in aws.ses.list_identities(IdentityType="EmailAddress")["Identities"]:
        aws.ses.verify_email_identity(EmailAddress=email_address)


def _subscribe(aws: Aws, bus: str, subscription: Subscription, prefix: str) -> Queue:
    name, dead_letters = prefix + subscription.queue, prefix + subscription.dead_letters
    queue_arn, dead_letters_arn = _queue_arn(name), _queue_arn(dead_letters)
    dead_letters_url = _ensure_queue(
        aws,
        dead_letters,
        {
            "MessageRetentionPeriod": str(subscription.retention_days * DAY),
            "RedriveAllowPolicy": _json({"redrivePermission": "byQueue", "sourceQueueArns": [queue_arn]}),
        },
    )
    pattern = _json(subscription.pattern)
    rule_arn = _ensure_rule(aws, bus, name, pattern)
    url = _ensure_queue(
        aws,
        name,
        {
            "VisibilityTimeout": str(subscription.visibility_seconds),
            "MessageRetentionPeriod": str(subscription.retention_days * DAY),
            "RedrivePolicy": _json(
                {"deadLetterTargetArn": dead_letters_arn, "maxReceiveCount": subscription.max_receives}
            ),
            "Policy": _json(_may_send(queue_arn, rule_arn)),
        },
    )
    targets = aws.events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
    if not any(target["Id"] == "queue" and target["Arn"] == queue_arn for target in targets):
        put = aws.events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": queue_arn}])
        if put["FailedEntryCount"]:
            raise RuntimeError(f"the queue {name} could not be made a target: {put['FailedEntries']}")
    return Queue(url, queue_arn, dead_letters_url)


def _direct(aws: Aws, queue: DirectQueue, prefix: str) -> Queue:
    name, dead_letters = prefix + queue.queue, prefix + queue.dead_letters
    queue_arn = _queue_arn(name)
    retention = str(queue.retention_days * DAY)
    allow: dict[QueueAttributeNameType, str] = {
        "MessageRetentionPeriod": retention,
        "RedriveAllowPolicy": _json({"redrivePermission": "byQueue", "sourceQueueArns": [queue_arn]}),
    }
    dead_letters_url = _ensure_queue(aws, dead_letters, allow)
    redrive = {"deadLetterTargetArn": _queue_arn(dead_letters), "maxReceiveCount": queue.max_receives}
    wanted: dict[QueueAttributeNameType, str] = {
        "VisibilityTimeout": str(queue.visibility_seconds),
        "MessageRetentionPeriod": retention,
        "RedrivePolicy": _json(redrive),
    }
    return Queue(_ensure_queue(aws, name, wanted), queue_arn, dead_letters_url)


def _ensure_queue(aws: Aws, name: str, wanted: Mapping[QueueAttributeNameType, str]) -> str:
    try:
        url = aws.sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except aws.sqs.exceptions.QueueDoesNotExist:
        return aws.sqs.create_queue(QueueName=name, Attributes=wanted)["QueueUrl"]
    found = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]).get("Attributes", {})
    changed = {key: value for key, value in wanted.items() if not _same(found.get(key, ""), value)}
    if changed:
        aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=changed)
    return url


def _ensure_rule(aws: Aws, bus: str, name: str, pattern: str) -> str:
    try:
        found = aws.events.describe_rule(Name=name, EventBusName=bus)
        if _same(found.get("EventPattern", ""), pattern) and found.get("State") == "ENABLED":
            return found["Arn"]
    except aws.events.exceptions.ResourceNotFoundException:
        pass
    return aws.events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern, State="ENABLED")["RuleArn"]


def _may_send(queue_arn: str, rule_arn: str) -> dict[str, object]:
    """Return the resource policy EventBridge needs to reach a queue (EventBridge user guide, SQS
    permissions).
    """
    statement = {
        "Sid": "RuleMaySend",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _queue_arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _same(one: str, other: str) -> bool:
    """Compare attributes that may be JSON, written differently but meaning the same."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return one == other
