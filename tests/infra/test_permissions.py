"""What services may do: enough for what their code calls, nothing for everyone, nothing of another service's."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pulumi
import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from infra.components.shared_secrets import PLATFORM, SHARED_SECRETS
from infra.permissions import Arns, Statement, document, function_statements, process_statements, secret_statements
from services.contracts.catalogue import Service, load_catalogue
from services.contracts.topology import DIRECT_QUEUES, SUBSCRIPTIONS, dead_letters_of

SERVICES = load_catalogue()
HERE = "us-east-1:111122223333"
ARNS = Arns(
    region="us-east-1",
    bus=f"arn:aws:events:{HERE}:event-bus/careslot",
    queue=lambda name: f"arn:aws:sqs:{HERE}:{name}",
    bucket=lambda name: f"arn:aws:s3:::{name}",
    secret=lambda service, name: f"arn:aws:secretsmanager:{HERE}:secret:{service}/{name}-??????",
    database=lambda cluster, user: f"arn:aws:rds-db:{HERE}:dbuser:{cluster}/{user}",
    phi_key=f"arn:aws:kms:{HERE}:key/phi",
    audit_key=f"arn:aws:kms:{HERE}:key/audit",
    user_pool=f"arn:aws:cognito-idp:{HERE}:userpool/pool",
    email_identity=f"arn:aws:ses:{HERE}:identity/careslot.example",
    email_events=f"arn:aws:ses:{HERE}:configuration-set/careslot-mail",
)
ALL = [(SERVICES[name], of) for name in SERVICES for of in (process_statements, function_statements)]


def allowed(statements: tuple[Statement, ...]) -> set[tuple[str, str]]:
    """Return action and the end of the resource's ARN, for those with resources."""
    plain = [s for s in statements if "Resource" in s]
    return {
        (action, resource.rpartition(":")[2] if isinstance(resource, str) else "objects")
        for s in plain
        for action in s["Action"]
        for resource in s["Resource"]
    }


@pytest.mark.parametrize(("service", "of"), ALL, ids=[f"{s.name}-{of.__name__}" for s, of in ALL])
def test_no_statement_allows_everything(service: Service, of: Any) -> None:
    for statement in of(service, ARNS):
        assert not [action for action in statement["Action"] if "*" in action]
        resources = [*statement.get("Resource", ()), *statement.get("NotResource", ())]
        assert "*" not in resources
        assert ("NotResource" in statement) == (statement["Action"] == ["sns:Publish"])
    sids = [statement["Sid"] for statement in of(service, ARNS)]
    assert len(sids) == len(set(sids))


def test_a_queue_is_taken_from_by_its_service_alone_and_in_the_way_it_runs() -> None:
    for subscription in SUBSCRIPTIONS:
        taking = {
            (service.name, of.__name__)
            for service, of in ALL
            if ("sqs:ReceiveMessage", subscription.queue) in allowed(of(service, ARNS))
        }
        way = process_statements if subscription.runs == "process" else function_statements
        assert taking == {(subscription.service, way.__name__)}


def test_everyone_with_an_outbox_sends_audit_entries_and_only_the_audit_trail_takes_them() -> None:
    (queue,) = DIRECT_QUEUES
    can = {name: allowed(process_statements(service, ARNS)) for name, service in SERVICES.items()}
    senders = {name for name in can if ("sqs:SendMessage", queue.queue) in can[name]}
    assert senders == {name for name, service in SERVICES.items() if service.database}
    assert {name for name in can if ("sqs:ReceiveMessage", queue.queue) in can[name]} == {"audit"}


def test_a_process_measures_its_services_queues_and_no_others() -> None:
    for service in SERVICES.values():
        can = allowed(process_statements(service, ARNS))
        own = {name for pair in dead_letters_of(service.name).items() for name in pair}
        assert {resource for action, resource in can if action == "sqs:GetQueueAttributes"} == own
    assert "notifications-offers-dlq" in dead_letters_of("notifications").values()


