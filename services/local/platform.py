"""Puts the platform together: databases, emulated AWS, services, gateway, data; and takes it apart again.

Everything in the emulator is declared anew at each start, and again when the emulator died: its memory is not where
truth lives. Truth is in PostgreSQL; what an outbox holds unsent goes out as soon as there is a bus again.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from services.contracts.catalogue import catalogue
from services.contracts.topology import DIRECT_QUEUES, LOCKED_BUCKETS, SCHEDULES, SUBSCRIPTIONS
from services.local import environment
from services.local.anchors import declare_locked_buckets, restore_anchors
from services.local.aws import (
    Aws,
    bus_name,
    declare_bus,
    declare_direct_queues,
    declare_sender,
)
from services.local.aws_functions import FunctionCode, declare_functions, pause_schedule
from services.local.databases import SERVICES, connection_budget, ensure_databases, migrate_service, with_database
from services.local.demo_users import ensure_demo_users
from services.local.emulator import ACCOUNT, REGION, Emulator
from services.local.function_start import require_start
from services.local.holding import FolderLock, free_port, require_free_port
from services.local.identity import ensure_pool
from services.local.lambda_zip import build, emulator_target
from services.local.offer_keys import ensure_glass_keys, ensure_offer_keys
from services.local.postgres import ROOM, PostgresServer
from services.local.postgres_faults import require_room
from services.local.progress import Progress
from services.local.service_process import ServiceProcess, asks, once_open
from services.local.session_keys import ensure_session_key
from services.local.state import Layout, PlatformState, write_state
from services.local.supervisor import Supervised, Supervisor

EMULATOR_PORT = 4566


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a platform is to be started. Ports of 0 mean: any free one."""

    folder: Path
    gateway_port: int = 8080
    free_ports: bool = False


