"""The whole story, as `careslot demo` tells it."""

from __future__ import annotations

import json

from tests.journeys.running import Running


def test_the_demo_holds_and_tells_every_step_and_event(platform: Running) -> None:
    done = platform.verb("demo", "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, [line for line in told if line["event"] not in {"event", "step", "saw"}]
    assert told[-1]["event"] == "ended"
    assert [line["number"] for line in told if line["event"] == "step"] == list(range(1, told[-1]["steps"] + 1))
    events = {line["type"] for line in told if line["event"] == "event"}
    assert {
        "booking.appointment-held.v1", "booking.appointment-booked.v1", "booking.appointment-moved.v1",
        "booking.appointment-cancelled.v1", "notifications.message-sent.v1",
    } <= events  # fmt: skip


def test_the_demo_can_be_told_again_and_fits_a_terminal(platform: Running) -> None:
    done = platform.verb("demo")
    assert done.returncode == 0, done.stdout[-500:]
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_tap_leaves_nothing_behind(platform: Running) -> None:
    from services.local.aws import Aws

    aws = Aws(platform.state.emulator)
    rules = aws.events.list_rules(EventBusName=platform.state.bus)["Rules"]
    queues = aws.sqs.list_queues().get("QueueUrls", [])
    assert not [rule["Name"] for rule in rules if "tap" in rule["Name"]]
    assert not [url for url in queues if "tap" in url]