def test_events_are_published_in_a_services_own_name() -> None:
    published = {
        service.name: statement["Condition"]["ForAllValues:StringEquals"]["events:source"]
        for service in SERVICES.values()
        for statement in process_statements(service, ARNS)
        if statement["Action"] == ["events:PutEvents"]
    }
    assert published["booking"] == ["careslot.booking"]
    assert all(source == [f"careslot.{name}"] for name, source in published.items())
    assert not {"audit", "portal"} & set(published)


def test_the_audit_trail_keeps_anchors_it_cannot_delete() -> None:
    can = allowed(process_statements(SERVICES["audit"], ARNS))
    assert {("s3:PutObjectRetention", "objects"), ("s3:ListBucketVersions", "careslot-audit-anchors")} <= can
    assert not [action for action, _ in can if "Delete" in action and action.startswith("s3:")]
    assert not [action for action, _ in can if "Bypass" in action]


def test_a_service_signs_in_to_its_own_database_alone() -> None:
    for service, of in ALL:
        users = {resource for action, resource in allowed(of(service, ARNS)) if action == "rds-db:connect"}
        mine = {f"{service.database.cluster}/{service.database.name}"} if service.database else set()
        assert users == (mine if of(service, ARNS) else set())


def test_a_key_opens_nothing_but_what_a_service_reads_through_aws() -> None:
    for service, of in ALL:
        for statement in of(service, ARNS):
            if "kms:Decrypt" in statement["Action"]:
                assert _via(statement).endswith(".us-east-1.amazonaws.com")
    portal = process_statements(SERVICES["portal"], ARNS)
    assert [_via(s) for s in portal if "kms:Decrypt" in s["Action"]] == ["secretsmanager.us-east-1.amazonaws.com"]


def test_a_service_that_is_handed_its_secrets_cannot_read_them() -> None:
    everything = process_statements(SERVICES["waitlist"], ARNS)
    handed = process_statements(SERVICES["waitlist"], ARNS, with_secrets=False)
    missing = {s["Sid"] for s in everything} - {s["Sid"] for s in handed}
    assert missing == {s["Sid"] for s in secret_statements(SERVICES["waitlist"], ARNS)}
    assert missing == {"ReadOwnSecrets", "OpenOwnSecrets"}


def test_only_the_functions_of_notifications_write_to_people() -> None:
    writing = {
        (service.name, of.__name__)
        for service, of in ALL
        for statement in of(service, ARNS)
        if {"ses:SendEmail", "sns:Publish"} & set(statement["Action"])
    }
    assert writing == {("notifications", "function_statements")}
    assert function_statements(SERVICES["booking"], ARNS) == ()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_the_catalogue_names_the_secrets_a_service_keeps_out_of_its_logs(name: str) -> None:
    settings: type[BaseSettings] = importlib.import_module(f"services.{name}.settings").Settings
    # Only on a laptop does the address of a database hold a password.
    hidden = {
        field.replace("_", "-")
        for field, info in settings.model_fields.items()
        if not info.repr or info.annotation is SecretStr
    } - {"database-url"}
    named = set(SERVICES[name].secrets)
    assert hidden <= named
    # What is no secret changes together with one: public keys, and the names of keys.
    assert all(secret.endswith(("-keys", "-key-id")) for secret in named - hidden)
    assert {secret.replace("-", "_") for secret in named} <= set(settings.model_fields)


def test_every_secret_of_the_catalogue_is_kept_under_the_name_that_services_may_read() -> None:
    named = {f"{service.name}-{secret}" for service in SERVICES.values() for secret in service.secrets}
    assert {secret.name for secret in SHARED_SECRETS if secret.service != PLATFORM} == named


async def test_a_document_holds_what_was_allowed() -> None:
    statements = process_statements(SERVICES["directory"], ARNS)
    text: str = await document(statements).future()  # type: ignore[assignment]
    assert [s["Sid"] for s in json.loads(text)["Statement"]] == [s["Sid"] for s in statements]
    assert isinstance(document(statements), pulumi.Output)


def _via(statement: Statement) -> str:
    via: str = statement["Condition"]["StringEquals"]["kms:ViaService"]
    return via
