"""Every service over real PostgreSQL with one record inside and one outside of what the callers of actors.py reach.

Each operation of the OpenAPI documents has its line here; test_endpoints.py tells when one is missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.availability.domain.directory import Clinician as KnownClinician
from services.availability.domain.directory import Facility as KnownFacility
from services.availability.domain.places import Place as KnownPlace
from services.availability.main import assemble as assemble_availability
from services.availability.main import create as create_availability
from services.directory.adapters.postgres import unit_of_work as directory_work
from services.directory.domain.records import BreakGlass, Clinician, Facility, Patient, Proxy
from services.directory.main import create as create_directory
from services.directory.ports import Account
from services.directory.usecases import Rules
from services.directory.usecases import assemble as assemble_directory
from services.directory.usecases.bulk import bulk_record
from services.kernel.clock import FixedClock
from services.notifications.adapters.postgres import PostgresStore
from services.notifications.adapters.postgres import unit_of_work as notifications_work
from services.notifications.domain.people import Proxy as KnownProxy
from services.notifications.main import create as create_notifications
from services.notifications.usecases.preferences import PreferenceDesk
from tests.fixtures.glass import glass_key
from tests.policies.asking import Ask, NewDatabase, Service, both, opened, same
from tests.policies.trail_to_ask import audit
from tests.services.availability.bench import KEY, on_postgres
from tests.services.availability.fakes import FakeZipCentroids
from tests.services.availability.places import FOLLOW_UP as KNOWN_FOLLOW_UP
from tests.services.booking import world as booking_world
from tests.services.directory.fakes import BOSTON, FAMILY, FOLLOW_UP, MARIA, FakeAccounts, FakeZipCodes
from tests.services.notifications.examples import NOW as NOTICED
from tests.services.notifications.examples import RECIPIENT
from tests.services.waitlist import world as waitlist_world

PLACES = (("1", True), ("2", False))


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
        records += [facility, patient, clinician]
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
    sought = {"family_name": "Mu"}
    grant = {"expires_at": far.isoformat()}
    why = {"reason": "emergency-treatment", "note": "unconscious, nobody knows them"}
    asks = {
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
    return Service("directory", app, asks).behind(clock)


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
    away, unknown = {"first_day": "2027-02-01", "last_day": "2027-02-01"}, UUID(int=1)
    of, length = "/clinicians/{clinician_id}", KNOWN_FOLLOW_UP.visit_type
    asks = {
        f"POST {of}/leave": both(lambda n: Ask(f"/clinicians/cln-{n}/leave", away)),
        f"DELETE {of}/leave/{{leave_id}}": both(lambda n: Ask(f"/clinicians/cln-{n}/leave/{unknown}")),
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
        "GET /slots": same("/slots", specialty="family-medicine"),
        "GET /visit-types/{visit_type}/openings": same(f"/visit-types/{length}/openings", minutes=30),
    }
    return Service("availability", app, asks).behind(clock)


async def booking(stack: AsyncExitStack, new: NewDatabase) -> Service:
    """One appointment inside and one outside; inside also one labelled R and one labelled ETH."""
    world = await stack.enter_async_context(booking_world.world_over(new("booking")))
    start, desk = booking_world.START, "callcenter"

    def offer(n: str, hour: int, visit_type: str = "family-medicine-follow-up") -> str:
        made = booking_world.offer(start + timedelta(hours=hour), clinician=f"cln-{n}", facility=f"fac-{n}")
        return world.token(made.model_copy(update={"visit_type": visit_type}))

    async def booked(n: str, hour: int, label: str = "N") -> str:
        body = {"offer": offer(n, hour), "patient_id": f"pat-{n}"}
        made = await world.post("/appointments", body, who=desk)
        assert made.status_code == 201, made.text
        await world.rows(
            "UPDATE appointment SET security_label = $2 WHERE id = $1 RETURNING 1", UUID(made.json()["id"]), label
        )
        return str(made.json()["id"])

    soon = booking_world.NOW + timedelta(days=1)
    for n, _ in PLACES:
        person = ("INSERT INTO proxy VALUES ($1, 1, $2, $1, $3, true, $3) RETURNING 1", f"prx-{n}", f"pat-{n}", soon)
        await world.rows(*person)
        known = ("INSERT INTO patient VALUES ($1, 1, ARRAY[$2], true) RETURNING 1", f"pat-{n}", f"fac-{n}")
        await world.rows(*known)
    for label in ("R", "ETH"):
        await world.rows("INSERT INTO visit_type VALUES ($1, 1, $2) RETURNING 1", f"visit-{label.lower()}", label)
    plain = {n: await booked(n, 0) for n, _ in PLACES}
    marked = {label: await booked("1", hour, label) for hour, label in ((1, "R"), (2, "ETH"))}
    day, one = {"date": start.date().isoformat()}, "/appointments/{appointment_id}"

    def verbs(id_: str, n: str) -> dict[str, Ask]:
        bodies: dict[str, Any] = {"cancel": {"reason": "other"}, "move": lambda: {"offer": offer(n, 5)}}
        names = ("cancel", "check-in", "complete", "confirm", "move", "no-show", "release")
        posts = {f"POST {one}/{verb}": Ask(f"/appointments/{id_}/{verb}", bodies.get(verb)) for verb in names}
        reads = {f"GET {one}{part}": Ask(f"/appointments/{id_}{part}") for part in ("", "/history")}
        return {**posts, **reads}

    def taking(n: str, visit_type: str) -> dict[str, Ask]:
        wanted = {path: Ask(path, lambda: {"offer": offer(n, 4, visit_type), "patient_id": f"pat-{n}"})
                  for path in ("/appointments", "/holds")}  # fmt: skip
        return {f"POST {path}": ask for path, ask in wanted.items()}

    usual = "family-medicine-follow-up"
    inside, outside = ({**verbs(plain[n], n), **taking(n, usual)} for n, _ in PLACES)
    freed = {"until": (booking_world.NOW + timedelta(hours=1)).isoformat()}
    asks = {
        **{operation: (inside[operation], outside[operation]) for operation in inside},
        "GET /appointments": both(lambda n: Ask("/appointments", None, {"patient_id": f"pat-{n}"})),
        "GET /changes": same("/changes"),
        "GET /visit-types/{visit_type}/booked": same("/visit-types/any/booked"),
        "GET /facilities/{facility_id}/day": both(lambda n: Ask(f"/facilities/fac-{n}/day", None, day)),
        "POST /freed-slots/{freed_id}/extend": same(f"/freed-slots/{UUID(int=1)}/extend", freed),
        "POST /freed-slots/{freed_id}/release": same(f"/freed-slots/{UUID(int=1)}/release"),
    }
    labelled = {label: {**verbs(id_, "1"), **taking("1", f"visit-{label.lower()}")} for label, id_ in marked.items()}
    return Service("booking", world.app, asks, labelled).behind(world.clock)


async def waitlist(stack: AsyncExitStack, new: NewDatabase) -> Service:
    """A request and an offer inside and outside, and requests for labelled visits inside."""
    world = await stack.enter_async_context(waitlist_world.world_over(new("waitlist")))
    far = waitlist_world.LATER
    for n, _ in PLACES:
        await world.tell("directory.facility-recorded.v1", facility_id=f"fac-{n}")
        await world.tell(
            "directory.proxy-recorded.v1", proxy_id=f"prx-{n}", patient_id=f"pat-{n}", person=f"prx-{n}",
            expires_at=far, confidential_until=far,
        )  # fmt: skip
    for label in ("R", "ETH"):
        await world.tell("directory.visit-type-recorded.v1", visit_type=f"visit-{label.lower()}", security_label=label)

    async def added(n: str, visit_type: str, state: str) -> tuple[UUID, UUID]:
        request, offer, freed = uuid4(), uuid4(), uuid4()
        slot = waitlist_world.slot(facility=f"fac-{n}", clinician=f"cln-{n}")
        async with world.database.connection() as connection:
            await connection.execute(
                "INSERT INTO request VALUES ($1, $2, 'family-medicine', $3, ARRAY[$4], '{}', '{}', '[]', null, null, "
                "0, 0, 'routine', 'waiting', 1, $5, 0, $5, $6, $6, '')",
                request, f"pat-{n}", visit_type, f"fac-{n}", world.clock.at, str(request),
            )  # fmt: skip
            await connection.execute(
                "INSERT INTO freed_slot VALUES ($1, 1, null, $2, null, 'closed')", freed, slot.starts_at
            )
            told = slot.model_copy(update={"visit_type": visit_type}).model_dump(mode="json")
            await connection.execute(
                "INSERT INTO offer VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
                offer, freed, request, f"pat-{n}", told, state, world.clock.at,
            )  # fmt: skip
        return request, offer

    def of(request: UUID, offer: UUID, n: str, visit_type: str) -> dict[str, Ask]:
        wanted = {
            "patient_id": f"pat-{n}", "specialty": "family-medicine", "visit_type": visit_type,
            "facilities": [f"fac-{n}"],
        }  # fmt: skip
        one = "/requests/{request_id}"
        return {
            "GET /offers/{offer_id}": Ask(f"/offers/{offer}"),
            "POST /offers/{offer_id}/accept": Ask(f"/offers/{offer}/accept"),
            "POST /offers/{offer_id}/decline": Ask(f"/offers/{offer}/decline"),
            "POST /requests": Ask("/requests", wanted),
            f"GET {one}": Ask(f"/requests/{request}"),
            f"PUT {one}/priority": Ask(f"/requests/{request}/priority", {"referral_priority": "urgent"}),
            f"POST {one}/withdraw": Ask(f"/requests/{request}/withdraw"),
        }

    usual = "family-medicine-follow-up"
    inside, outside = [of(*await added(n, usual, "expired"), n, usual) for n, _ in PLACES]
    labelled = {
        label: of(*await added("1", f"visit-{label.lower()}", "expired"), "1", f"visit-{label.lower()}")
        for label in ("R", "ETH")
    }
    asks = {operation: (inside[operation], outside[operation]) for operation in inside}
    asks["GET /facilities/{facility_id}/requests"] = both(lambda n: Ask(f"/facilities/fac-{n}/requests"))
    asks["GET /requests"] = both(lambda n: Ask("/requests", None, {"patient_id": f"pat-{n}"}))
    return Service("waitlist", world.app, asks, labelled).behind(world.clock)


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
    return Service("notifications", app, asks).behind(clock)


SERVICES = (directory, availability, booking, waitlist, notifications, audit)


@asynccontextmanager
async def every_service(new: NewDatabase) -> AsyncIterator[list[Service]]:
    """Run all of them."""
    async with AsyncExitStack() as stack:
        yield [await make(stack, new) for make in SERVICES]
