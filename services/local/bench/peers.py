"""The same rush for one clinician's one time at GNU Health and here, side by side on this machine.

GNU Health (a hospital information system in Python over PostgreSQL, as Careslot is) is what a health system could
install instead. It runs as it comes: `trytond` with its own server, its JSON-RPC as its clients use it, its rows on a
PostgreSQL of the same build. Its appointments have no constraint on clinician and time; how many it lets through is
counted, not judged by its documentation. It needs the environment that `make bench-peers` installs.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import psycopg

from services.kernel.errors import Unavailable
from services.local.bench.clients import clients, command, free_slots
from services.local.bench.figures import Figure, exactly, percentile
from services.local.bench.running import Run
from services.local.child import Child
from services.local.demo.client import Person
from services.local.holding import free_port
from services.local.postgres import SUPERUSER, PostgresServer
from services.local.state import PlatformState

PART = "peers"
ENVIRONMENT = Path(".venv-peers/bin")
PEER = "GNU Health"
DATABASE = "gnuhealth"
PASSWORD = "for-this-run-only"  # noqa: S105 -- of a database that lives as long as the run
CLIENTS = 16
START_SECONDS, INSTALL_SECONDS = 60.0, 600.0


class GnuHealth:
    """A running GNU Health, spoken to as its own clients do (JSON-RPC over HTTP)."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._authorization = ""

    async def sign_in(self) -> None:
        """Open a session as the administrator."""
        user, token, *_ = await self._call("common.db.login", "admin", {"password": PASSWORD})
        self._authorization = "Session " + base64.b64encode(f"admin:{user}:{token}".encode()).decode()

    async def people(self, count: int) -> tuple[int, list[int]]:
        """Make a clinician and ``count`` patients; return their ids. One call each, as its accounts' ids demand."""
        clinician = await self._party("clinician", is_healthprof=True)
        made: list[int] = await self.model("gnuhealth.healthprofessional", "create", [{"party": clinician}])
        parties = [await self._party(f"patient-{number}", is_patient=True) for number in range(count)]
        patients: list[int] = await self.model("gnuhealth.patient", "create", [{"party": one} for one in parties])
        return made[0], patients

    async def book(self, clinician: int, patient: int, at: datetime) -> None:
        """Book, as its form does; raise Unavailable when it refuses."""
        values = {"healthprof": clinician, "patient": patient, "appointment_date": _moment(at), "state": "confirmed"}
        await self.model("gnuhealth.appointment", "create", [values])

    async def booked(self, clinician: int, at: datetime) -> int:
        """Return how many appointments the clinician has at that time."""
        asked = [["healthprof", "=", clinician], ["appointment_date", "=", _moment(at)]]
        return int(await self.model("gnuhealth.appointment", "search_count", asked))

    async def model(self, name: str, method: str, *values: Any) -> Any:
        """Call a method of one of its models."""
        return await self._call(f"model.{name}.{method}", *values, {})

    async def _party(self, name: str, **flags: bool) -> int:
        values = {
            "name": name,
            "lastname": "bench",
            "fed_country": "USA",
            "is_person": True,
            "ref": name,
            "gender": "f",
        }
        made: list[int] = await self.model("party.party", "create", [values | flags])
        return made[0]

    async def _call(self, method: str, *values: Any) -> Any:
        headers = {"Authorization": self._authorization} if self._authorization else {}
        asked = {"id": 1, "method": method, "params": list(values)}
        async with self._session.post(f"/{DATABASE}/", json=asked, headers=headers) as answer:
            told = await answer.json(content_type=None)
        if told.get("error"):
            raise Unavailable(f"{PEER} refused {method}: {told['error']}")
        return told["result"]


def measure(run: Run) -> list[Figure]:
    """Book one time by many at once, then many times, at both; return the figures."""
    if not (ENVIRONMENT / "trytond").exists():
        raise Unavailable(f"{PEER} is not installed: run `make bench-peers`")
    rounds, times = run.size(10, 3), run.size(160, 48)
    with _gnu_health(run) as address:
        at_once, theirs, their_seconds = asyncio.run(_at_gnu_health(address, rounds, times))
    here, ours, our_seconds = asyncio.run(_here(run.platform(), rounds, times))
    return [
        Figure(PART, f"{PEER}: appointments made of {CLIENTS} at once for one clinician and time", at_once, ""),
        exactly(PART, f"Careslot: appointments made of {CLIENTS} at once for one clinician and time", here, "", 1),
        Figure(PART, f"{PEER}: booking of {CLIENTS} clients, p50", round(percentile(theirs, 50), 1), "ms"),
        Figure(PART, f"Careslot: booking of {CLIENTS} clients, p50", round(percentile(ours, 50), 1), "ms"),
        Figure(PART, f"{PEER}: bookings", round(len(theirs) / their_seconds, 1), "a second"),
        Figure(PART, "Careslot: bookings", round(len(ours) / our_seconds, 1), "a second"),
    ]


