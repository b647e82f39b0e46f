"""Booking's late cancellations, series and disrupted visits for services_to_ask.py: each inside and outside."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tests.policies.asking import PLACES, Ask, both
from tests.services.booking.disrupting import MORNING, sick, visit_of
from tests.services.booking.world import World, offer

HOUR = timedelta(hours=1)


async def disruptions(world: World) -> dict[str, tuple[Ask, Ask]]:
    """Book a visit that leave lies over and a series, inside and outside, and return what to ask about them."""
    visits, series = {}, {}
    for n, _ in PLACES:
        visits[n] = await _booked(world, n, MORNING)
        series[n] = str(uuid4())
        for hours in (48, 72):
            one = await _booked(world, n, MORNING + hours * HOUR)
            await world.rows(
                "UPDATE appointment SET series_id = $2 WHERE id = $1 RETURNING 1", UUID(one["id"]), UUID(series[n])
            )
        await sick(world, f"leave-{n}", f"cln-{n}")
    disrupted = {n: await visit_of(world, visit) for n, visit in visits.items()}

    def wanted(n: str) -> dict[str, Any]:
        offers = [_token(world, n, MORNING + hours * HOUR) for hours in (96, 120)]
        return {"patient_id": f"pat-{n}", "offers": offers}

    def visit(n: str, part: str = "", body: Any = None) -> Ask:
        return Ask(f"/disrupted-visits/{disrupted[n]}{part}", body)

    def appointment(n: str, part: str, body: Any = None) -> Ask:
        return Ask(f"/appointments/{visits[n]['id']}{part}", body)

    def rule(n: str) -> dict[str, str]:
        return {"facility_id": f"fac-{n}"}

    return {
        "GET /appointments/{appointment_id}/cancellation": both(lambda n: appointment(n, "/cancellation")),
        "POST /appointments/{appointment_id}/waive-late-cancel": both(
            lambda n: appointment(n, "/waive-late-cancel", {"reason": "weather"})
        ),
        "GET /late-cancel-rules": both(lambda n: Ask("/late-cancel-rules", None, rule(n))),
        "PUT /late-cancel-rules": both(lambda n: Ask("/late-cancel-rules", {**rule(n), "hours": 24})),
        "DELETE /late-cancel-rules": both(lambda n: Ask("/late-cancel-rules", None, rule(n))),
        "POST /series": both(lambda n: Ask("/series", lambda: wanted(n))),
        "GET /series/{series_id}": both(lambda n: Ask(f"/series/{series[n]}")),
        "POST /series/{series_id}/cancel": both(lambda n: Ask(f"/series/{series[n]}/cancel", {"reason": "other"})),
        "GET /disruptions": both(lambda n: Ask("/disruptions", None, rule(n))),
        "GET /disruptions/{disruption_id}": both(lambda n: Ask(f"/disruptions/leave-{n}")),
        "GET /disruptions/{disruption_id}/visits": both(lambda n: Ask(f"/disruptions/leave-{n}/visits")),
        "GET /facilities/{facility_id}/calls": both(lambda n: Ask(f"/facilities/fac-{n}/calls")),
        "GET /disrupted-visits": both(lambda n: Ask("/disrupted-visits", None, {"patient_id": f"pat-{n}"})),
        "GET /disrupted-visits/{visit_id}": both(visit),
        "POST /disrupted-visits/{visit_id}/accept": both(lambda n: visit(n, "/accept", {"slot_id": "slot-gone"})),
        "POST /disrupted-visits/{visit_id}/calls": both(lambda n: visit(n, "/calls", {"outcome": "no-reply"})),
        "POST /disrupted-visits/{visit_id}/decline": both(lambda n: visit(n, "/decline")),
    }


async def _booked(world: World, n: str, start: datetime) -> dict[str, Any]:
    body = {"offer": _token(world, n, start), "patient_id": f"pat-{n}"}
    made = await world.post("/appointments", body, who="callcenter")
    assert made.status_code == 201, made.text
    booked: dict[str, Any] = made.json()
    return booked


def _token(world: World, n: str, start: datetime) -> str:
    return world.token(offer(start, clinician=f"cln-{n}", facility=f"fac-{n}"))
