"""Fills a new platform with a made-up health system, once, before its services start.

Records go into the directory with their events, as an import would put them there; working time goes into
availability by COPY, because making 4,000 schedules one request at a time would take minutes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg

from services.availability.adapters import noshow_model
from services.availability.adapters.postgres import unit_of_work as availability_work
from services.availability.domain.directory import Clinician, Facility, VisitType
from services.availability.domain.places import Place
from services.availability.domain.slotting.plan import SlottingRules
from services.availability.settings import Settings as AvailabilitySettings
from services.availability.usecases.bulk import bulk_directory, bulk_templates
from services.availability.usecases.materialise import Horizon
from services.contracts.roles import Role
from services.contracts.topology import SUBSCRIPTIONS
from services.directory.adapters.postgres import unit_of_work as directory_work
from services.directory.domain.records import RoleAssignment
from services.directory.usecases.bulk import bulk_record
from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.local.progress import Progress, Step
from services.local.seeds import SEED, HealthSystem, health_system
from services.local.state import DemoUser, write_private

if TYPE_CHECKING:
    from services.local.aws import Aws
    from services.local.platform import Platform

STATEMENT_SECONDS = 120
CATCH_UP_SECONDS = 300.0
LOOK_SECONDS = 0.25
COUNTED = {
    "directory": {"facilities": "facilities", "clinicians": "clinicians", "patients": "patients"},
    "availability": {"templates": "template"},
    "booking": {"appointments": "appointment"},
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the health system is."""

    facilities: int = 212
    clinicians: int = 4000
    patients: int = 2000


async def seed(platform: Platform, sizes: Sizes, progress: Progress) -> None:
    """Seed on the first run; on later ones find what is there. Repeating an interrupted one completes it."""
    databases, marker = platform.state.databases, platform.layout.seeded_file
    found = await _counts(databases)
    if await asyncio.to_thread(marker.exists) and found["facilities"]:
        with progress.step("data of last time") as told:
            told.done(", ".join(f"{count:,} {name}" for name, count in found.items()))
    else:
        with progress.step("made-up health system") as told:
            system = await asyncio.to_thread(
                health_system, SEED, facilities=sizes.facilities, clinicians=sizes.clinicians,
                patients=sizes.patients, as_of=datetime.now(UTC).date(),
            )  # fmt: skip
            # First what events would tell availability: it then has little to do when they come.
            await _availability(databases["availability"], system, told)
            await _directory(databases["directory"], system, platform.state.users)
            await asyncio.to_thread(write_private, marker, json.dumps({"seed": SEED, **asdict(sizes)}))
            found = await _counts(databases)
            told.done(", ".join(f"{count:,} {name}" for name, count in found.items() if count))


async def caught_up(databases: dict[str, str], aws: Aws, told: Step, seconds: float = CATCH_UP_SECONDS) -> None:
    """Wait until no outbox holds an unsent event and no queue a message; say what is left when patience ends."""
    deadline = time.monotonic() + seconds
    quiet = 0
    while quiet < 2:
        depths = await asyncio.to_thread(queue_depths, aws)
        waiting = await unsent(databases) + sum(depths.values())
        quiet = 0 if waiting else quiet + 1
        longest = max(depths, key=lambda queue: depths[queue])
        where = f", most of them in {longest}" if depths[longest] else ""
        told.at(f"{waiting:,} left{where}")
        if time.monotonic() > deadline:
            told.done(f"{waiting:,} still on their way{where}")
            return
        await asyncio.sleep(LOOK_SECONDS)


async def unsent(databases: dict[str, str]) -> int:
    """Return how many events wait in outboxes for the bus."""
    counts = [
        await _one(url, "SELECT count(*) FROM outbox WHERE channel = 'bus' AND sent_at IS NULL")
        for url in databases.values()
    ]
    return sum(counts)


def queued(aws: Aws) -> int:
    """Return how many messages are in the topology's queues, visible or in someone's hands."""
    return sum(queue_depths(aws).values())


def queue_depths(aws: Aws) -> dict[str, int]:
    """Return the same by queue."""
    depths: dict[str, int] = {}
    for subscription in SUBSCRIPTIONS:
        url = aws.sqs.get_queue_url(QueueName=subscription.queue)["QueueUrl"]
        found = aws.sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        )
        depths[subscription.queue] = sum(int(value) for value in found["Attributes"].values())
    return depths


async def _directory(url: str, system: HealthSystem, users: Sequence[DemoUser]) -> None:
    assignments = [RoleAssignment(user.username, Role(user.role), user.facilities, user.person) for user in users]
    database = Database(url, application="careslot seed", max_size=1, statement_seconds=STATEMENT_SECONDS)
    await database.open()
    try:
        async with directory_work(database)() as store:
            await bulk_record(store, [*system.directory_records, *assignments], datetime.now(UTC))
    finally:
        await database.close()


async def _availability(url: str, system: HealthSystem, told: Step) -> None:
    """Load what availability will also be told by events: by then it knows, and they change nothing."""
    database = Database(url, application="careslot seed", max_size=1, statement_seconds=STATEMENT_SECONDS)
    await database.open()
    transaction = availability_work(database)
    horizon = Horizon(
        SystemClock(), AvailabilitySettings.model_fields["horizon_days"].default, SlottingRules(noshow_model.load())
    )
    try:
        await bulk_directory(
            transaction,
            [Facility(f.facility_id, 1, f.name, Place(f.latitude, f.longitude), f.timezone, f.active)
             for f in system.facilities],
            [Clinician(c.clinician_id, 1, c.name, c.specialty, c.languages, c.facility_ids, c.active)
             for c in system.clinicians],
            [VisitType(v.code, 1, v.specialty, v.minutes, v.active) for v in system.visit_types],
        )  # fmt: skip
        total = len(system.clinicians)
        await bulk_templates(
            transaction,
            horizon,
            system.templates,
            lambda done: told.at(f"schedules of {done:,} of {total:,} clinicians"),
        )
    finally:
        await database.close()


async def _counts(databases: dict[str, str]) -> dict[str, int]:
    return {
        name: await _one(databases[service], f"SELECT count(*) FROM {table}")  # noqa: S608 -- our own words
        for service, tables in COUNTED.items()
        for name, table in tables.items()
    }


async def _one(url: str, query: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(query))
    finally:
        await connection.close()
