"""Ten thousand who wait and five hundred cancellations in a minute: is each freed slot offered once, in time, fairly,
and do those who book meanwhile notice anything?

Bookings go on at a steady pace through two stretches of cancellations, first with nobody waiting, then with the crowd;
their ratio is of one run. The crowd is put on the list as rows and taken off again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import aiohttp
import psycopg

from services.kernel.errors import Unavailable
from services.local.bench.clients import SPECIALTY, at_once, clients, command, free_slots, steadily
from services.local.bench.figures import Figure, at_most, exactly, percentile
from services.local.bench.running import Run
from services.local.demo.client import Appointment, Person, StoryFault, eventually, expected
from services.local.state import PlatformState
from services.waitlist.domain.ranking import STARVATION_BOUND

PART = "waiting list"
CROWD = 10_000
SECONDS = 60.0
BOOKINGS_A_SECOND = 4
LOOK_SECONDS = 0.5
OFFERED_SECONDS = 90.0
# A ratio within one run; two cores are shared with whatever else the machine does.
SLOWER = 1.5
GRACE_MS = 30_000.0
NAME = "bench-%"
JOIN = """
    INSERT INTO request (
        id, patient_id, specialty, visit_type, facility_ids, clinician_ids, weekdays, windows, notice_minutes, minutes,
        priority, status, version, joined_at, lapses, standing_at, submitted_by, idempotency_key, fingerprint
    )
    SELECT
        gen_random_uuid(), 'bench-' || n, %(specialty)s, %(visit_type)s,
        ARRAY[(%(facilities)s::text [])[1 + n %% cardinality(%(facilities)s::text [])]], '{}', '{}', '[]', 0, 0,
        CASE n %% 10 WHEN 0 THEN 'asap' ELSE 'routine' END, 'waiting', 1, joined_at, 0,
        joined_at - CASE n %% 10 WHEN 0 THEN 21 ELSE 0 END * interval '1 day', 'bench', gen_random_uuid()::text, ''
    FROM generate_series(1, %(crowd)s) AS n, LATERAL (SELECT now() - n * interval '6 minutes') AS j (joined_at)
"""
CONSENT = "INSERT INTO consent SELECT 'bench-' || n, 1, true FROM generate_series(1, %s) AS n ON CONFLICT DO NOTHING"
TWICE = """
    SELECT
        (SELECT count(*) FROM (SELECT FROM offer WHERE state IN ('securing', 'open') GROUP BY freed_id
            HAVING count(*) > 1) AS s),
        (SELECT count(*) FROM (SELECT FROM offer WHERE state IN ('securing', 'open') GROUP BY request_id
            HAVING count(*) > 1) AS r)
"""
# Who still waits although somebody was asked who joined more than the bound later and wanted the same.
STARVED = """
    SELECT count(DISTINCT w.id) FROM request AS w JOIN request AS o
        ON o.facility_ids = w.facility_ids AND o.visit_type = w.visit_type AND o.joined_at > w.joined_at + %s
    WHERE w.status = 'waiting' AND o.status = 'offered' AND w.patient_id LIKE %s AND o.patient_id LIKE %s
