"""A front desk sees what happens at its facility while it happens, through the gateway."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any

import httpx
import pytest

from services.local.demo.client import Appointment, Person, expected
from tests.journeys.running import Running, slots

PATIENT = "pat-000045"
SECONDS = 15.0


def follow(person: Person, path: str, events: queue.Queue[tuple[str, dict[str, Any]]]) -> None:
    """Put every event of a stream into ``events`` until the stream is closed."""
    headers = {"Accept": "text/event-stream"}
    with person.http.stream("GET", path, headers=headers, timeout=httpx.Timeout(30)) as answer:
        expected(answer, 200)
        name = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.put((name, json.loads(line.removeprefix("data: "))))
                if name == "appointment" and '"cancelled"' in line:
                    return


def test_changes_come_as_they_commit_and_name_no_patient(platform: Running) -> None:
    desk, scheduler = platform.person("frontdesk"), platform.person("scheduler")
    [slot] = slots(scheduler, 1, specialty="family-medicine", facility="fac-0001")
    events: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
    follower = threading.Thread(target=follow, args=(desk, "/booking/facilities/fac-0001/stream", events), daemon=True)
    follower.start()
    assert events.get(timeout=SECONDS)[0] == "ready"
    body = {"offer": slot["offer"], "patient_id": PATIENT}
    booked = Appointment.of(expected(scheduler.command("/booking/appointments", body), 201))
    assert _about(events, booked)["status"] == "booked"
    scheduler.change(booked, "cancel", {"reason": "other"})
    seen = _about(events, booked)
    assert seen["status"] == "cancelled"
    assert PATIENT not in json.dumps(seen)
    follower.join(SECONDS)


def test_another_facilitys_stream_is_refused(platform: Running) -> None:
    stranger = platform.person("frontdesk2")
    answer = stranger.http.get("/booking/facilities/fac-0001/stream", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 403


def _about(events: queue.Queue[tuple[str, dict[str, Any]]], appointment: Appointment) -> dict[str, Any]:
    """Return the next event about an appointment; others' may come between."""
    while True:
        try:
            _, data = events.get(timeout=SECONDS)
        except queue.Empty:
            pytest.fail("no event came through the gateway in time")
        if data.get("appointment_id") == appointment.id:
            return data
