"""Queues are named once, outlive their functions' retries and know what their rules match."""

from services.contracts.events.booking import AppointmentBooked
from services.contracts.events.directory import PatientRecorded
from services.contracts.topology import (
    AWS_BUS,
    BUS,
    DIRECT_QUEUES,
    LOCKED_BUCKETS,
    SCHEDULES,
    SUBSCRIPTIONS,
    DirectQueue,
    Signals,
    Subscription,
    direct_queues_of,
    subscriptions_of,
)


def test_names_are_unique() -> None:
    taken: list[Subscription | DirectQueue] = [*SUBSCRIPTIONS, *DIRECT_QUEUES]
    names = [s.queue for s in taken] + [s.dead_letters for s in taken] + [s.name for s in SCHEDULES]
    assert len(names) == len(set(names))


def test_a_functions_queue_hides_a_message_six_times_its_timeout() -> None:
    for subscription in SUBSCRIPTIONS:
        if subscription.runs == "lambda":
            assert subscription.visibility_seconds >= 6 * subscription.timeout_seconds, subscription.queue


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


def test_subscriptions_are_found_by_service() -> None:
    for service in {s.service for s in SUBSCRIPTIONS}:
        assert all(s.service == service for s in subscriptions_of(service))
    assert not subscriptions_of("nobody")


def test_audit_entries_have_a_queue_of_their_own() -> None:
    [queue] = direct_queues_of("audit")
    assert (queue.channel, queue.dead_letters) == ("audit", "audit-entries-dlq")
    assert queue.queue not in {s.queue for s in SUBSCRIPTIONS}


def test_what_is_locked_stays_as_long_as_the_law_asks() -> None:
    assert all(bucket.retention_years >= 6 for bucket in LOCKED_BUCKETS)
