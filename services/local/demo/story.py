"""The story, step by step. A step returns what it saw, in a sentence; what was not as told raises StoryFault."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from services.local.aws import Aws
from services.local.demo.client import Appointment, Person, StoryFault, eventually, expected
from services.local.demo.handover import Handover
from services.local.demo.mailbox import Mailbox
from services.local.demo.tap import Heard, Tap
from services.local.demo.visits import FREE_TO_CANCEL, overlap, single, visits, when
from services.local.state import PlatformState

HOME = "fac-0001"
SPECIALTY = "family-medicine"
DAYS_AHEAD = 9  # far enough for all three reminders
WITHIN_KM = 80
EVENT_SECONDS = 15.0
SENDER_FUNCTION = "notifications-send-due"


class Story:
    """One run: its cast, its appointments, and what it has heard."""

    def __init__(self, state: PlatformState, aws: Aws, tap: Tap) -> None:
        self._state = state
        self._aws = aws
        self._tap = tap
        self._patient: Person
        self._other: Person
        self._mailbox: Mailbox
        self._found: list[dict[str, Any]] = []
        self._mine: Appointment
        self._former: dict[str, Any]
        self._made: list[tuple[Person, Appointment]] = []
        self._handover = Handover(state, tap)

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Return the steps by title."""
        return [
            ("A patient signs in and asks to be told by e-mail", self.sign_in),
            ("She searches family medicine near her clinic", self.search),
            ("She holds a slot", self.hold),
            ("She confirms it", self.confirm),
            ("The confirmation reaches her mailbox", self.confirmation),
            ("Three reminders are planned", self.reminders),
            ("The first reminder is sent when it is due", self.reminder_sent),
            ("She moves the appointment", self.move),
            ("She cancels, with a reason", self.cancel),
            ("The freed slot is found and booked by someone else", self.book_freed),
            ("Two patients want one slot: one wins, one gets alternatives", self.race),
            ("The front desk of another clinic is refused", self.refused),
            ("The front desk checks a patient in", self.check_in),
            *self._handover.steps(),
        ]

    def clean_up(self) -> None:
        """Give back what the story took, as far as it still can be."""
        self._made += self._handover.made
        for person, appointment in self._made:
            answer = person.http.get(f"/booking/appointments/{appointment.id}")
            verb = FREE_TO_CANCEL.get(answer.json().get("status", "")) if answer.is_success else None
            if verb:
                person.change(Appointment.of(answer), verb, {"reason": "other"} if verb == "cancel" else None)

    # ---- the steps ------------------------------------------------------------------------------------------------

    def sign_in(self) -> str:
        self._patient, self._other = Person(self._state, "patient"), Person(self._state, "patient2")
        person = self._patient.user.person
        record = self._patient.get(f"/directory/patients/{person}")
        self._mailbox = Mailbox(self._state.emulator, record["email"])
        path = f"/notifications/patients/{person}/preferences"
        answer = expected(self._patient.http.get(path), 200)
        wanted = answer.json() | {"channels": ["email"], "language": "es", "opted_out": False}
        wanted["consent"] = wanted["consent"] | {"reminders": True}
        for name in ("patient_id", "version"):
            wanted.pop(name)
        expected(self._patient.http.put(path, json=wanted, headers={"If-Match": answer.headers["etag"]}), 200)
        return "token of 15 minutes from Cognito; preference kept: e-mail, in Spanish"

    def search(self) -> str:
        place = self._patient.get(f"/directory/facilities/{HOME}")
        ahead = datetime.now(UTC) + timedelta(days=DAYS_AHEAD)
        found = self._patient.slots(
            **{"from": ahead.isoformat(), "to": (ahead + timedelta(days=10)).isoformat()},
            specialty=SPECIALTY, zip=place["zip_code"], within_km=WITHIN_KM, limit=100,
        )  # fmt: skip
        taken = [visit for person in (self._patient, self._other) for visit in visits(person)]
        self._found = [slot for slot in found if not any(overlap(slot["slot"], visit) for visit in taken)]
        if len(self._found) < 4:
            raise StoryFault(f"{len(self._found)} open slots within {WITHIN_KM} km of ZIP {place['zip_code']}.")
        first = self._found[0]
        where = f"{first['distance_km']:.0f} km" if first["distance_km"] is not None else "here"
        return f"{len(self._found)} offers, first: {when(first)} at {first['facility_name'][:28]} ({where})"

    def hold(self) -> str:
        self._former, self._mine = self._take("/booking/holds", self._patient)
        self._event("booking.appointment-held.v1", self._mine)
        return f"{when(self._former)}, held until {self._mine.body['hold_expires_at'][11:19]} UTC"

    def confirm(self) -> str:
        self._mine = self._patient.change(self._mine, "confirm")
        self._event("booking.appointment-booked.v1", self._mine)
        return f"booked, version {self._mine.body['version']}"

    def confirmation(self) -> str:
        subject = self._mail()
        message = self._message("confirmation", "sent")
        return f'"{subject}" in {message["language"]}'

    def reminders(self) -> str:
        def planned() -> list[dict[str, Any]] | None:
            found = [m for m in self._messages() if m["kind"].startswith("reminder-") and m["state"] == "planned"]
            return found if len(found) == 3 else None

        found = eventually(planned, "three planned reminders")
        days = sorted((message["due_at"][:10], message["kind"].removeprefix("reminder-")) for message in found)
        return ", ".join(f"{kind} before on {day}" for day, kind in days)

    def reminder_sent(self) -> str:
        first = min((m for m in self._messages() if m["state"] == "planned"), key=lambda m: str(m["due_at"]))
        # What EventBridge Scheduler would send at that minute; the function takes its word for the time.
        event = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "time": first["due_at"], "detail": "{}"}
        answer = self._aws.functions.invoke(FunctionName=SENDER_FUNCTION, Payload=json.dumps(event).encode())
        told = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise StoryFault(f"{SENDER_FUNCTION} failed: {told.get('errorType')}")
        self._message(first["kind"], "sent")
        self._heard(
            "notifications.message-sent.v1",
            lambda data: data["appointment_id"] == self._mine.id and data["kind"] == first["kind"],
        )
        return f'{first["kind"]}, due {first["due_at"][:16]} UTC: "{self._mail()}"'

    def move(self) -> str:
        for slot in self._others(self._former):
            answer = self._patient.command(
                f"/booking/appointments/{self._mine.id}/move", {"offer": slot["offer"]}, etag=self._mine.etag
            )
            if answer.status_code != 409:
                break
        self._mine = Appointment.of(expected(answer, 200))
        self._event("booking.appointment-moved.v1", self._mine)
        self._open_again(self._former)
        freed, self._former = self._former, slot
        return f"to {when(slot)}; {when(freed)} is open again"

    def cancel(self) -> str:
        self._mine = self._patient.change(self._mine, "cancel", {"reason": "pat"})
        self._event("booking.appointment-cancelled.v1", self._mine)
        eventually(lambda: None if self._planned() else True, "all reminders withdrawn")
        return f"reason {self._mine.body['reason']}; every planned reminder is withdrawn"

    def book_freed(self) -> str:
        slot = self._open_again(self._former)
        body = {"offer": slot["offer"], "patient_id": self._other.user.person}
        answer = expected(self._other.command("/booking/appointments", body), 201)
        taken = self._keep(self._other, answer)
        self._event("booking.appointment-booked.v1", taken)
        return f"{when(slot)} booked for another patient"

    def race(self) -> str:
        slot = next(single(self._others(self._former)))
        people = (self._patient, self._other)

        def attempt(person: Person) -> Any:
            body = {"offer": slot["offer"], "patient_id": person.user.person}
            return person.command("/booking/appointments", body)

        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(attempt, people))
        for person, answer in zip(people, answers, strict=True):
            if answer.status_code == 201:
                self._keep(person, answer)
        if sorted(answer.status_code for answer in answers) != [201, 409]:
            raise StoryFault(f"two wanted {when(slot)}, answers: {[a.status_code for a in answers]}")
        lost = next(answer.json() for answer in answers if answer.status_code == 409)
        if not lost.get("alternatives"):
            raise StoryFault(f"the loser was offered nothing (alternatives {lost.get('alternatives_status')})")
        return f"201 and 409 with {len(lost['alternatives'])} alternatives, nearest {when(lost['alternatives'][0])}"

    def refused(self) -> str:
        _, appointment = self._made[-1]
        where = appointment.body["facility_id"]
        stranger = Person(self._state, "frontdesk2" if where != "fac-0002" else "frontdesk")
        expected(stranger.http.get(f"/booking/appointments/{appointment.id}"), 403)
        return f"{stranger.name} works at {' '.join(stranger.user.facilities)}, the visit is at {where}: 403"

    def check_in(self) -> str:
        scheduler, desk = Person(self._state, "scheduler"), Person(self._state, "frontdesk")
        now = datetime.now(UTC)
        window = {"from": now.isoformat(), "to": (now + timedelta(hours=12)).isoformat()}
        taken = visits(self._other)
        today = [
            slot for slot in scheduler.slots(specialty=SPECIALTY, facility=HOME, **window)
            if _is_today(slot, now) and not any(overlap(slot["slot"], visit) for visit in taken)
        ]  # fmt: skip
        if not today:
            return f"no slot is left today at {HOME}: left out (try between 8 and 17 there)"
        body = {"offer": today[0]["offer"], "patient_id": self._other.user.person}
        visit = self._keep(scheduler, expected(scheduler.command("/booking/appointments", body), 201))
        arrived = desk.change(visit, "check-in")
        self._event("booking.appointment-checked-in.v1", arrived)
        return f"{when(today[0])}: {arrived.body['status']}"

    # ---- what steps share -----------------------------------------------------------------------------------------

    def _take(self, path: str, person: Person) -> tuple[dict[str, Any], Appointment]:
        """Take the first offer that is still free; on a living platform someone may be faster."""
        for slot in single(iter(self._found)):
            answer = person.command(path, {"offer": slot["offer"], "patient_id": person.user.person})
            if answer.status_code != 409:
                return slot, self._keep(person, expected(answer, 201))
        raise StoryFault(f"every one of {len(self._found)} offers was taken meanwhile")

    def _keep(self, person: Person, answer: Any) -> Appointment:
        appointment = Appointment.of(answer)
        self._made.append((person, appointment))
        return appointment

    def _others(self, slot: dict[str, Any]) -> Any:
        """Return later offers that overlap neither ``slot`` nor the one before them."""
        ends = slot["slot"]["ends_at"]
        return (other for other in self._found if other["slot"]["starts_at"] > ends)

    def _open_again(self, slot: dict[str, Any]) -> dict[str, Any]:
        wanted = slot["slot"]

        def look() -> dict[str, Any] | None:
            found = self._patient.slots(
                clinician=wanted["clinician_id"], visit_type=wanted["visit_type"],
                **{"from": wanted["starts_at"], "to": wanted["ends_at"]},
            )  # fmt: skip
            return next((other for other in found if other["slot"]["slot_id"] == wanted["slot_id"]), None)

        return eventually(look, f"{when(slot)} open again in search")

    def _messages(self) -> list[dict[str, Any]]:
        found = self._patient.get(f"/notifications/patients/{self._patient.user.person}/messages", limit=100)
        return [message for message in found["items"] if message["appointment_id"] == self._mine.id]

    def _planned(self) -> list[dict[str, Any]]:
        return [message for message in self._messages() if message["state"] == "planned"]

    def _message(self, kind: str, state: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            return next((m for m in self._messages() if m["kind"] == kind and m["state"] == state), None)

        return eventually(look, f"{kind} {state} in the ledger")

    def _mail(self) -> str:
        mails = eventually(lambda: self._mailbox.new() or None, "a new e-mail to her")
        return str(mails[-1]["Subject"])[:40]

    def _event(self, type_: str, appointment: Appointment) -> Heard:
        version = appointment.body["version"]
        return self._heard(type_, lambda d: d["appointment_id"] == appointment.id and d["version"] == version)

    def _heard(self, type_: str, about: Callable[[Any], bool]) -> Heard:
        heard = self._tap.wait_for(lambda event: event.type == type_ and about(event.data), EVENT_SECONDS)
        if heard is None:
            raise StoryFault(f"no event {type_} within {EVENT_SECONDS:.0f} s")
        return heard


def _is_today(item: dict[str, Any], now: datetime) -> bool:
    starts = datetime.fromisoformat(item["starts_local"])
    return starts.date() == now.astimezone(starts.tzinfo).date()
