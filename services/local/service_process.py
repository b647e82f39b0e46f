"""One service, or the gateway, as a program the supervisor can start again: its variables are read anew each time."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from services.local.child import Child
from services.local.environment import process_environment, read_environment
from services.local.state import Layout

ROOT = Path(__file__).resolve().parents[2]
GRACE_SECONDS = 8.0
TOLD_LINES = 3


class ServiceProcess:
    """`python -m MODULE` on a leash, with the variables of its file and its JSON lines in its log."""

    def __init__(self, name: str, module: str, layout: Layout) -> None:
        self._name = name
        self._module = module
        self._layout = layout
        self._child: Child | None = None

    def start(self) -> None:
        """Start it; raise CannotStart in words."""
        variables = read_environment(self._layout.environment(self._name))
        self._child = Child(
            self._name,
            [sys.executable, "-m", self._module],
            log=self._layout.log(self._name),
            env=process_environment(variables),
            cwd=ROOT,
            grace=GRACE_SECONDS,
        )
        self._child.start()

    def stop(self) -> None:
        """Stop it politely, then not."""
        if self._child is not None:
            self._child.stop()

    def poll(self) -> int | None:
        """None while it runs, else its exit code; 0 before the first start."""
        return 0 if self._child is None else self._child.poll()

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return None if self._child is None else self._child.pid

    def fault(self) -> str:
        """Say why it ended, from the end of its log."""
        if self._child is None:
            return "it was never started"
        lines = self._child.output().strip().splitlines()[-TOLD_LINES:]
        told = "\n  ".join(_readable(line) for line in lines) or "it said nothing"
        return f"the end of {self._layout.log(self._name)}:\n  {told}"


def asks(client: httpx.AsyncClient, url: str) -> Callable[[], Awaitable[str]]:
    """Return a question that a program answers with 200 once it is ready: "ready", "degraded", or "" for not yet."""

    async def ready() -> str:
        answer = await client.get(url, timeout=3.0)
        if answer.status_code != httpx.codes.OK:
            return ""
        return "degraded" if answer.json().get("status") == "degraded" else "ready"

    return ready


def once_open(port: int, question: Callable[[], Awaitable[str]]) -> Callable[[], Awaitable[str]]:
    """Return a question that is asked only when somebody listens on ``port``, and "" otherwise.

    A dozen programs are asked many times a second while they start: a request that nobody takes costs a hundredfold.
    """

    async def ready() -> str:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return ""
        writer.close()
        return await question()

    return ready


def _readable(line: str) -> str:
    """Shorten a JSON line to what happened and why; other lines stay."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line[:300]
    if not isinstance(entry, dict):
        return line[:300]
    told = (entry.get(name) for name in ("level", "event", "error_type", "reason", "dependency"))
    frames = entry.get("frames") or []
    return " ".join(str(word) for word in (*told, *frames[-1:]) if word)
