"""Keeps the platform's programs running: starts them, asks whether they are ready, restarts what dies, stops
them in order.

Why not circus, honcho or supervisor: docs/decisions/0020-supervisor.md. A program is anything with the five
methods of `Program`: a service, the gateway, but also PostgreSQL and the emulator, which die as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from services.local.child import CannotStart
from services.local.state import ChildState

WATCH_SECONDS = 0.1
ASK_AGAIN_SECONDS = 1.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
HEALTHY_AFTER = 30.0
READY_WITHIN = 60.0

Ready = Callable[[], Awaitable[str]]
Tell = Callable[[str], None]


class Program(Protocol):
    """What can be supervised. All methods block briefly; exit codes are 128 + n after signal n."""

    def start(self) -> None:
        """Start it; raise CannotStart in words."""
        ...

    def stop(self) -> object:
        """Stop it politely, then not; calling it again does nothing."""
        ...

    def poll(self) -> int | None:
        """None while it runs, else its exit code."""
        ...

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        ...


@dataclass(slots=True)
class Supervised:
    """A program, how it is known to be ready (returns "ready" or "degraded", raises or returns "" while it is
    not), and what has to be done again after it was restarted.

    `rank` orders the stop: higher ranks first, one rank at a time.
    """

    name: str
    program: Program
    ready: Ready | None = None
    port: int | None = None
    rank: int = 0
    restored: Callable[[], Awaitable[None]] | None = None
    hold: Path | None = None
    held: Callable[[bool], Awaitable[None]] | None = None
    state: str = "stopped"
    restarts: int = 0
    last_fault: str = ""
    started_at: float = 0.0
    busy: bool = False
    asked_at: float = 0.0

    def describe(self) -> ChildState:
        """Return what other commands may know."""
        return ChildState(
            name=self.name, state=self.state, pid=self.program.pid if self.state != "stopped" else None,
            port=self.port, restarts=self.restarts, last_fault=self.last_fault,
        )  # fmt: skip


class Supervisor:
    """Watches programs until it is told to stop them."""

    def __init__(self, tell: Tell, changed: Callable[[], None] = lambda: None) -> None:
        self._tell = tell
        self._changed = changed
        self._members: list[Supervised] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def members(self) -> Sequence[Supervised]:
        """Everything under supervision, in the order it was added."""
        return tuple(self._members)

    async def add(self, *members: Supervised) -> None:
        """Start programs together, wait until each is ready, and watch them from then on; raise
        CannotStart.
        """
        self._members += members
        for member in members:
            await self._start(member)
        await asyncio.gather(*(self._await_ready(member, patient=True) for member in members))
        self._tasks += [asyncio.create_task(self._watch(member)) for member in members]
        self._changed()

    def adopt(self, member: Supervised) -> None:
        """Watch a program that was started before."""
        member.state, member.started_at = "ready", time.monotonic()
        self._members.append(member)
        self._tasks.append(asyncio.create_task(self._watch(member)))

    async def restart(self, name: str) -> None:
        """Stop and start one program, as after a change of its environment."""
        member = next(member for member in self._members if member.name == name)
        member.busy, member.state = True, "restarting"
        try:
            await asyncio.to_thread(member.program.stop)
            await self._start(member)
            await self._await_ready(member, patient=True)
        finally:
            member.busy = False
        self._changed()

    async def stop(self) -> None:
        """Stop everything, higher ranks first; what does not end politely is killed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for rank in sorted({member.rank for member in self._members}, reverse=True):
            rows = [member for member in self._members if member.rank == rank]
            await asyncio.gather(*(asyncio.to_thread(member.program.stop) for member in rows))
            for member in rows:
                member.state = "stopped"

    async def _start(self, member: Supervised) -> None:
        member.state, member.started_at = "starting", time.monotonic()
        await asyncio.to_thread(member.program.start)

    async def _await_ready(self, member: Supervised, *, patient: bool) -> None:
        """Wait for readiness. ``patient`` raises CannotStart in the end; otherwise the watcher goes on."""
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if member.ready is None:
                member.state = "ready"
                return
            with contextlib.suppress(Exception):
                if state := await member.ready():
                    member.state = state
                    return
            code = member.program.poll()
            if code is not None:
                if patient:
                    raise CannotStart(f"{member.name} {ended(code)} while starting; {_why(member)}")
                return
            await asyncio.sleep(0.05)
        if patient:
            raise CannotStart(f"{member.name} is not ready after {READY_WITHIN:.0f} seconds; {_why(member)}")

    async def _watch(self, member: Supervised) -> None:
        pause = FIRST_PAUSE
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if member.hold is not None and await self._obeyed(member, member.hold):
                continue
            if member.busy or (code := member.program.poll()) is None:
                await self._look_again(member)
                continue
            if time.monotonic() - member.started_at > HEALTHY_AFTER:
                pause = FIRST_PAUSE
            await self._revive(member, code, pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _look_again(self, member: Supervised) -> None:
        """Ask a program that lacked something when it came up whether it still does: it may have come up first."""
        if member.busy or member.state != "degraded" or member.ready is None:
            return
        if time.monotonic() - member.asked_at < ASK_AGAIN_SECONDS:
            return
        member.asked_at = time.monotonic()
        with contextlib.suppress(Exception):
            if await member.ready() == "ready":
                member.state = "ready"
                self._changed()

    async def _obeyed(self, member: Supervised, hold: Path) -> bool:
        """Stop or start by the wish of `careslot stop` and `careslot start`; tell whether it is (kept)
        stopped.
        """
        wanted = await asyncio.to_thread(hold.exists)
        if wanted and member.state != "stopped":
            member.state = "stopped"
            await asyncio.to_thread(member.program.stop)
            if member.held is not None:
                await member.held(True)
            self._changed()
            self._tell(f"{member.name} was stopped as wished")
        elif not wanted and member.state == "stopped":
            await self._start(member)
            if member.held is not None:
                await member.held(False)
            await self._await_ready(member, patient=False)
            self._changed()
            self._tell(f"{member.name} was started as wished")
        return wanted

    async def _revive(self, member: Supervised, code: int, pause: float) -> None:
        died = time.monotonic()
        member.state, member.last_fault = "restarting", ended(code)
        self._changed()
        await asyncio.sleep(pause)
        try:
            await asyncio.to_thread(member.program.stop)
            await asyncio.to_thread(member.program.start)
            member.started_at = time.monotonic()
            member.restarts += 1
            if member.restored is not None:
                await member.restored()
            member.state = "starting"
            await self._await_ready(member, patient=False)
        except Exception as error:
            detail = getattr(error, "detail", "") or type(error).__name__
            self._tell(f"{member.name} {ended(code)} and cannot be restarted yet: {detail}")
            return
        self._changed()
        if member.program.poll() is None:
            self._tell(f"{member.name} {ended(code)}; restarted in {time.monotonic() - died:.1f} s")


def ended(code: int) -> str:
    """Say in words how a program ended: by which signal, or with which exit code."""
    if code > 128:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(code - 128).name}"
    return f"ended with exit code {code}"


def _why(member: Supervised) -> str:
    fault = getattr(member.program, "fault", None)
    return str(fault()) if callable(fault) else "it left no reason"
