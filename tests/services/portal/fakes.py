"""One fake a port: services that answer from a table, a user pool that knows two people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.kernel.actor import Actor
from services.kernel.errors import CareslotError, Invalid, NotFound, Unauthenticated
from services.portal.ports import Challenge, Reply, SignedIn, Step
from tests.services.portal.fakes_disruption import ALTERNATIVE, DISRUPTED, DISRUPTED_ID, DISRUPTION, RECORD
from tests.services.portal.fakes_visits import APPOINTMENT, VISIT, VISITS_KNOWN

NOW = datetime(2027, 1, 4, 14, 0, tzinfo=UTC)
PASSWORD, CODE, LATE = "right", "123456", "999999"
STEPS: dict[str, Step] = {
    "twofactor": "SOFTWARE_TOKEN_MFA", "texted": "SMS_MFA", "newcomer": "NEW_PASSWORD_REQUIRED",
}  # fmt: skip
PATIENT = {
    "patient_id": "pat-000001", "given_name": "Ana", "family_name": "<Probe>", "birth_date": "1980-02-03", "email": "",
    "phone": "", "language": "en", "facility_ids": ["fac-0001"], "timezone": "America/New_York",
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
CHILD = {
    **PATIENT, "patient_id": "pat-000004", "given_name": "Lía", "family_name": "Probe", "timezone": "America/New_York",
}  # fmt: skip
GRANT = {
    "proxy_id": "prx-1", "version": 1, "patient_id": "pat-000004", "person": "pat-000003", "active": True,
    "expires_at": "2027-06-01T04:00:00Z", "kind": "parental", "confidential_until": "2026-06-01T04:00:00Z",
}  # fmt: skip
REQUEST = "01900000-0000-7000-8000-0000000000e1"
WAITING: dict[str, Any] = {
    "id": REQUEST, "status": "waiting", "version": 1, "patient_id": "pat-000001", "specialty": "family-medicine",
    "visit_type": "follow-up", "facilities": ["fac-0001"], "clinicians": ["cln-00001"], "weekdays": [1, 3],
    "windows": [{"starts": "00:00", "ends": "12:00"}], "earliest": None, "latest": "2027-02-01", "minutes": 0,
    "notice_minutes": 120, "priority": "routine", "joined_at": "2027-01-03T15:00:00Z", "consent": True,
    "offer_id": None,
}  # fmt: skip
OFFER = "01900000-0000-7000-8000-0000000000e2"
OFFERED: dict[str, Any] = {
    "id": OFFER, "state": "open", "request_id": REQUEST, "patient_id": "pat-000001", "clinician_id": "cln-00001",
    "facility_id": "fac-0001", "specialty": "family-medicine", "visit_type": "follow-up",
    "starts_at": "2027-01-06T15:00:00Z", "ends_at": "2027-01-06T15:20:00Z", "timezone": "America/New_York",
    "expires_at": "2027-01-04T16:00:00Z", "appointment_id": "",
}  # fmt: skip
ACCESS: dict[str, Any] = {
    "id": "01900000-0000-7000-8000-0000000000a1", "at": "2027-01-04T13:05:09Z", "arrived_at": "2027-01-04T13:05:10Z",
    "service": "booking", "day": "2027-01-04", "seq": 7, "action": "read-appointment", "outcome": "allowed",
    "subject": "01900000-0000-7000-8000-00000000beef", "roles": ["front-desk"], "person": "",
    "resource_type": "Appointment", "resource_id": VISIT, "about": "pat-000001", "reason": "", "policies": ["p"],
    "facilities": ["fac-0001"], "correlation_id": "c",
}  # fmt: skip
REFUSED = {**ACCESS, "seq": 8, "outcome": "refused", "reason": "policy", "about": ""}
GLASS = {
    "grant_id": "btg-0197a000000070008000000000000001", "patient_id": "pat-000001", "reason": "patient-safety",
    "note": "found unconscious", "opened_at": "2027-01-04T14:00:00Z", "expires_at": "2027-01-04T15:00:00Z",
    "ended_at": None, "token": "sealed-glass", "token_expires_at": "2027-01-04T14:15:00Z",
}  # fmt: skip
KIND = {
    "code": "follow-up", "version": 4, "name": "Follow-up", "specialty": "family-medicine", "minutes": 20,
    "active": True, "security_label": "N",
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
    "GET directory /interpreter-languages": {"languages": ["ase", "es", "xx"]},
    "GET directory /visit-types": {"visit_types": [KIND]},
    "PUT directory /visit-types/follow-up": {},
    "PUT directory /visit-types/long-visit": {},
    "GET booking /visit-types/follow-up/booked": {"facilities": {"fac-0001": 12, "fac-0002": 3}},
    "GET availability /visit-types/follow-up/openings": {
        "now": 310, "then": 140, "at_most": 2000, "searched_from": "2027-01-04T14:00:00Z",
        "searched_to": "2027-01-11T14:00:00Z",
    },
    "GET directory /patients/pat-000003": {**CHILD, "patient_id": "pat-000003", "given_name": "Eva"},
    "GET directory /patients/pat-000004": CHILD,
    "GET directory /acting-for": {"acting_for": [{**GRANT, "given_name": "Lía", "family_name": "Probe"}]},
    "GET directory /patients/pat-000001/proxies": {
        "proxies": [{**GRANT, "patient_id": "pat-000001", "person": "pat-000009"}]
    },
    "GET directory /patients/pat-000003/proxies": {"proxies": []},
    "PUT directory /patients/pat-000001/proxies/pat-000007": {},
    "DELETE directory /patients/pat-000001/proxies/pat-000009": {},
    "POST directory /break-glass": GLASS,
    f"GET directory /break-glass/{GLASS['grant_id']}": GLASS,
    f"POST directory /break-glass/{GLASS['grant_id']}/end": {**GLASS, "token": ""},
    "GET waitlist /requests": {"requests": [WAITING, {**WAITING, "id": REQUEST[:-1] + "9", "status": "withdrawn"}]},
    "POST waitlist /requests": WAITING,
    f"POST waitlist /requests/{REQUEST}/withdraw": {**WAITING, "status": "withdrawn"},
    f"PUT waitlist /requests/{REQUEST}/priority": WAITING,
    "GET waitlist /facilities/fac-0001/requests": {"requests": [WAITING], "next": "5_f"},
    f"GET waitlist /offers/{OFFER}": OFFERED,
    f"POST waitlist /offers/{OFFER}/accept": {**OFFERED, "state": "accepted", "appointment_id": VISIT},
    f"POST waitlist /offers/{OFFER}/decline": {**OFFERED, "state": "declined"},
    "GET audit /patients/pat-000001/accesses": {"entries": [ACCESS, REFUSED], "next": "older"},
    f"GET audit /users/{ACCESS['subject']}/accesses": {"entries": [ACCESS], "next": ""},
    "GET audit /refusals": {"entries": [REFUSED], "next": ""},
    "GET audit /break-glass": {"entries": [], "next": ""},
    "GET audit /chains/2027-01-04": {
        "day": "2027-01-04",
        "chains": [
            {"service": "booking", "entries": 9, "anchored": 9, "closed": False},
            {"service": "directory", "entries": 4, "anchored": 1, "closed": False},
        ],
    },
    "POST audit /chains/2027-01-04/verification": {
        "day": "2027-01-04", "sound": True, "chains": 2, "entries": 13, "anchors": 1, "findings": [],
    },
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
    **VISITS_KNOWN,
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
    "GET notifications /patients/pat-000001/messages": {"items": [], "next": None, "email_returned": False},
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
    async def download(
        self, token: str, service: str, path: str, query: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        self.asked.append(Asked(token, f"DOWNLOAD {service} {path}", query, {}, {}))

        async def lines() -> AsyncIterator[bytes]:
            yield b'{"resourceType":"AuditEvent"}\n'

        yield lines()

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
    """Knows one account a role, each with the password ``right``; some need a further step, whose code is ``CODE``."""

    clock: FakeClock
    renewals: int = 0
    renewable: bool = True

    async def sign_in(self, username: str, password: str) -> SignedIn | Challenge:
        if password != PASSWORD:
            raise Unauthenticated("The name or the password is wrong.", slug="sign-in-refused")
        if username in STEPS:
            return Challenge(STEPS[username], username, "ticket", "+*******0100" if username == "texted" else "")
        return self._signed_in(username, "renew-" + username)

    async def answer(self, challenge: Challenge, answer: str) -> SignedIn | Challenge:
        if challenge.step == "NEW_PASSWORD_REQUIRED":
            if len(answer) < 8:
                raise Invalid("No.", slug="password-refused")
            return Challenge("SOFTWARE_TOKEN_MFA", challenge.username, "ticket")
        if answer == LATE:
            raise Unauthenticated("No.", slug="challenge-ended")
        if answer != CODE:
            raise Unauthenticated("No.", slug="code-refused")
        return self._signed_in("patient", "renew-patient")

    async def renew(self, renewal: str) -> SignedIn:
        if not self.renewable:
            raise Unauthenticated("Over.", slug="sign-in-refused")
        self.renewals += 1
        return self._signed_in(renewal.removeprefix("renew-"), "")

    def _signed_in(self, username: str, renewal: str) -> SignedIn:
        person = {"patient": "pat-000001", "parent": "pat-000003", "proxy": "pat-000003"}.get(username, "")
        everywhere = {"administrator", "scheduler", "auditor"}
        facilities = () if person else ("*",) if username in everywhere else ("fac-0001",)
        role = {"frontdesk": "front-desk", "administrator": "facility-administrator"}.get(username, username)
        roles = frozenset({"patient", "proxy"} if username == "parent" else {role})
        actor = Actor(username, roles, person, frozenset(facilities))
        token = f"token-{username}-{self.renewals}"
        return SignedIn(token, actor, self.clock.now() + timedelta(minutes=15), renewal)