class Platform:
    """One platform in one folder. `stop` takes down whatever was put up, however far it came."""

    def __init__(self, wanted: Wanted, progress: Progress) -> None:
        self.layout = Layout(wanted.folder)
        self._wanted = wanted
        self._progress = progress
        self._lock = FolderLock(self.layout.folder)
        self.services = tuple(name for name in catalogue() if (SERVICES / name / "main.py").is_file())
        self._owners = tuple(name for name in with_database() if name in self.services)
        self.ports: dict[str, int] = {}
        self.supervisor = Supervisor(progress.say, self._write_state)
        self._http = httpx.AsyncClient()
        self._state: PlatformState | None = None
        self._functions: dict[str, str] = {}
        self._functions_start: asyncio.Task[None]
        self.facts: environment.Facts
        self.postgres: PostgresServer
        self.emulator: Emulator
        self.aws: Aws

    @property
    def state(self) -> PlatformState:
        """What other commands are told."""
        assert self._state is not None, "not started"
        return self._state

    async def start_stores(self) -> None:
        """Start and prepare what keeps data and carries events; raise CannotStart in words."""
        step = self._progress.step
        with step("ports, disk and folder"):
            await asyncio.to_thread(self._check)
        with step("PostgreSQL and emulated AWS") as told:
            await asyncio.gather(asyncio.to_thread(self._start_postgres), asyncio.to_thread(self._start_emulator))
            told.done(f"databases in {self.layout.postgres}, AWS on port {self.emulator.port}")
        with step("migrations") as told:
            applied = await asyncio.to_thread(self._migrate)
            told.done(f"{applied} applied" if applied else "nothing to do")
        with step("user pool, buses, queues, functions") as told:
            await asyncio.to_thread(self._declare)
            owners = [*(taken.service for taken in SUBSCRIPTIONS), *(direct.service for direct in DIRECT_QUEUES)]
            queues = sum(owner in self.services for owner in owners)
            told.done(f"{queues} queues with their dead letters")
        # Beside what comes next: seven cold starts take seconds, and one that fails should be told of soon.
        self._functions_start = asyncio.create_task(
            asyncio.to_thread(require_start, self.aws, self._functions, SUBSCRIPTIONS, SCHEDULES)
        )

    async def start_services(self) -> None:
        """Start what serves, up to the gateway; raise CannotStart in words."""
        step = self._progress.step
        with step("services and functions") as told:
            self._adopt_stores()
            services = self.supervisor.add(*(self._service(name) for name in self.services))
            starting = [asyncio.create_task(services), self._functions_start]
            try:
                await asyncio.gather(*starting)
            finally:
                for task in starting:
                    task.cancel()
                await asyncio.gather(*starting, return_exceptions=True)
            told.done(f"{', '.join(self.services)}; {len(self._functions)} functions")
        with step("gateway") as told:
            await self.supervisor.add(self._gateway())
            told.done(self.gateway_url)

    async def stop(self) -> None:
        """Stop everything in order, last started first, and let go of the folder."""
        self.phase("stopping")
        if hasattr(self, "_functions_start"):
            self._functions_start.cancel()
        await self.supervisor.stop()
        for program in ("emulator", "postgres"):
            if hasattr(self, program):
                await asyncio.to_thread(getattr(self, program).stop)
        await self._http.aclose()
        if self._state is not None:  # else the file is another platform's, which refused us the folder
            self.layout.state_file.unlink(missing_ok=True)
        self._lock.release()

    @property
    def gateway_url(self) -> str:
        """The one address clients use."""
        return f"http://127.0.0.1:{self.ports['gateway']}"

    def phase(self, name: str) -> None:
        """Tell other commands how far the platform is: starting, seeding, ready, stopping."""
        if self._state is not None:
            self._state = self._state.model_copy(update={"phase": name})
            self._write_state()

    # ---- the steps ------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        self._lock.take()
        self.layout.state_file.unlink(missing_ok=True)
        require_room(self.layout.postgres, ROOM)
        wanted = {"gateway": (self._wanted.gateway_port, "use --port"), "emulator": (EMULATOR_PORT, "use --free-ports")}
        wanted |= {name: (catalogue()[name].port, "use --free-ports") for name in self.services}
        for name, (port, instead) in wanted.items():
            if self._wanted.free_ports and (name != "gateway" or port == 0):
                self.ports[name] = free_port()
            else:
                require_free_port(port, "AWS" if name == "emulator" else name, instead)
                self.ports[name] = port
        shutil.rmtree(self.layout.control, ignore_errors=True)
        self.layout.control.mkdir(parents=True)
        self.layout.logs.mkdir(exist_ok=True)

    def _start_postgres(self) -> None:
        self.postgres = PostgresServer(self.layout.postgres, max_connections=connection_budget())
        self.postgres.start()

    def _start_emulator(self) -> None:
        self.emulator = Emulator(self.layout.emulator, port=self.ports["emulator"])
        self.emulator.start()
        self.aws = Aws(self.emulator.endpoint_url)

    def _migrate(self) -> int:
        ensure_databases(self.postgres, self._owners)
        return sum(migrate_service(self.postgres, name) for name in self._owners)

    def _declare(self) -> None:
        """Declare what the topology and the catalogue ask for, and describe the platform with it."""
        identity = ensure_pool(self.aws)
        self.facts = environment.Facts(
            databases={name: self.postgres.dsn(name) for name in self._owners},
            ports={name: self.ports[name] for name in self.services},
            gateway_port=self.ports["gateway"],
            emulator_url=self.emulator.endpoint_url,
            identity=identity,
            offer_keys=ensure_offer_keys(self.layout.keys),
            glass_keys=ensure_glass_keys(self.layout.keys),
            session_key=ensure_session_key(self.layout.keys),
        )
        users = ensure_demo_users(self.aws, identity, self.layout)
        declare_sender(self.aws, environment.SENDER)
        subscriptions = [s for s in SUBSCRIPTIONS if s.service in self.services]
        schedules = [s for s in SCHEDULES if s.service in self.services]
        queues = declare_bus(self.aws, subscriptions)
        declare_direct_queues(self.aws, [q for q in DIRECT_QUEUES if q.service in self.services])
        declare_locked_buckets(self.aws, [b for b in LOCKED_BUCKETS if b.service in self.services])
        if "audit" in self.services:
            restore_anchors(self.aws, self.postgres.dsn("audit"))
        with_functions = {s.service for s in subscriptions if s.runs == "lambda"} | {s.service for s in schedules}
        self._functions = declare_functions(
            self.aws, {n: self._code(n) for n in with_functions}, queues, subscriptions, schedules
        )
        environment.write_environments(
            self.layout,
            {name: environment.service_environment(name, self.facts) for name in self.services}
            | {
                "gateway": environment.gateway_environment(self.facts),
                "rebuild": environment.rebuild_environment(self.facts),
            },
        )
        former = self._state
        self._state = PlatformState(
            pid=os.getpid(), phase=former.phase if former else "starting",
            started_at=former.started_at if former else datetime.now(UTC),
            gateway=self.gateway_url, emulator=self.emulator.endpoint_url, region=REGION, account=ACCOUNT,
            bus=bus_name(), client_id=identity.portal_client_id, databases=dict(self.facts.databases), users=users,
        )  # fmt: skip
        self._write_state()

    def _code(self, service: str) -> FunctionCode:
        package = build(service, emulator_target(self.emulator.python))
        return FunctionCode(package.read(), package.sha256, environment.function_environment(service, self.facts))

    def _adopt_stores(self) -> None:
        self.supervisor.adopt(Supervised("postgres", self.postgres, rank=0))
        self.supervisor.adopt(
            Supervised(
                "emulator", self.emulator, port=self.ports["emulator"], rank=1, restored=self._emulator_came_back
            )
        )

    async def _emulator_came_back(self) -> None:
        """Declare everything again; a killed emulator may come back with another user pool."""
        before = self.facts.identity
        await asyncio.to_thread(self._declare)
        if self.facts.identity != before:
            self._progress.say("the user pool is a new one: services restart, sign in again")
            for name in (*self.services, "gateway"):
                await self.supervisor.restart(name)

    def _service(self, name: str) -> Supervised:
        program = ServiceProcess(name, f"services.{name}.main", self.layout)
        port = self.ports[name]
        ready = once_open(port, asks(self._http, f"http://127.0.0.1:{port}/readyz"))
        return Supervised(
            name, program, ready=ready, port=port, rank=2, hold=self.layout.stopped(name),
            held=self._holder(name),
        )  # fmt: skip

    def _gateway(self) -> Supervised:
        program = ServiceProcess("gateway", "services.local.gateway", self.layout)
        ready = once_open(self.ports["gateway"], asks(self._http, f"{self.gateway_url}/livez"))
        return Supervised("gateway", program, ready=ready, port=self.ports["gateway"], rank=3)

    def _holder(self, service: str) -> Callable[[bool], Awaitable[None]]:
        async def held(stop: bool) -> None:
            """A service's functions stop and start with its process."""
            await asyncio.to_thread(self._pause_functions, service, stop)

        return held

    def _pause_functions(self, service: str, pause: bool) -> None:
        names = {s.queue for s in SUBSCRIPTIONS if s.service == service and s.runs == "lambda"}
        for mapping in self.aws.functions.list_event_source_mappings()["EventSourceMappings"]:
            if mapping["FunctionArn"].rpartition(":")[2] in names:
                self.aws.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=not pause)
        for schedule in SCHEDULES:
            if schedule.service == service:
                pause_schedule(self.aws, schedule.name, pause=pause)

    def _write_state(self) -> None:
        if self._state is not None:
            children = tuple(member.describe() for member in self.supervisor.members)
            self._state = self._state.model_copy(update={"children": children})
            write_state(self.layout, self._state)
