"""Every service over real PostgreSQL with one record inside and one outside of what the callers of actors.py reach.

Each operation of the OpenAPI documents has its line here; test_endpoints.py tells when one is missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from services.audit.adapters.postgres import unit_of_work as audit_work
from services.audit.adapters.postgres_reader import begin_reading
from services.audit.main import create as create_audit
from services.audit.ports import StoredAnchor
from services.audit.usecases.review import Review
from services.audit.usecases.standing import Standing
from services.audit.usecases.verify import VerifyTrail
from services.availability.adapters.records import KINDS as AVAILABILITY_KINDS
from services.availability.domain.directory import Clinician as KnownClinician
from services.availability.domain.directory import Facility as KnownFacility
from services.availability.domain.places import Place as KnownPlace
from services.availability.main import assemble as assemble_availability
from services.availability.main import create as create_availability
from services.contracts.slot_offer import slot_id
from services.directory.adapters.postgres import unit_of_work as directory_work
from services.directory.adapters.records import KINDS as DIRECTORY_KINDS
from services.directory.domain.interpreters import Interpreter
from services.directory.domain.records import BreakGlass, Clinician, Facility, Patient, Proxy
from services.directory.main import create as create_directory
from services.directory.ports import Account
from services.directory.usecases import Rules
from services.directory.usecases import assemble as assemble_directory
from services.directory.usecases.bulk import bulk_record
from services.finder.main import assemble as assemble_finder
from services.finder.main import create as create_finder
from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.notifications.adapters.postgres import PostgresStore
from services.notifications.adapters.postgres import unit_of_work as notifications_work
from services.notifications.adapters.records import KINDS as NOTIFICATIONS_KINDS
from services.notifications.domain.people import Proxy as KnownProxy
from services.notifications.main import create as create_notifications
from services.notifications.usecases.preferences import PreferenceDesk
from tests.fixtures.glass import glass_key
from tests.fixtures.platform import NewDatabase
from tests.policies.asking import PLACES, Ask, Service, both, same
from tests.policies.visits_to_ask import booking, waitlist
from tests.services.availability.bench import KEY, on_postgres
from tests.services.availability.fakes import FakeZipCentroids
from tests.services.availability.places import FOLLOW_UP as KNOWN_FOLLOW_UP
from tests.services.directory.fakes import BOSTON, FAMILY, FOLLOW_UP, MARIA, FakeAccounts, FakeZipCodes
from tests.services.finder.fakes import TODAY, FakeCare
from tests.services.notifications.examples import NOW as NOTICED
from tests.services.notifications.examples import RECIPIENT


async def opened(stack: AsyncExitStack, dsn: str) -> Database:
    """Return a database that is closed with the stack."""
    database = Database(dsn, application="test", max_size=4)
    await database.open()
    stack.push_async_callback(database.close)
    return database


async def directory(stack: AsyncExitStack, new: NewDatabase) -> Service:
    """Facilities, clinicians and patients 1 and 2; patient 3 may be made a proxy."""
    database, now = await opened(stack, new("directory")), datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
    begin, clock, far = directory_work(database), FixedClock(now), now + timedelta(days=90)
    grants = {number: f"btg-{int(number):032x}" for number, _ in PLACES}
    records: list[Any] = [FAMILY, FOLLOW_UP]
    for number, _ in PLACES:
        facility: Facility = replace(BOSTON, facility_id=f"fac-{number}")
        patient: Patient = replace(MARIA, patient_id=f"pat-{number}", facility_ids=(f"fac-{number}",))
        clinician = Clinician(f"cln-{number}", "Dr. A", "family-medicine", ("en",), (f"fac-{number}",))
        interpreter = Interpreter(
            f"int-{number}", "A", ("es",), (f"fac-{number}",), False, "America/New_York", ("mon",), "08:00", "17:00"
        )
        records += [facility, patient, clinician, interpreter]
        records.append(Proxy(f"prx-{number}", f"pat-{number}", f"prx-{number}", far))
    records.append(replace(MARIA, patient_id="pat-3", facility_ids=("fac-1",)))
    async with begin() as store:
        await bulk_record(store, records, now)
        for number, subject in (("1", "a"), ("2", "b")):
            rest = (f"pat-{number}", "patient-safety", "test", now, far)
            assert await store.put(BreakGlass(grants[number], subject, "clinician", *rest), 1)
    app, accounts = create_directory(), FakeAccounts(Account("someone", "s"))
    app.state.directory = assemble_directory(begin, FakeZipCodes(), accounts, glass_key().sign, clock, Rules())
    person = {
        "given_name": "A", "family_name": "B", "birth_date": "1980-01-01", "language": "en", "timezone": "UTC",
    }  # fmt: skip
    place = {
        "name": "A", "kind": "hospital", "address": "", "city": "Boston", "state": "MA", "zip_code": "02108",
        "latitude": 42.0, "longitude": -71.0, "timezone": "America/New_York",
    }  # fmt: skip
    who = {"name": "Dr. A", "specialty": "family-medicine", "languages": ["en"]}
    interprets = {
        "name": "A", "languages": ["es"], "timezone": "America/New_York", "weekdays": ["mon"], "starts": "08:00",
        "ends": "17:00",
    }  # fmt: skip
    sought = {"family_name": "Mu"}
    grant = {"expires_at": far.isoformat()}
    why = {"reason": "emergency-treatment", "note": "unconscious, nobody knows them"}
    asks = {
        "GET /interpreters": same("/interpreters"),
        "GET /interpreter-languages": same("/interpreter-languages"),
        "GET /interpreters/{interpreter_id}": both(lambda n: Ask(f"/interpreters/int-{n}")),
        "PUT /interpreters/{interpreter_id}": both(
            lambda n: Ask(f"/interpreters/int-{n}", {**interprets, "facility_ids": [f"fac-{n}"]})
        ),
        "GET /public/facilities": same("/public/facilities"),
        "GET /public/visit-types": same("/public/visit-types"),
        "GET /clinicians": same("/clinicians"),
        "GET /clinicians/{clinician_id}": both(lambda n: Ask(f"/clinicians/cln-{n}")),
        "PUT /clinicians/{clinician_id}": both(
            lambda n: Ask(f"/clinicians/cln-{n}", {**who, "facility_ids": [f"fac-{n}"]})
        ),
        "GET /facilities": same("/facilities"),
        "GET /facilities/{facility_id}": both(lambda n: Ask(f"/facilities/fac-{n}")),
        "PUT /facilities/{facility_id}": both(lambda n: Ask(f"/facilities/fac-{n}", place)),
        "POST /patients": both(lambda n: Ask("/patients", {**person, "facility_ids": [f"fac-{n}"]})),
        "POST /patients/search": both(lambda n: Ask("/patients/search", {**sought, "facility": f"fac-{n}"})),
        "GET /patients/{patient_id}": both(lambda n: Ask(f"/patients/pat-{n}")),
        "PUT /patients/{patient_id}": both(
            lambda n: Ask(f"/patients/pat-{n}", {**person, "facility_ids": [f"fac-{n}"]})
        ),
        "GET /patients/{patient_id}/proxies": both(lambda n: Ask(f"/patients/pat-{n}/proxies")),
        "PUT /patients/{patient_id}/proxies/{person}": both(lambda n: Ask(f"/patients/pat-{n}/proxies/pat-3", grant)),
        "DELETE /patients/{patient_id}/proxies/{person}": both(lambda n: Ask(f"/patients/pat-{n}/proxies/pat-9")),
        "GET /patients/{patient_id}/merges": both(lambda n: Ask(f"/patients/pat-{n}/merges")),
        "POST /patients/{patient_id}/merges": both(
            lambda n: Ask(f"/patients/pat-{n}/merges", {"replaced_id": f"pat-{n}9"})
        ),
        "GET /acting-for": same("/acting-for"),
        "POST /break-glass": both(lambda n: Ask("/break-glass", {**why, "patient_id": f"pat-{n}"})),
        "GET /break-glass/{grant_id}": both(lambda n: Ask(f"/break-glass/{grants[n]}")),
        "POST /break-glass/{grant_id}/end": both(lambda n: Ask(f"/break-glass/{grants[n]}/end")),
        "PUT /role-assignments/{username}": both(
            lambda n: Ask("/role-assignments/someone", {"role": "front-desk", "facilities": [f"fac-{n}"]})
        ),
        "GET /specialties": same("/specialties"),
        "GET /visit-types": same("/visit-types"),
        "PUT /visit-types/{code}": same(
            "/visit-types/a-b", {"name": "A", "specialty": "family-medicine", "minutes": 20}
        ),
    }
    return Service("directory", app, asks).telling(database, DIRECTORY_KINDS).behind(clock)


async def availability(stack: AsyncExitStack, new: NewDatabase) -> Service:
    """Clinicians 1 and 2 at facilities 1 and 2."""
    database = await opened(stack, new("availability"))
    bench = on_postgres(database)
    await bench.know(
        [KnownFacility(f"fac-{n}", 1, "A", KnownPlace(42.0, -71.0), "America/New_York", True) for n, _ in PLACES],
        [KnownClinician(f"cln-{n}", 1, "A", "family-medicine", ("en",), (f"fac-{n}",), True) for n, _ in PLACES],
        [KNOWN_FOLLOW_UP],
    )
    app, clock = create_availability(), bench.clock
    app.state.availability = assemble_availability(
        database, clock, KEY.pem, KEY.key_id, bench.horizon, FakeZipCentroids()
    )
    hours = {"weekdays": ["mon"], "starts": "09:00", "ends": "12:00", "valid_from": "2027-01-05"}
    past = clock.now() - timedelta(days=400)
    slot = partial(slot_id, visit_type=KNOWN_FOLLOW_UP.visit_type, starts_at=past, minutes=KNOWN_FOLLOW_UP.minutes)
    away, unknown = {"first_day": "2027-02-01", "last_day": "2027-02-01"}, UUID(int=1)
    of, length = "/clinicians/{clinician_id}", KNOWN_FOLLOW_UP.visit_type
    clinic = {
        "visit_type": length, "starts_at": "2027-02-02T15:00:00Z", "ends_at": "2027-02-02T17:00:00Z", "minutes": 10,
        "capacity": 5,
    }  # fmt: skip
    asks = {
        f"POST {of}/leave": both(lambda n: Ask(f"/clinicians/cln-{n}/leave", away)),
        f"DELETE {of}/leave/{{leave_id}}": both(lambda n: Ask(f"/clinicians/cln-{n}/leave/{unknown}")),
        f"GET {of}/clinics": both(lambda n: Ask(f"/clinicians/cln-{n}/clinics")),
        f"POST {of}/clinics": both(
            lambda n: Ask(f"/clinicians/cln-{n}/clinics", {**clinic, "facility_id": f"fac-{n}"})
        ),
        f"DELETE {of}/clinics/{{clinic_id}}": both(lambda n: Ask(f"/clinicians/cln-{n}/clinics/{unknown}")),
        f"GET {of}/schedule": both(lambda n: Ask(f"/clinicians/cln-{n}/schedule")),
        f"PUT {of}/templates/{{template_id}}": both(
            lambda n: Ask(f"/clinicians/cln-{n}/templates/t", {**hours, "facility_id": f"fac-{n}"})
        ),
        f"DELETE {of}/templates/{{template_id}}": both(lambda n: Ask(f"/clinicians/cln-{n}/templates/t")),
        f"PUT {of}/visit-lengths/{{visit_type}}": both(
            lambda n: Ask(f"/clinicians/cln-{n}/visit-lengths/{length}", {"minutes": 30})
        ),
        f"DELETE {of}/visit-lengths/{{visit_type}}": both(lambda n: Ask(f"/clinicians/cln-{n}/visit-lengths/{length}")),
        "GET /facilities/{facility_id}/closures": both(lambda n: Ask(f"/facilities/fac-{n}/closures")),
        "POST /facilities/{facility_id}/closures": both(lambda n: Ask(f"/facilities/fac-{n}/closures", away)),
        "DELETE /facilities/{facility_id}/closures/{closure_id}": both(
            lambda n: Ask(f"/facilities/fac-{n}/closures/{unknown}")
        ),
        "GET /slots/{slot_id}/why": both(lambda n: Ask(f"/slots/{slot(f'cln-{n}', f'fac-{n}')}/why")),
        "GET /slots": same("/slots", specialty="family-medicine"),
        "GET /public/open-times": same("/public/open-times", facility="fac-1", visit_type=length),
        "GET /visit-types/{visit_type}/openings": same(f"/visit-types/{length}/openings", minutes=30),
    }
    return Service("availability", app, asks).telling(database, AVAILABILITY_KINDS).behind(clock)


async def notifications(stack: AsyncExitStack, new: NewDatabase) -> Service:
    """Patients 1 and 2, each with their proxy."""
    database, clock = await opened(stack, new("notifications")), FixedClock(NOTICED)
    async with database.transaction() as connection:
        store = PostgresStore(connection)
        for n, _ in PLACES:
            await store.keep_recipient(replace(RECIPIENT, patient_id=f"pat-{n}"))
            until = NOTICED + timedelta(days=1)
            await store.keep_proxy(KnownProxy(f"prx-{n}", 1, f"pat-{n}", f"prx-{n}", until, active=True))
    app = create_notifications()
    app.state.notifications = PreferenceDesk(notifications_work(database), clock)
    wanted = {"channels": ["sms"], "opted_out": False}
    path = "/patients/{patient_id}"
    asks = {
        f"GET {path}/messages": both(lambda n: Ask(f"/patients/pat-{n}/messages")),
        f"GET {path}/preferences": both(lambda n: Ask(f"/patients/pat-{n}/preferences")),
        f"PUT {path}/preferences": both(lambda n: Ask(f"/patients/pat-{n}/preferences", wanted)),
    }
    return Service("notifications", app, asks).telling(database, NOTIFICATIONS_KINDS).behind(clock)


class NoAnchors:
    """Write-once storage that nothing was put into."""

    async def put(self, number: int, body: str, retain_until: object) -> str:
        """Keep what is given."""
        return body

    async def everything(self) -> Sequence[StoredAnchor]:
        """Return nothing."""
        return ()


async def audit(stack: AsyncExitStack, new: NewDatabase) -> Service:
    """An empty trail: what may be asked of it does not hang on what is in it."""
    database, clock = await opened(stack, new("audit")), FixedClock(NOTICED)
    app = create_audit()
    begin = audit_work(database)
    app.state.clock, app.state.review = clock, Review(begin)
    app.state.standing = Standing(begin, VerifyTrail(begin_reading(database, "audit-entries"), NoAnchors()))
    paths = {
        "/patients/{patient_id}/accesses": "/patients/pat-1/accesses", "/users/{subject}/accesses": "/users/u/accesses",
        "/refusals": "/refusals", "/break-glass": "/break-glass", "/export": "/export",
    }  # fmt: skip

    def of_facility(path: str) -> tuple[Ask, Ask]:
        return both(lambda n: Ask(path, None, {"facility": f"fac-{n}"}))

    asks = {f"GET {template}": of_facility(path) for template, path in paths.items()}
    asks["GET /chains/{day}"] = same("/chains/2027-01-04")
    asks["POST /chains/{day}/verification"] = same("/chains/2027-01-04/verification")
    return Service("audit", app, asks).behind(clock)


async def finder(_stack: AsyncExitStack, _new: NewDatabase) -> Service:
    """One facility with one open time."""
    app = create_finder()
    app.state.finder = assemble_finder(FakeCare(), FixedClock(TODAY), "https://portal", "https://finder")
    asks = {
        "GET /find": same("/find"),
        "GET /specialties": same("/specialties"),
        "GET /open-times": same("/open-times", zip="02108", specialty="family-medicine"),
        "GET /smart/locations": same("/smart/locations"),
        "GET /smart/schedules/{facility_id}": same("/smart/schedules/fac-1"),
        "GET /smart/slots/{facility_id}": same("/smart/slots/fac-1"),
        "GET /smart/{manifest}": same("/smart/$bulk-publish"),
    }
    return Service("finder", app, asks).behind(FixedClock(TODAY))


SERVICES = (directory, availability, booking, waitlist, notifications, audit, finder)


@asynccontextmanager
async def every_service(new: NewDatabase) -> AsyncIterator[list[Service]]:
    """Run all of them."""
    async with AsyncExitStack() as stack:
        yield [await make(stack, new) for make in SERVICES]
