"""Mail that comes back: the address is not used again, the message goes another way, or is told of as failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from services.kernel.errors import Invalid
from services.kernel.ids import new_id
from services.notifications.domain.feedback import Feedback, Outcome, feedback_of
from services.notifications.lambdas.mail_feedback import take_mail_feedback
from tests.fixtures.platform import NewDatabase
from tests.services.notifications.examples import NOW, booked, envelope, failed, patient, sqs_batch
from tests.services.notifications.test_lambdas import Functions

MAIL, PHONE = "maria@example.org", "+16175550100"


def told(message_id: UUID | None, kind: str = "Permanent", address: str = MAIL) -> dict[str, Any]:
    """Return the detail of an event as SES documents it (developer guide, "Examples of event data")."""
    tags = {"ses:configuration-set": ["careslot-mail"], **({"message_id": [str(message_id)]} if message_id else {})}
    mail = {
        "timestamp": "2027-01-04T15:00:01.012Z", "source": "Careslot <appointments@careslot.example>",
        "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/careslot.example", "destination": [address],
        "sendingAccountId": "123456789012", "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
        "headersTruncated": False, "tags": tags,
    }  # fmt: skip
    if kind == "complaint":
        complaint = {
            "complainedRecipients": [{"emailAddress": address}], "timestamp": "2027-01-04T15:00:02.669Z",
            "feedbackId": "01000157c44f053b", "userAgent": "Example", "complaintFeedbackType": "abuse",
        }  # fmt: skip
        return {"eventType": "Complaint", "complaint": complaint, "mail": mail}
    bounce = {
        "bounceType": kind, "bounceSubType": "General", "timestamp": "2027-01-04T15:00:02.669Z",
        "bouncedRecipients": [
            {
                "emailAddress": address, "action": "failed", "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000", "reportingMTA": "dsn; mta",
    }  # fmt: skip
    return {"eventType": "Bounce", "bounce": bounce, "mail": mail}


def event(detail: dict[str, Any]) -> str:
    """Return what EventBridge puts into the queue."""
    wrapped = {
        "version": "0", "id": str(new_id()), "detail-type": "Email Bounced", "source": "aws.ses",
        "account": "123456789012", "time": "2027-01-04T15:00:03Z", "region": "us-east-1",
        "resources": ["arn:aws:ses:us-east-1:123456789012:configuration-set/careslot-mail"], "detail": detail,
    }  # fmt: skip
    return json.dumps(wrapped)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("Permanent", Outcome.BOUNCED),
        ("Transient", Outcome.DELAYED),
        ("Undetermined", Outcome.DELAYED),
        ("complaint", Outcome.COMPLAINED),
    ],
)
def test_what_ses_says_is_read(kind: str, outcome: Outcome) -> None:
    id_ = new_id()
    assert feedback_of(told(id_, kind, "Maria@Example.org ")) == Feedback(id_, outcome, (MAIL,))
    assert feedback_of(told(None, kind)).message_id is None


@pytest.mark.parametrize(
    "odd",
    [
        {}, {"eventType": "Open"}, {"eventType": "Bounce"}, {"eventType": "Bounce", "bounce": []},
        {**told(None), "mail": {"tags": {"message_id": ["no-id"]}}},
    ],
)  # fmt: skip
def test_what_is_not_from_ses_is_refused_without_repeating_it(odd: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        feedback_of(odd)


class Post(Functions):
    """The functions, with what SES tells of mails."""

    def feedback(self, *bodies: str) -> list[str]:
        return failed(self.worker.run(take_mail_feedback(self.worker, sqs_batch(*bodies))))

    def sent_id(self) -> UUID:
        [(id_,)] = self.query("SELECT message_id FROM messages WHERE kind = 'confirmation'")
        return UUID(str(id_))

    def state(self) -> tuple[Any, ...]:
        [row] = self.query("SELECT state, reason, channel FROM messages WHERE kind = 'confirmation'")
        return row

    def outbox(self) -> list[tuple[str, str]]:
        rows = self.query("SELECT type, coalesce(data ->> 'reason', data ->> 'channel') FROM outbox ORDER BY id")
        return [(str(type_).partition(".")[2], str(said)) for type_, said in rows]


@pytest.fixture
def post(database: NewDatabase) -> Iterator[Post]:
    """Return functions that have confirmed a visit by mail."""
    ready = Post(database("notifications"))
    ready.directory(envelope(patient(email=MAIL, phone=PHONE)))
    ready.appointments(envelope(booked()))
    assert ready.state() == ("sent", "", "email")
    yield ready
    ready.worker.close()


def test_a_bounced_mail_goes_by_text_and_no_other_mail_to_its_address(post: Post) -> None:
    bounced = event(told(post.sent_id()))
    for _ in range(2):
        assert post.feedback(bounced, bounced) == []
    assert post.state() == ("sent", "", "sms")
    assert [to for to, _ in post.text.sent] == [PHONE]
    ledger = "SELECT state, reason, channel FROM deliveries WHERE message_id = '{}' ORDER BY id"
    assert post.query(ledger.format(post.sent_id()))[-3:] == [
        ("planned", "bounced", "email"), ("sending", "", "sms"), ("sent", "", "sms"),
    ]  # fmt: skip
    # Another patient with the same address is not written to either; a new address is used at once.
    other = "pat-000002"
    post.directory(envelope(patient(patient_id=other, email=MAIL.upper(), phone="")))
    visit: dict[str, Any] = {"appointment_id": "0197a000-0000-7000-8000-00000000000b", "patient_id": other}
    post.appointments(envelope(booked(**visit)))
    assert post.outbox()[-1] == ("message-failed.v1", "bounced")
    post.directory(envelope(patient(version=2, patient_id=other, email="new@example.org", phone="")))
    post.appointments(envelope(booked(2, **visit)))
    assert [to for to, _ in post.mail.sent] == [MAIL, "new@example.org"]


def test_without_another_way_it_is_told_of_as_failed(post: Post) -> None:
    post.directory(envelope(patient(version=2, email=MAIL, phone="")))
    assert post.feedback(event(told(post.sent_id()))) == []
    assert post.state() == ("suppressed", "bounced", "email")
    assert post.outbox() == [("message-sent.v1", "email"), ("message-failed.v1", "bounced")]


def test_a_full_mailbox_fails_this_message_and_not_the_address(post: Post) -> None:
    assert post.feedback(event(told(post.sent_id(), "Transient"))) == []
    assert post.state() == ("failed", "bounced", "email")
    assert post.outbox()[-1] == ("message-failed.v1", "bounced")
    assert post.query("SELECT * FROM unusable_addresses") == []


def test_a_complaint_ends_mail_and_takes_nothing_back(post: Post) -> None:
    assert post.feedback(event(told(post.sent_id(), "complaint"))) == []
    assert post.state() == ("sent", "complained", "email")
    assert post.query("SELECT address, reason, at FROM unusable_addresses") == [(MAIL, "complained", NOW)]
    assert not post.text.sent, "the message did arrive"


def test_mail_that_was_not_planned_and_poison_harm_nobody(post: Post) -> None:
    assert post.feedback(event(told(None)), event(told(new_id())), "{}", event({"eventType": "Open"})) == [
        "message-2", "message-3",
    ]  # fmt: skip
    assert post.state() == ("sent", "", "email")
