"""A bad day rehearsed on a running platform: clinicians with full calendars call in sick, or facilities close, and
every patient is accounted for.

Everything goes through the gateway as people would do it. Some patients are made hard to reach on purpose; a disruption
that loses sight of one of them, or of anyone, fails the rehearsal.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.local.demo.client import Person, StoryFault, expected
from services.local.seeds.patients import DEMO
from services.local.state import PlatformState

AT_ONCE = 6
PAGE = 100
AHEAD_DAYS = 5
FEWEST_SLOTS = 10
HARD_TO_REACH = ("opted-out", "no-consent", "no-contact")


@dataclass(frozen=True, slots=True)
class Cause:
    """What goes wrong: who records it (a demo user), of whom (a field of a visit), where, and how it is told of."""

    recorder: str
    subject: str
    path: str
    key: str
    said: str

    def at(self, subject: str) -> str:
        """Return the path that records it."""
        return self.path.format(subject)


SICK_DAY = Cause(
    "scheduler", "clinician_id", "/availability/clinicians/{}/leave", "leave_id", "clinicians called in sick"
)
CLOSURE = Cause(
    "administrator", "facility_id", "/availability/facilities/{}/closures", "closure_id", "facilities were closed"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many visits, how many patients of each kind of HARD_TO_REACH, how many who take another time."""

    visits: int
    unreachable: int
    accepting: int
    patience_seconds: float


@dataclass(slots=True)
class Account:
    """What was seen; ``seconds`` counts from the moment the last leave or closure was recorded."""

    visits: int = 0
    clinicians: int = 0
    disruptions: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    not_reached: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "visits": self.visits, "clinicians": self.clinicians, "disruptions": self.disruptions,
            **dict(sorted(self.counts.items())),
            "not_reached_by_reason": dict(sorted(self.not_reached.items())),
            "seconds": {name: round(taken, 1) for name, taken in self.seconds.items()},
        }  # fmt: skip