"""
LEAVE = "UPDATE request SET status = 'withdrawn' WHERE status = 'waiting' AND patient_id LIKE %s"
OFFERED = "SELECT freed_id::text, made_at FROM offer WHERE state = 'open' AND patient_id LIKE %s"


class Rush:
    """One run over ``cancellations`` a minute; everything it put in is taken out again by `tidy`."""

    def __init__(self, state: PlatformState, cancellations: int) -> None:
        self._state = state
        self._count = cancellations
        self._scheduler = Person(state, "scheduler")
        self._kept: list[Appointment] = []
        self._requests: list[str] = []
        self._twice = (0, 0)

    def run(self) -> list[Figure]:
        """Measure."""
        half = self._count // 2
        pace = int(BOOKINGS_A_SECOND * SECONDS)
        slots = free_slots(self._scheduler, self._count + half + pace + pace // 2, hours=2)
        if len(slots) < self._count + half + pace + pace // 2:
            raise Unavailable(f"{len(slots)} free slots are too few; start with more --clinicians, or ask for fewer")
        probes, victims = slots[: pace + pace // 2], slots[pace + pace // 2 :]
        try:
            return asyncio.run(self._measure(victims[:half], victims[half:], probes[: pace // 2], probes[pace // 2 :]))
        finally:
            asyncio.run(self._tidy())

    async def _measure(
        self, few: Sequence[dict[str, Any]], many: Sequence[dict[str, Any]], first: Any, second: Any
    ) -> list[Figure]:
        async with clients(self._state.gateway, self._scheduler.token) as session:
            before, after = await self._book(session, few), await self._book(session, many)
            without = await self._stretch(session, before, first, SECONDS / 2)
            await asyncio.to_thread(self._join, many)
            watching = asyncio.create_task(self._watch())
            with_crowd = await self._stretch(session, after, second, SECONDS)
            freed, offered = await asyncio.to_thread(self._outcome, after)
            watching.cancel()
        late = [(offered[id_] - at).total_seconds() * 1000 for id_, at in freed.items() if id_ in offered]
        starved = self._one(STARVED, STARVATION_BOUND, NAME, NAME)
        return [
            Figure(PART, "waiting", CROWD, "requests"),
            Figure(PART, "cancelled in a minute", len(after), "visits"),
            exactly(PART, "freed slots not offered", len(freed) - len(late), "slots", 0),
            exactly(PART, "slots offered twice at once", self._twice[0], "slots", 0),
            exactly(PART, "people with two offers at once", self._twice[1], "people", 0),
            exactly(PART, f"starved beyond {STARVATION_BOUND.days} days", starved, "people", 0),
            Figure(PART, "cancellation to offer, p50", round(percentile(late, 50)), "ms"),
            at_most(PART, "cancellation to offer, p99", percentile(late, 99), "ms", GRACE_MS),
            Figure(PART, "booking with nobody waiting, p50", round(percentile(without, 50), 1), "ms"),
            Figure(PART, "booking with the crowd, p50", round(percentile(with_crowd, 50), 1), "ms"),
            at_most(
                PART, "booking, p50 with/without", percentile(with_crowd, 50) / percentile(without, 50), "", SLOWER
            ),
            Figure(
                PART, "booking, p99 with/without",
                round(percentile(with_crowd, 99) / percentile(without, 99), 2), "",
            ),
        ]  # fmt: skip

    async def _book(self, session: aiohttp.ClientSession, slots: Sequence[dict[str, Any]]) -> list[Appointment]:
        results, _ = await at_once([partial(self._booking, session, n, slot) for n, slot in enumerate(slots)])
        made = [appointment for appointment, _ in results if appointment is not None]
        self._kept += made
        return made

    async def _booking(
        self, session: aiohttp.ClientSession, number: int, slot: dict[str, Any]
    ) -> tuple[Appointment | None, float]:
        body = {"offer": slot["offer"], "patient_id": f"pat-{10 + number % 190:06}"}
        _, made, took = await command(session, "/booking/appointments", body)
        return made, took

    async def _stretch(
        self, session: aiohttp.ClientSession, victims: Sequence[Appointment], slots: Any, seconds: float
    ) -> list[float]:
        """Cancel ``victims`` and book ``slots`` evenly over ``seconds``; return how long each booking took."""

        async def cancel(one: Appointment) -> None:
            await command(session, f"/booking/appointments/{one.id}/cancel", {"reason": "other"}, one.etag)
            self._kept.remove(one)

        async def cancel_all() -> None:
            await steadily([partial(cancel, one) for one in victims], seconds)

        cancelling = asyncio.create_task(cancel_all())
        booked = await steadily([partial(self._booking, session, n, slot) for n, slot in enumerate(slots)], seconds)
        await cancelling
        self._kept += [appointment for appointment, _ in booked if appointment is not None]
        return [took for appointment, took in booked if appointment is not None]

    def _join(self, slots: Sequence[dict[str, Any]]) -> None:
        """Put the crowd on the list as rows, and one request a facility as people do: that tells booking."""
        visit_type = slots[0]["slot"]["visit_type"]
        facilities = sorted({slot["slot"]["facility_id"] for slot in slots})
        with self._waitlist() as connection:
            about = {"specialty": SPECIALTY, "visit_type": visit_type, "facilities": facilities, "crowd": CROWD}
            connection.execute(JOIN, about)
            connection.execute(CONSENT, (CROWD,))
        for number, facility in enumerate(facilities):
            body = {
                "patient_id": f"pat-{10 + number:06}", "specialty": SPECIALTY, "visit_type": visit_type,
                "facilities": [facility],
            }  # fmt: skip
            answer = self._scheduler.command("/waitlist/requests", body)
            if answer.status_code != 409:  # waits already, which will do as well
                self._requests.append(expected(answer, 201).json()["id"])

        def known() -> bool | None:
            query = "SELECT count(*) FROM waiting_demand WHERE waiting AND specialty = %s AND facility_id = ANY(%s)"
            with psycopg.connect(self._state.databases["booking"]) as connection:
                row = connection.execute(query, (SPECIALTY, facilities)).fetchone()
            return True if row and row[0] == len(facilities) else None

        eventually(known, "booking knows that people wait")

    async def _watch(self) -> None:
        """Look again and again whether anything has two live offers."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with self._waitlist() as connection:
                slots, people = connection.execute(TWICE).fetchone() or (0, 0)
            self._twice = (max(self._twice[0], slots), max(self._twice[1], people))

    def _outcome(self, cancelled: Sequence[Appointment]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return when which slot was freed, and when it was offered; wait for the offers a while."""
        query = "SELECT id::text, created_at FROM freed_slot WHERE appointment_id::text = ANY(%s)"
        with psycopg.connect(self._state.databases["booking"]) as connection:
            freed: dict[str, Any] = dict(connection.execute(query, ([one.id for one in cancelled],)).fetchall())

        def offered() -> dict[str, Any]:
            with self._waitlist() as connection:
                return dict(connection.execute(OFFERED, (NAME,)).fetchall())

        with suppress(StoryFault):  # what was not offered in time is counted
            eventually(lambda: freed.keys() <= offered().keys() or None, "every freed slot offered", OFFERED_SECONDS)
        return freed, offered()

    async def _tidy(self) -> None:
        """Take everybody off the list, which gives the slots back, and cancel what is booked."""
        with self._waitlist() as connection:
            connection.execute(LEAVE, (NAME,))
            offered = connection.execute(
                "SELECT id::text FROM request WHERE status = 'offered' AND patient_id LIKE %s", (NAME,)
            ).fetchall()
        async with clients(self._state.gateway, self._scheduler.token) as session:

            async def withdraw(request: str) -> None:
                async with session.post(f"/waitlist/requests/{request}/withdraw") as answer:
                    await answer.read()

            async def cancel(one: Appointment) -> None:
                await command(session, f"/booking/appointments/{one.id}/cancel", {"reason": "other"}, one.etag)

            await at_once([partial(withdraw, request) for request in [*(row[0] for row in offered), *self._requests]])
            await at_once([partial(cancel, one) for one in self._kept])

    def _waitlist(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self._state.databases["waitlist"], autocommit=True)

    def _one(self, query: str, *values: object) -> int:
        with self._waitlist() as connection:
            row = connection.execute(query, values).fetchone()
        return int(row[0]) if row else 0


def measure(run: Run) -> list[Figure]:
    """Run the rush; return the figures."""
    return Rush(run.platform(), run.size(500, 100)).run()
