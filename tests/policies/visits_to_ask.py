"""Booking and waitlist for services_to_ask.py: what is about a visit, and may therefore be labelled."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from services.waitlist.adapters.records import KINDS
from tests.fixtures.platform import NewDatabase
from tests.policies.asking import PLACES, Ask, Service, both, same
from tests.policies.disruptions_to_ask import disruptions
from tests.services.booking import world as booking_world
from tests.services.waitlist import world as waitlist_world


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
    until = (booking_world.NOW + timedelta(hours=1)).isoformat()
    freed = {"extensions": [{"freed_id": str(UUID(int=1)), "until": until}]}
    asks = {
        **{operation: (inside[operation], outside[operation]) for operation in inside},
        "GET /appointments": both(lambda n: Ask("/appointments", None, {"patient_id": f"pat-{n}"})),
        "GET /changes": same("/changes"),
        "GET /visit-types/{visit_type}/booked": same("/visit-types/any/booked"),
        "GET /facilities/{facility_id}/day": both(lambda n: Ask(f"/facilities/fac-{n}/day", None, day)),
        "GET /facilities/{facility_id}/double-bookings": both(lambda n: Ask(f"/facilities/fac-{n}/double-bookings")),
        "POST /freed-slots/extend": same("/freed-slots/extend", freed),
        "POST /freed-slots/{freed_id}/release": same(f"/freed-slots/{UUID(int=1)}/release"),
        **await disruptions(world),
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
    return Service("waitlist", world.app, asks, labelled).telling(world.database, KINDS).behind(world.clock)
