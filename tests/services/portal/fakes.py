"""One fake a port: services that answer from a table, a user pool that knows two people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.kernel.actor import Actor
from services.kernel.errors import CareslotError, NotFound, Unauthenticated
from services.portal.ports import Reply, SignedIn

NOW = datetime(2027, 1, 4, 14, 0, tzinfo=UTC)
PASSWORD = "right"
VISIT = "01900000-0000-7000-8000-000000000001"
APPOINTMENT: dict[str, Any] = {
    "id": VISIT, "status": "booked", "version": 2, "patient_id": "pat-000001", "clinician_id": "cln-00001",
    "facility_id": "fac-0001", "specialty": "family-medicine", "visit_type": "follow-up", "slot_id": "slot-x",
    "starts_at": "2027-01-04T15:00:00Z", "ends_at": "2027-01-04T15:20:00Z", "timezone": "America/New_York",
    "reason": "", "hold_expires_at": "2027-01-04T14:10:00Z",
}  # fmt: skip
PATIENT = {
    "patient_id": "pat-000001", "given_name": "Ana", "family_name": "<Probe>", "birth_date": "1980-02-03", "email": "",
    "phone": "", "language": "en", "facility_ids": ["fac-0001"],
}  # fmt: skip
FACILITY = {
    "facility_id": "fac-0001", "name": "Boston General", "city": "Boston", "address": "1 Main Street",
    "timezone": "America/New_York",
}  # fmt: skip
TEMPLATE = {
    "template_id": "weekly", "version": 3, "facility_id": "fac-0001", "room_id": None, "weekdays": ["mon", "tue"],
    "starts": "08:00", "ends": "17:00", "valid_from": "2026-01-05", "valid_until": None, "interval_weeks": 1,
    "grid_minutes": 20, "visit_types": [], "depth": 1, "observes_holidays": True,
}  # fmt: skip
SLOT = {
    "slot": {"starts_at": "2027-01-05T15:00:00Z", "timezone": "America/New_York"}, "offer": "a.b.c",
    "facility_name": "Boston General", "clinician_name": "Dr. Lee", "distance_km": 3.2,
    "starts_local": "2027-01-05T10:00:00-05:00",
}  # fmt: skip
DISRUPTED_ID = "9f1c1f0a-6c1e-4a53-9a53-0d6f4c6d3f10"
ALTERNATIVE = {
    "slot_id": "slot-2", "clinician_id": "cln-00001", "facility_id": "fac-0002",
    "starts_at": "2027-01-06T15:00:00Z", "timezone": "America/New_York",
}  # fmt: skip
DISRUPTED: dict[str, Any] = {
    **{name: APPOINTMENT[name] for name in ("patient_id", "clinician_id", "facility_id", "visit_type", "timezone")},
    "visit_id": DISRUPTED_ID, "disruption_id": "leave-1", "appointment_id": VISIT, "state": "asked",
    "still_open": True, "answer_by": "2027-01-04T14:30:00Z", "starts_at": "2027-01-04T15:00:00Z",
}  # fmt: skip
TELLING = {
    "kind": "disruption", "channel": "email", "outcome": "failed", "reason": "provider:MessageRejected",
    "told_by": "notifications", "at": "2027-01-04T14:00:00Z",
}  # fmt: skip
RECORD = {**DISRUPTED, "state": "to-call", "cause": "not-reached", "not_reached": "no-contact", "tellings": [TELLING]}
DISRUPTION: dict[str, Any] = {
    "disruption_id": "leave-1", "kind": "clinician", "subject_id": "cln-00001", "starts_at": "2027-01-04T05:00:00Z",
    "ends_at": "2027-01-05T05:00:00Z", "withdrawn_at": None, "affected": 3, "still_open": 2, "told": 1,
    "on_the_way": 1, "not_reached": {"no-contact": 1},
    "states": {
        "found": 0, "asked": 1, "to-call": 1, "rebooked": 1, "cancelled": 0, "restored": 0, "kept": 0,
    },
    "to_call": {"not-reached": 1},
}  # fmt: skip
KNOWN: dict[str, Mapping[str, Any]] = {
    "GET directory /facilities/fac-0001": FACILITY,
    "GET directory /facilities": {"facilities": [FACILITY], "next": ""},
    "GET directory /clinicians/cln-00001": {"name": "Dr. Lee", "facility_ids": ["fac-0001"]},
    "GET directory /clinicians": {"clinicians": [{"clinician_id": "cln-00001", "name": "Dr. Lee", "specialty": "x"}]},
    "GET directory /patients/pat-000001": PATIENT,
    "POST directory /patients/search": {"patients": [PATIENT], "next": ""},
    "POST directory /patients": PATIENT,
    "GET directory /specialties": {"specialties": [{"code": "family-medicine", "name": "Family medicine"}]},
    "GET directory /visit-types": {"visit_types": [{"code": "follow-up", "name": "Follow-up", "active": True}]},
    "GET availability /slots": {"slots": [SLOT]},
    "GET availability /clinicians/cln-00001/schedule": {"templates": [TEMPLATE], "leave": []},
    "PUT availability /clinicians/cln-00001/templates/weekly": {},
    "POST availability /clinicians/cln-00001/leave": {"leave_id": "leave-1"},
    "GET availability /facilities/fac-0001/closures": {"closures": []},
    "POST availability /facilities/fac-0001/closures": {"closure_id": "closure-1"},
    "GET booking /appointments": {"appointments": [APPOINTMENT], "next": None},
    f"GET booking /appointments/{VISIT}": APPOINTMENT,
    "GET booking /facilities/fac-0001/day": {"appointments": [APPOINTMENT], "next": None},
    "POST booking /holds": {**APPOINTMENT, "status": "pending"},
    f"GET booking /appointments/{VISIT}/cancellation": {
        "late": True, "late_hours": 24, "late_from": "2027-01-03T15:00:00Z",
        "reasons": [{"code": code} for code in ("pat", "pat-lt", "other")],
    },
    "GET booking /disrupted-visits": {"visits": [DISRUPTED]},
    f"GET booking /disrupted-visits/{DISRUPTED_ID}": {**DISRUPTED, "alternatives": [{**SLOT, "slot": ALTERNATIVE}]},
    f"POST booking /disrupted-visits/{DISRUPTED_ID}/accept": APPOINTMENT,
    f"POST booking /disrupted-visits/{DISRUPTED_ID}/decline": DISRUPTED,
    f"POST booking /disrupted-visits/{DISRUPTED_ID}/calls": RECORD,
    "GET booking /disruptions": {"disruptions": [DISRUPTION]},
    "GET booking /disruptions/leave-1": DISRUPTION,
    "GET booking /disruptions/leave-1/visits": {"visits": [RECORD], "next": None},
    "GET booking /facilities/fac-0001/calls": {"visits": [RECORD], "next": "1-0"},
    **{
        f"POST booking /appointments/{VISIT}/{verb}": APPOINTMENT
        for verb in ("confirm", "release", "cancel", "move", "check-in", "no-show", "waive-late-cancel")
    },
    "GET notifications /patients/pat-000001/preferences": {
        "patient_id": "pat-000001", "version": 1, "channels": ["email"], "language": None, "timezone": None,
        "consent": {"reminders": True, "offers": False, "marketing": False}, "opted_out": False,
    },
    "PUT notifications /patients/pat-000001/preferences": {},
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One request that was sent on."""

    token: str
    what: str
    query: Mapping[str, str]
    body: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass
