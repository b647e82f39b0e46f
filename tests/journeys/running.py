"""A platform as a person runs it: the command in a process of its own, its folder, and what it printed."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from services.local import leash
from services.local.demo.client import Person, eventually
from services.local.state import ChildState, PlatformState, running_platform

T = TypeVar("T")
COMMAND = [sys.executable, "-c", "from pipelines.main import main; main()"]
READY_SECONDS = 240.0


def careslot(*arguments: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
    """Run one verb and return what it said."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=timeout, check=False, env=_environment()
    )


class Running:
    """`careslot up` in a folder. `said` holds its JSON lines so far.

    It is on a leash: when the tests are killed, the platform stops as well. ``pid`` is the command's own.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.said: list[dict[str, Any]] = []
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._errors: list[str] = []
        command = [*COMMAND, "up", "--json", "--folder", str(folder), "--free-ports", *arguments]
        spec: leash.Spec = {"command": command, "user": None, "group": None, "stop": signal.SIGTERM, "grace": 45.0}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", leash.__file__, json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(),
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.pid = int(self.process.stdout.readline())
        threading.Thread(target=self._read, daemon=True).start()

    def until_ready(self, timeout: float = READY_SECONDS) -> Running:
        """Wait until it says that it is ready; fail with what it said instead."""
        self.until(lambda line: line["event"] == "ready", timeout)
        return self

    def until(self, wanted: Callable[[dict[str, Any]], bool], timeout: float = 60.0) -> dict[str, Any]:
        """Return the first line, of now or later, that is ``wanted``."""
        deadline = time.monotonic() + timeout
        for line in self.said:
            if wanted(line):
                return line
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                fresh = self._lines.get(timeout=left)
                if fresh is None:
                    break
                self.said.append(fresh)
                if wanted(fresh):
                    return fresh
        raise AssertionError(f"not said within {timeout:.0f} s; said: {self.said[-5:]}; {self.errors()}")

    def errors(self) -> str:
        """Return what it said that is not JSON."""
        return "\n".join(self._errors)

    @property
    def state(self) -> PlatformState:
        """What the platform tells other commands now."""
        return running_platform(self.folder, ready=False)

    def child(self, name: str) -> ChildState:
        """One supervised program as it is now."""
        return self.state.child(name)

    def kill(self, name: str) -> None:
        """SIGKILL one program."""
        pid = self.child(name).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def wait_for(self, look: Callable[[], T | None], what: str, seconds: float = 60.0) -> T:
        """Return what ``look`` finds in time."""
        return eventually(look, what, seconds)

    def person(self, username: str) -> Person:
        """Sign a demo user in."""
        return Person(self.state, username)

    def verb(self, *arguments: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a verb against this platform."""
        return careslot(*arguments, "--folder", str(self.folder), timeout=timeout)

    def stop(self, number: signal.Signals = signal.SIGINT, timeout: float = 45.0) -> int:
        """End it as Ctrl-C does and return its exit code."""
        if self.process.poll() is None:
            os.kill(self.pid, number)
        return self.process.wait(timeout)

    def _read(self) -> None:
        # The leash passes both outputs on as one.
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{"):
                self._lines.put(json.loads(line))
            else:
                self._errors.append(line.rstrip())
        self._lines.put(None)


def slots(person: Person, count: int, **query: Any) -> Sequence[dict[str, Any]]:
    """Return ``count`` open slots nobody else may take at the same time, of as many places as there are."""
    found = person.slots(limit=100, **query)
    single = [slot for slot in found if all(resource["depth"] == 1 for resource in slot["slot"]["resources"])]
    assert len(single) >= count, f"{len(single)} of {len(found)} slots will do, {count} are needed"
    return single[:count]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("CARESLOT_HOME", "PG", "AWS_"))}
