"""Start, watch and stop one program on a leash; its output goes to a log file that its faults are read
from.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.kernel.errors import Unavailable
from services.local import leash

LOG_KEPT_BYTES = 20_000_000


class CannotStart(Unavailable):
    """A part of the local platform cannot run; the text says what, why and what to do about it."""

    title = "The local platform cannot start"
    slug = "cannot-start"


class Child:
    """One program, tied to this process's life.

    It runs in a session of its own (Ctrl-C does not reach it), its standard output and error are appended to
    `log`. `stop_signal` is what ends it politely, `grace` how many seconds it then gets before SIGKILL.
    `user` and `group` are numeric ids to run under (root only).
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 10.0,
        user: int | None = None,
        group: int | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self.pid: int | None = None
        self._spec: leash.Spec = {
            "command": [str(part) for part in command],
            "user": user,
            "group": group,
            "stop": int(stop_signal),
            "grace": grace,
        }
        self._env = env
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> None:
        """Start the program and learn its process id; raise CannotStart if it cannot be executed."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_KEPT_BYTES:
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", leash.__file__, json.dumps(self._spec)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=None if self._env is None else dict(self._env),
                cwd=self._cwd,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        told = self._process.stdout.readline()
        self._process.stdout.close()
        if not told:
            self._process.wait()
            raise CannotStart(f"{self.name} cannot be started: {self.output().strip() or 'no reason given'}")
        self.pid = int(told)

    def poll(self) -> int | None:
        """Return None while it runs, else its exit code (128 + n after signal n)."""
        return None if self._process is None else self._process.poll()

    @property
    def running(self) -> bool:
        """Tell whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, return the exit code; raise subprocess.TimeoutExpired after `timeout` seconds."""
        assert self._process is not None, "not started"
        return self._process.wait(timeout)

    def stop(self) -> int | None:
        """Let go of the leash: stop signal, grace, SIGKILL. Return the exit code, None if it never ran."""
        if self._process is None:
            return None
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait()

    def kill(self) -> None:
        """SIGKILL, as a crash would; for drills."""
        if self.pid is not None and self.running:
            os.kill(self.pid, signal.SIGKILL)

    def output(self, limit: int = 4000) -> str:
        """Return the last `limit` bytes of what it wrote since it was last started."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - limit))
            return log.read().decode(errors="replace")
