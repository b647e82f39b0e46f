"""Queues are named once, outlive their functions' retries and know what their rules match."""

from services.contracts.topology import (
    DIRECT_QUEUES,
    LOCKED_BUCKETS,
    SCHEDULES,
    SUBSCRIPTIONS,
    DirectQueue,
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
