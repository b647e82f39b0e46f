"""What follows from a declared queue: its rule, the bus that is on, its dead letters."""

from services.contracts.events.booking import AppointmentBooked
from services.contracts.events.directory import PatientRecorded
from services.contracts.queues import AWS_BUS, BUS, Signals, Subscription


def test_a_rule_matches_types_and_sources_of_its_events() -> None:
    subscription = Subscription("q", "x", (AppointmentBooked, PatientRecorded), "m:f")
    assert subscription.event_types == ("booking.appointment-booked.v1", "directory.patient-recorded.v1")
    assert subscription.sources == ("careslot.booking", "careslot.directory")
    assert subscription.dead_letters == "q-dlq"


def test_a_rule_is_narrowed_to_what_its_service_does_something_with() -> None:
    subscription = Subscription("q", "x", (AppointmentBooked,), "m:f", only={"kind": ("moved", "restored")})
    assert subscription.pattern == {
        "source": ["careslot.booking"], "detail-type": ["booking.appointment-booked.v1"],
        "detail": {"data": {"kind": ["moved", "restored"]}},
    }  # fmt: skip
    assert subscription.bus == BUS


def test_a_rule_on_what_aws_tells_is_on_the_bus_where_it_is_told() -> None:
    subscription = Subscription("q", "x", (), "m:f", signals=Signals("aws.ses", ("Email Bounced",)))
    assert subscription.pattern == {"source": ["aws.ses"], "detail-type": ["Email Bounced"]}
    assert subscription.bus == AWS_BUS
