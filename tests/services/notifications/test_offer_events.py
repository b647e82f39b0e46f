"""Offers of waitlist told by mail: once, with consent, while they last, and with as little as possible."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from services.contracts.events.waitlist import OfferAccepted, OfferDeclined, OfferEvent, OfferExpired, OfferMade
from services.notifications.lambdas.offer_events import take_offers
from tests.fixtures.platform import NewDatabase
from tests.services.notifications.examples import NOW, PATIENT, envelope, failed, patient, sqs_batch
from tests.services.notifications.test_lambdas import Functions


@pytest.fixture
def functions(database: NewDatabase) -> Iterator[Functions]:
    """Return functions that have heard of the patient."""
    ready = Functions(database("notifications"))
    assert ready.directory(envelope(patient())) == []
    yield ready
    ready.worker.close()


def take(functions: Functions, *bodies: Any) -> list[str]:
    return failed(functions.worker.run(take_offers(functions.worker, sqs_batch(*bodies))))


def offer_told(kind: type[OfferEvent], version: int) -> Any:
    ends = NOW + timedelta(hours=12)
    return envelope(
        kind.model_validate({**kind.EXAMPLE, "patient_id": PATIENT, "version": version, "expires_at": ends})
    )


def consent(functions: Functions, offers: str) -> None:
    functions.query(
        "INSERT INTO preferences (patient_id, version, channels, consent, opted_out, changed_at) VALUES "
        f"('{PATIENT}', 1, ARRAY['email'], '{{\"reminders\": true, \"offers\": {offers}}}', false, now()) RETURNING 1"
    )


def test_an_offer_is_told_once_with_a_link_and_nothing_of_the_visit(functions: Functions) -> None:
    consent(functions, "true")
    for _ in range(2):
        assert take(functions, offer_told(OfferMade, 1)) == []
    assert functions.subjects() == ["Careslot: an earlier appointment is possible"]
    body = functions.mail.sent[0][1].body
    assert f"/offers/{OfferMade.EXAMPLE['offer_id']}" in body
    assert not [word for word in ("pat-", "fac-", "cln-", "family") if word in body]


@pytest.mark.parametrize("ended", [OfferAccepted, OfferDeclined, OfferExpired])
def test_an_offer_that_ended_before_it_was_told_is_not_told(functions: Functions, ended: type[OfferEvent]) -> None:
    consent(functions, "true")
    assert take(functions, offer_told(ended, 2), offer_told(OfferMade, 1)) == []
    assert functions.subjects() == []


def test_without_express_consent_no_offer_is_told(functions: Functions) -> None:
    assert take(functions, offer_told(OfferMade, 1)) == []
    consent(functions, "false")
    assert functions.subjects() == []
    assert functions.query("SELECT state, reason FROM messages") == [("suppressed", "no-consent")]