async def _at_gnu_health(address: str, rounds: int, times: int) -> tuple[int, list[float], float]:
    """Return the most appointments one time got, milliseconds of each booking of a time of its own, and seconds."""
    first = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=30)
    async with aiohttp.ClientSession(address) as session:
        peer = GnuHealth(session)
        await peer.sign_in()
        clinician, patients = await peer.people(CLIENTS)
        most = 0
        for number in range(rounds):
            at = first + timedelta(days=number)
            await asyncio.gather(*(peer.book(clinician, patient, at) for patient in patients))
            most = max(most, await peer.booked(clinician, at))
        work = [
            partial(peer.book, clinician, patients[number % CLIENTS], first + timedelta(days=60, minutes=20 * number))
            for number in range(times)
        ]
        took, seconds = await _timed(work)
    return most, took, seconds


async def _here(state: PlatformState, rounds: int, times: int) -> tuple[int, list[float], float]:
    """The same at the platform, through its gateway; what it books is cancelled again."""
    scheduler = Person(state, "scheduler")
    slots = await asyncio.to_thread(free_slots, scheduler, rounds + times)
    most, made = 0, []
    async with clients(state.gateway, scheduler.token) as session:

        async def book(slot: Any, patient: int) -> None:
            body = {"offer": slot["offer"], "patient_id": f"pat-{10 + patient:06}"}
            _, appointment, _ = await command(session, "/booking/appointments", body)
            if appointment is not None:
                made.append(appointment)

        for slot in slots[:rounds]:
            before = len(made)
            await asyncio.gather(*(book(slot, patient) for patient in range(CLIENTS)))
            most = max(most, len(made) - before)
        work = [partial(book, slot, number) for number, slot in enumerate(slots[rounds:])]
        took, seconds = await _timed(work)
        for one in made:
            await command(session, f"/booking/appointments/{one.id}/cancel", {"reason": "other"}, one.etag)
    return most, took, seconds


async def _timed(work: Sequence[Callable[[], Awaitable[None]]]) -> tuple[list[float], float]:
    """Do ``work``, CLIENTS at a time; return the milliseconds each took and the seconds of all."""
    places, took = asyncio.Semaphore(CLIENTS), []

    async def one(booking: Callable[[], Awaitable[None]]) -> None:
        async with places:
            began = time.perf_counter()
            await booking()
            took.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    await asyncio.gather(*map(one, work))
    return took, time.perf_counter() - began


@contextmanager
def _gnu_health(run: Run) -> Iterator[str]:
    """Run a GNU Health of the bench's own; return its address."""
    folder = run.folder("peer")
    database = PostgresServer(folder / "pg")
    database.start()
    try:
        with psycopg.connect(database.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {DATABASE} LOGIN")
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {DATABASE}")
        port = free_port()
        settings = folder / "trytond.conf"
        # Tryton puts the database's name in itself.
        uri = database.dsn(DATABASE).replace(f"/{DATABASE}?", "/?")
        settings.write_text(f"[database]\nuri = {uri}\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n", "utf-8")
        with run.step(f"installing {PEER} into a database of its own"):
            _install(settings, folder)
        child = Child(PEER, [ENVIRONMENT / "trytond", "-c", settings, "-d", DATABASE], log=folder / "trytond.log")
        child.start()
        try:
            _until_it_listens(child, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            child.stop()
    finally:
        database.stop()


def _install(settings: Path, folder: Path) -> None:
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n", "utf-8")
    command: list[str | Path] = [ENVIRONMENT / "trytond-admin", "-c", settings, "-d", DATABASE, "-u", "health"]
    done = subprocess.run(
        [*command, "--activate-dependencies", "--email", "bench@example.org"], text=True, capture_output=True,
        check=False, timeout=INSTALL_SECONDS, env={**os.environ, "TRYTONPASSFILE": str(secret)},
    )  # fmt: skip
    if done.returncode:
        raise Unavailable(f"{PEER} could not be installed: {done.stderr[-600:]}")


def _until_it_listens(child: Child, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.running:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise Unavailable(f"{PEER} did not start: {child.output(600)}")


def _moment(at: datetime) -> dict[str, object]:
    """An instant as its JSON-RPC writes it."""
    return {
        "__class__": "datetime", "year": at.year, "month": at.month, "day": at.day, "hour": at.hour,
        "minute": at.minute, "second": 0, "microsecond": 0,
    }  # fmt: skip
