"""The waiting list's part of the story: a visit given up by one patient becomes that of another who waits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from services.local.demo.client import Appointment, Person, StoryFault, eventually, expected
from services.local.demo.tap import Heard, Tap
from services.local.demo.visits import overlap, single, visits, when
from services.local.state import PlatformState

SPECIALTY = "family-medicine"
DAYS_AHEAD = 12  # far enough for all three reminders
EVENT_SECONDS = 20.0
REMINDERS = 3
QUIET_SECONDS = 1.0
LIVE = {"waiting", "offered"}


class Handover:
    """From "I wait" to "it is mine"; ``made`` are the visits left at the end."""

    def __init__(self, state: PlatformState, tap: Tap) -> None:
        self._state = state
        self._tap = tap
        self.made: list[tuple[Person, Appointment]] = []
        self._former: Person
        self._next: Person
        self._proxy: Person
        self._grant_path = ""
        self._visit: Appointment
        self._slot: dict[str, Any]
        self._request = ""
        self._offer = ""

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Return the steps by title."""
        return [
            ("One patient has a visit, another waits for one like it", self.wait),
            ("The visit is given up and offered to who waits", self.give_up),
            ("Accepted twice at once: one wins, one is told kindly", self.accept),
            ("The visit changes hands, with its reminders", self.changed_hands),
        ]

    def wait(self) -> str:
        self._former, self._next = Person(self._state, "patient"), Person(self._state, "patient2")
        self._slot, self._visit = self._book()
        eventually(lambda: self._reminders(self._former, self._visit.id, "planned") == REMINDERS or None, "reminders")
        self._consent()
        self._leave_the_list()
        slot = self._slot["slot"]
        body = {
            "patient_id": self._next.user.person, "specialty": slot["specialty"], "visit_type": slot["visit_type"],
            "facilities": [slot["facility_id"]],
        }  # fmt: skip
        self._request = expected(self._next.command("/waitlist/requests", body), 201).json()["id"]
        scheduler = Person(self._state, "scheduler")
        path = f"/waitlist/requests/{self._request}/priority"
        expected(scheduler.http.put(path, json={"referral_priority": "asap"}), 200)
        self._grant()
        # Waitlist must have heard of the consent, booking that somebody waits and who may act for her.
        eventually(lambda: self._standing()["consent"] or None, "waitlist knows of the consent")
        self._tap.quiet(QUIET_SECONDS)
        return f"{when(self._slot)} at {self._slot['facility_name'][:28]}; urgent by referral, consent to offers"

    def give_up(self) -> str:
        given_up = self._former.change(self._visit, "cancel", {"reason": "pat"})
        heard = self._heard("waitlist.offer-made.v1", lambda data: data["request_id"] == self._request)
        self._offer = heard.data["offer_id"]
        offer = self._next.get(f"/waitlist/offers/{self._offer}")
        if offer["starts_at"] != given_up.body["starts_at"]:
            raise StoryFault(f"another visit was offered: at {offer['starts_at']}, not {given_up.body['starts_at']}")
        slot = self._slot["slot"]
        window = {"from": slot["starts_at"], "to": slot["ends_at"]}
        found = self._former.slots(clinician=slot["clinician_id"], visit_type=slot["visit_type"], **window)
        if any(other["slot"]["slot_id"] == slot["slot_id"] for other in found):
            raise StoryFault("the slot is offered to one and found by all")
        return f"offered until {offer['expires_at'][:16]} UTC; nobody else finds it in search"

    def accept(self) -> str:
        people = (self._next, self._proxy)

        def attempt(person: Person) -> httpx.Response:
            return person.command(f"/waitlist/offers/{self._offer}/accept")

        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(attempt, people))
        if sorted(answer.status_code for answer in answers) != [200, 409]:
            raise StoryFault(f"two accepted one offer, answers: {[answer.status_code for answer in answers]}")
        [lost] = [answer.json() for answer in answers if answer.status_code == 409]
        self._next.http.delete(self._grant_path).raise_for_status()
        return f'200 and 409: "{lost["detail"]}"'

    def changed_hands(self) -> str:
        id_ = self._next.get(f"/waitlist/offers/{self._offer}")["appointment_id"]
        answer = expected(self._next.http.get(f"/booking/appointments/{id_}"), 200)
        self.made.append((self._next, Appointment.of(answer)))
        visit = answer.json()
        if (visit["status"], visit["patient_id"]) != ("booked", self._next.user.person):
            raise StoryFault(f"the visit is {visit['status']} for {visit['patient_id']}")
        eventually(lambda: self._reminders(self._next, id_, "planned") == REMINDERS or None, "reminders of the second")
        eventually(lambda: None if self._reminders(self._former, self._visit.id, "planned") else True, "withdrawn")
        withdrawn = self._reminders(self._former, self._visit.id, "withdrawn")
        if self._standing()["status"] != "accepted":
            raise StoryFault(f"the request is still {self._standing()['status']}")
        return f"{withdrawn} reminders of the first withdrawn, {REMINDERS} of the second planned"

    # ---- what steps share -----------------------------------------------------------------------------------------

    def _book(self) -> tuple[dict[str, Any], Appointment]:
        starts = datetime.now(UTC) + timedelta(days=DAYS_AHEAD)
        window = {"from": starts.isoformat(), "to": (starts + timedelta(days=10)).isoformat()}
        taken = [visit for person in (self._former, self._next) for visit in visits(person)]
        for slot in single(self._former.slots(specialty=SPECIALTY, limit=100, **window)):
            if any(overlap(slot["slot"], visit) for visit in taken):
                continue
            body = {"offer": slot["offer"], "patient_id": self._former.user.person}
            answer = self._former.command("/booking/appointments", body)
            if answer.status_code != 409:
                visit = Appointment.of(expected(answer, 201))
                self.made.append((self._former, visit))
                return slot, visit
        raise StoryFault(f"no {SPECIALTY} slot is free {DAYS_AHEAD} days ahead")

    def _consent(self) -> None:
        path = f"/notifications/patients/{self._next.user.person}/preferences"
        answer = expected(self._next.http.get(path), 200)
        wanted = {name: value for name, value in answer.json().items() if name not in {"patient_id", "version"}}
        wanted["consent"] = wanted["consent"] | {"offers": True, "reminders": True}
        wanted["opted_out"] = False
        expected(self._next.http.put(path, json=wanted, headers={"If-Match": answer.headers["etag"]}), 200)

    def _grant(self) -> None:
        """Let a proxy act for her, who will accept in the same moment; taken back afterwards."""
        self._proxy = Person(self._state, "proxy")
        self._grant_path = f"/directory/patients/{self._next.user.person}/proxies/{self._proxy.user.person}"
        expires = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        self._next.http.put(self._grant_path, json={"expires_at": expires}).raise_for_status()

    def _leave_the_list(self) -> None:
        """Take back what an interrupted telling of the story left on the list."""
        found = self._next.get("/waitlist/requests", patient_id=self._next.user.person)["requests"]
        for request in found:
            if request["status"] in LIVE:
                expected(self._next.command(f"/waitlist/requests/{request['id']}/withdraw"), 200)

    def _standing(self) -> dict[str, Any]:
        found: dict[str, Any] = self._next.get(f"/waitlist/requests/{self._request}")
        return found

    def _reminders(self, person: Person, appointment_id: str, state: str) -> int:
        found = person.get(f"/notifications/patients/{person.user.person}/messages", limit=100)["items"]
        about = [m for m in found if m["appointment_id"] == appointment_id and m["kind"].startswith("reminder-")]
        return sum(message["state"] == state for message in about)

    def _heard(self, type_: str, about: Callable[[Any], bool]) -> Heard:
        heard = self._tap.wait_for(lambda event: event.type == type_ and about(event.data), EVENT_SECONDS)
        if heard is None:
            raise StoryFault(f"no event {type_} within {EVENT_SECONDS:.0f} s")
        return heard
