"""Folders and ports in other hands are found before anything is started, and whose hands they are."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.local.child import CannotStart
from services.local.holding import FolderLock, free_port, require_free_port

HOLDER = """
import sys, time
from pathlib import Path
from services.local.holding import FolderLock
FolderLock(Path(sys.argv[1])).take()
print("held", flush=True)
time.sleep(60)
"""


def test_a_folder_is_refused_while_another_process_has_it_and_free_once_that_was_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(CannotStart, match=rf"{tmp_path} is in use by process {holder.pid}"):
            FolderLock(tmp_path).take()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with FolderLock(tmp_path) as lock:
        assert lock.folder == tmp_path


def test_released_twice_is_released(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.take()
    lock.release()
    lock.release()
    FolderLock(tmp_path).take()


def test_a_port_in_use_names_who_uses_it_and_what_to_do() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotStart) as told:
            require_free_port(port, "the gateway", "use --port")
    assert f"port {port} for the gateway is in use by process {os.getpid()}" in told.value.detail
    assert "or use --port" in told.value.detail


def test_a_free_port_is_let_through() -> None:
    require_free_port(free_port(), "the gateway", "use --port")


def test_a_port_that_someone_has_on_every_interface_is_in_use() -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        with pytest.raises(CannotStart, match="is in use"):
            require_free_port(other.getsockname()[1], "the gateway", "use --port")
