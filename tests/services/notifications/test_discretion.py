"""What not everyone may know: messages about labelled visits say nothing, emergency accesses are told at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from services.contracts.events.directory import BreakGlassRecorded
from services.kernel.errors import Invalid
from services.kernel.ids import new_id
from services.kernel.outbox import Envelope
from services.notifications.domain.messages import Composed
from services.notifications.lambdas.break_glass_events import take_alerts
from services.notifications.ports import NotTaken
from services.notifications.usecases.alerting import Alerting
from tests.fixtures.platform import NewDatabase
from tests.services.notifications.examples import NOW, booked, envelope, failed, patient, sqs_batch
from tests.services.notifications.fakes import FakeSender
from tests.services.notifications.test_lambdas import Functions


@pytest.fixture
def functions(database: NewDatabase) -> Iterator[Functions]:
    """Return functions that have heard of the patient."""
    ready = Functions(database("notifications"))
    assert ready.directory(envelope(patient())) == []
    yield ready
    ready.worker.close()


@pytest.mark.parametrize("label", ["R", "ETH"])
def test_a_message_about_a_labelled_visit_says_that_there_is_news(functions: Functions, label: str) -> None:
    soon = NOW + timedelta(hours=5)
    labelled = booked(security_label=label, starts_at=soon, ends_at=soon + timedelta(minutes=20))
    assert functions.appointments(envelope(labelled)) == []
    [(_, words)] = functions.mail.sent
    assert words.subject == "Careslot: news for you"
    for told in ("appointment", "visit", "PM", "AM", "2027"):
        assert told not in words.body


def told(**more: object) -> Envelope:
    return envelope(BreakGlassRecorded.model_validate({**BreakGlassRecorded.EXAMPLE, **more}))


def take(functions: Functions, *bodies: Envelope) -> list[str]:
    return failed(functions.worker.run(take_alerts(functions.worker, sqs_batch(*bodies))))


def test_the_privacy_officer_hears_of_an_emergency_access_once(functions: Functions) -> None:
    opened = told()
    assert take(functions, opened, opened, told(version=2, ended_at="2027-01-04T12:30:00Z")) == []
    [(to, words)] = functions.mail.sent
    assert to == "privacy@careslot.example"
    assert "btg-0197a000000070008000000000000001" in words.body
    assert "emergency-treatment" in words.body
    assert "pat-" not in words.body


async def test_nothing_but_an_emergency_access_is_told() -> None:
    with pytest.raises(Invalid):
        await Alerting(FakeSender(), "privacy@careslot.example", lambda _: Composed("", "")).take(patient(), new_id())


def test_an_alert_that_cannot_be_sent_comes_again(functions: Functions) -> None:
    opened = told()
    functions.mail.answers.append(NotTaken("Throttling"))
    assert take(functions, opened) == ["message-0"]
    assert take(functions, opened) == []
    assert len(functions.mail.sent) == 1