class Rehearsal:
    """One rehearsal; ``steps`` yields what to say as it goes."""

    def __init__(self, state: PlatformState, wanted: Wanted, cause: Cause = SICK_DAY) -> None:
        self._scheduler = Person(state, "scheduler")
        self._recorder = Person(state, cause.recorder)
        self._wanted = wanted
        self._cause = cause
        self._recorded: dict[str, str] = {}
        self._day = _working_day()
        self.account = Account()

    def steps(self) -> Iterator[str]:
        """Play it; raise StoryFault when a patient is lost sight of."""
        booked = self._fill()
        yield f"{len(booked)} visits of {self.account.clinicians} clinicians booked on {self._day}"
        self._hide(booked)
        yield f"{self._wanted.unreachable} patients each made hard to reach: {', '.join(HARD_TO_REACH)}"
        begun = time.monotonic()
        for subject in sorted({visit[self._cause.subject] for visit in booked}):
            body = {"first_day": self._day, "last_day": self._day}
            answer = self._recorder.http.post(self._cause.at(subject), json=body)
            self._recorded[expected(answer, 201).json()[self._cause.key]] = subject
        self.account.disruptions = len(self._recorded)
        yield f"{len(self._recorded)} {self._cause.said}, one call each"
        started = time.monotonic()
        self.account.seconds["recording it"] = started - begun
        yield from self._follow(started)
        yield from self._accept()
        self._account_for_everyone()
        yield "every patient is told, or listed with the reason why not"

    def take_back(self) -> None:
        """Withdraw what was recorded; what nobody rebooked stands again."""
        for disruption, subject in self._recorded.items():
            expected(self._recorder.http.delete(f"{self._cause.at(subject)}/{disruption}"), 204)

    def _fill(self) -> list[dict[str, Any]]:
        booked: list[dict[str, Any]] = []
        patients = iter(self._patients())
        for query in self._calendars():
            if len(booked) >= self._wanted.visits:
                break
            query |= {"from": self._day, "to": self._day, "limit": PAGE}
            slots = apart(self._scheduler.slots(**query))[: self._wanted.visits - len(booked)]
            if len(slots) < min(FEWEST_SLOTS, self._wanted.visits - len(booked)):
                continue
            with ThreadPoolExecutor(AT_ONCE) as threads:
                booked += threads.map(self._book, [slot["offer"] for slot in slots], patients)
            self.account.clinicians += 1
        if len(booked) < self._wanted.visits:
            raise StoryFault(f"only {len(booked)} open slots found on {self._day}; ask for fewer visits.")
        self.account.visits = len(booked)
        return booked

    def _book(self, offer: str, patient: str) -> dict[str, Any]:
        body = {"offer": offer, "patient_id": patient}
        made: dict[str, Any] = expected(self._scheduler.command("/booking/appointments", body), 201).json()
        return made

    def _calendars(self) -> Iterator[dict[str, Any]]:
        """Yield whose open slots to book: of clinician after clinician; for a closure, of facility after facility."""
        if self._cause is not CLOSURE:
            yield from ({"clinician": one["clinician_id"]} for one in self._listed("clinicians"))
            return
        for facility in (one["facility_id"] for one in self._listed("facilities")):
            for clinician in self._listed("clinicians", facility=facility):
                yield {"clinician": clinician["clinician_id"], "facility": facility}

    def _listed(self, what: str, **query: Any) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            page = self._scheduler.get(f"/directory/{what}", limit=PAGE, cursor=cursor, **query)
            yield from page[what]
            cursor = page["next"]
            if not cursor:
                return

    def _patients(self) -> Iterator[str]:
        """Yield seeded patients who have nothing on the day; those of the demo accounts are left in peace."""
        number = len(DEMO)
        while True:
            number += 1
            patient = f"pat-{number:06}"
            self._scheduler.get(f"/directory/patients/{patient}")
            since, until = f"{self._day}T00:00:00Z", f"{self._day}T23:59:59Z"
            query: dict[str, Any] = {"patient_id": patient, "from": since, "limit": 1}
            listed = self._scheduler.get("/booking/appointments", **query)
            if not [one for one in listed["appointments"] if one["starts_at"] <= until]:
                yield patient

    def _hide(self, booked: Sequence[dict[str, Any]]) -> None:
        each = self._wanted.unreachable
        patients = [visit["patient_id"] for visit in booked]
        for patient in patients[:each]:
            self._prefer(patient, opted_out=True)
        for patient in patients[each : 2 * each]:
            self._prefer(patient, consent={"reminders": False, "offers": False, "marketing": False})
        for patient in patients[2 * each : 3 * each]:
            answer = expected(self._scheduler.http.get(f"/directory/patients/{patient}"), 200)
            body = {**answer.json(), "email": "", "phone": ""}
            body = {name: value for name, value in body.items() if name not in {"patient_id", "version"}}
            headers = {"if-match": answer.headers["etag"]}
            expected(self._scheduler.http.put(f"/directory/patients/{patient}", json=body, headers=headers), 200)

    def _prefer(self, patient: str, **changed: Any) -> None:
        path = f"/notifications/patients/{patient}/preferences"
        answer = expected(self._scheduler.http.get(path), 200)
        body = {**answer.json(), **changed}
        body = {name: value for name, value in body.items() if name not in {"patient_id", "version"}}
        expected(self._scheduler.http.put(path, json=body, headers={"if-match": answer.headers["etag"]}), 200)

    def _follow(self, started: float) -> Iterator[str]:
        """Watch until nobody's message is on the way any more."""
        said = ""
        while True:
            self._count()
            counts, visits = self.account.counts, self.account.visits
            found = counts["affected"] >= visits
            marks = {
                "every visit found": found,
                "every patient asked": found and not counts["found"],
                "everyone accounted for": found and not counts["on the way"],
            }
            for mark, reached in marks.items():
                if reached:
                    self.account.seconds.setdefault(mark, time.monotonic() - started)
            if (line := self._line()) != said:
                said = line
                yield line
            if marks["everyone accounted for"]:
                return
            if time.monotonic() - started > self._wanted.patience_seconds:
                raise StoryFault(f"after {self._wanted.patience_seconds:.0f} s still on the way: {said}")
            time.sleep(1.0)

    def _count(self) -> None:
        counts, reasons = Counter[str](), Counter[str]()
        for disruption in self._recorded:
            answer = self._scheduler.http.get(f"/booking/disruptions/{disruption}")
            if answer.status_code == 404:
                continue
            told = expected(answer, 200).json()
            counts.update({"affected": told["affected"], "told": told["told"], "on the way": told["on_the_way"]})
            counts.update(told["states"])
            counts["not reached"] += sum(told["not_reached"].values())
            reasons.update(told["not_reached"])
        self.account.counts, self.account.not_reached = counts, reasons

    def _line(self) -> str:
        counts = self.account.counts
        shown = ("affected", "told", "not reached", "on the way", "asked", "to-call", "rebooked", "cancelled")
        return ", ".join(f"{name} {counts[name]}" for name in shown)

    def _accept(self) -> Iterator[str]:
        """Let patients take the first time they are shown, several at once; who loses a race takes the next one."""
        records = [visit for disruption in self._recorded for visit in self._records(disruption)]
        visits = [visit for visit in records if visit["state"] == "asked"]
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as threads:
            outcomes = Counter(threads.map(self._take, visits[: self._wanted.accepting]))
        self.account.seconds["taking another time"] = time.monotonic() - began
        self._count()
        self.account.counts["races lost and another taken"] = outcomes["second"]
        self.account.counts["nothing open any more"] = outcomes["none"]
        yield f"{outcomes['first'] + outcomes['second']} took another time, {outcomes['second']} after a lost race"

    def _take(self, visit: dict[str, Any]) -> str:
        path = f"/booking/disrupted-visits/{visit['visit_id']}"
        shown = self._scheduler.get(path)["alternatives"]
        for turn in ("first", "second", "second"):
            if not shown:
                return "none"
            answer = self._scheduler.command(f"{path}/accept", {"slot_id": shown[0]["slot"]["slot_id"]})
            if answer.status_code == 200:
                return turn
            shown = expected(answer, 409).json().get("alternatives", [])
        return "none"

    def _records(self, disruption: str) -> Iterator[dict[str, Any]]:
        query: dict[str, Any] = {"limit": PAGE}
        while True:
            page = self._scheduler.get(f"/booking/disruptions/{disruption}/visits", **query)
            yield from page["visits"]
            if not page["next"]:
                return
            query["after"] = page["next"]

    def _account_for_everyone(self) -> None:
        records = [visit for disruption in self._recorded for visit in self._records(disruption)]
        lost = [v for v in records if not (v["told_at"] and v["tellings"]) and not v["not_reached"]]
        if lost or len(records) < self.account.visits:
            raise StoryFault(f"{len(lost)} of {len(records)} patients are neither told nor listed with a reason.")


def _working_day() -> str:
    day = datetime.now(UTC).date() + timedelta(days=AHEAD_DAYS)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return day.isoformat()


def apart(slots: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return slots that leave each other in peace: search shows every start, also overlapping ones."""
    chosen: list[dict[str, Any]] = []
    for slot in slots:
        if not chosen or slot["slot"]["starts_at"] >= chosen[-1]["slot"]["ends_at"]:
            chosen.append(slot)
    return chosen
