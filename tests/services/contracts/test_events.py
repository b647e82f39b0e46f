"""Events mean the same to whoever writes and whoever reads them, today and after an upgrade."""

from datetime import UTC, datetime

import pytest

from services.contracts.events import EVENTS, event_of
from services.contracts.events.base import Event
from services.kernel.errors import Invalid, NotFound
from services.kernel.ids import new_id
from services.kernel.outbox import Envelope


def envelope(type_: str, data: dict[str, object]) -> Envelope:
    """Wrap ``data`` as the bus would deliver it."""
    source = f"careslot.{type_.partition('.')[0]}"
    return Envelope(new_id(), type_, source, datetime(2027, 1, 1, tzinfo=UTC), "c" * 32, data)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_an_example_goes_over_the_wire_and_back(event: type[Event]) -> None:
    written = event.model_validate(event.EXAMPLE)
    assert written.source == f"careslot.{event.TYPE.split('.')[0]}"
    assert event_of(envelope(event.TYPE, dict(written.payload()))) == written


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_a_reader_tolerates_fields_of_a_newer_writer(event: type[Event]) -> None:
    data = {**event.model_validate(event.EXAMPLE).payload(), "added_later": 1}
    assert event_of(envelope(event.TYPE, data)) == event.model_validate(event.EXAMPLE)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_a_missing_field_is_named_without_any_value(event: type[Event]) -> None:
    data = dict(event.model_validate(event.EXAMPLE).payload())
    missing = next(iter(event.model_fields))
    del data[missing]
    with pytest.raises(Invalid) as caught:
        event_of(envelope(event.TYPE, data))
    assert caught.value.detail == f"{event.TYPE} breaks its contract at {missing}."


def test_an_unknown_event_is_not_guessed_at() -> None:
    with pytest.raises(NotFound):
        event_of(envelope("booking.appointment-booked.v9", {}))


def test_an_envelope_survives_eventbridge() -> None:
    import json

    sent = envelope("booking.appointment-booked.v1", {"appointment_id": "a"})
    delivered = {"source": sent.source, "detail-type": sent.type, "detail": json.loads(sent.detail())}
    assert Envelope.from_eventbridge(delivered) == sent
    with pytest.raises((KeyError, TypeError, ValueError)):
        Envelope.from_eventbridge({"source": "x", "detail": {}})