class FakeNeighbours:
    """Answers from a table; ``faults`` says which request fails how."""

    known: dict[str, Mapping[str, Any]] = field(default_factory=lambda: dict(KNOWN))
    faults: dict[str, CareslotError] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    async def ask(
        self,
        token: str,
        method: str,
        service: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        what = f"{method} {service} {path}"
        self.asked.append(Asked(token, what, query or {}, body or {}, headers or {}))
        for name, fault in self.faults.items():
            if what.startswith(name):
                raise fault
        if what not in self.known:
            raise NotFound(what)
        return Reply(self.known[what], '"2"')

    @asynccontextmanager
    async def follow(
        self, token: str, service: str, path: str, last_event_id: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        self.asked.append(Asked(token, f"STREAM {service} {path}", {"last": last_event_id}, {}, {}))

        async def events() -> AsyncIterator[bytes]:
            yield b"event: ready\ndata: {}\n\n"

        yield events()

    def last(self, what: str) -> Asked:
        """Return the last request that begins so."""
        return next(asked for asked in reversed(self.asked) if asked.what.startswith(what))


@dataclass
class FakeClock:
    """A clock that stands until it is set."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


@dataclass
class FakeSignIn:
    """Knows one account a role, each with the password ``right``."""

    clock: FakeClock
    renewals: int = 0
    renewable: bool = True

    async def sign_in(self, username: str, password: str) -> SignedIn:
        if password != PASSWORD:
            raise Unauthenticated("The name or the password is wrong.", slug="sign-in-refused")
        return self._signed_in(username, "renew-" + username)

    async def renew(self, renewal: str) -> SignedIn:
        if not self.renewable:
            raise Unauthenticated("Over.", slug="sign-in-refused")
        self.renewals += 1
        return self._signed_in(renewal.removeprefix("renew-"), "")

    def _signed_in(self, username: str, renewal: str) -> SignedIn:
        person = "pat-000001" if username == "patient" else ""
        facilities = {"patient": (), "administrator": ("*",), "scheduler": ("*",)}.get(username, ("fac-0001",))
        role = {"frontdesk": "front-desk", "administrator": "facility-administrator"}.get(username, username)
        actor = Actor(username, frozenset({role}), person, frozenset(facilities))
        token = f"token-{username}-{self.renewals}"
        return SignedIn(token, actor, self.clock.now() + timedelta(minutes=15), renewal)
