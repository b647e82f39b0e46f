"""What `up` says: progress for people and programs, faults of the disk in words, and how to go on."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import socket
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from services.local.child import CannotStart
from services.local.holding import FolderLock
from services.local.platform import Platform, Wanted
from services.local.progress import Progress
from services.local.service_process import ServiceProcess, asks, once_open
from services.local.state import Layout
from services.local.up import disk_faults


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "is full"), (errno.EDQUOT, "is full"), (errno.EFBIG, "is full"), (errno.EROFS, "--folder"),
     (errno.EACCES, "--folder")],
)  # fmt: skip
def test_faults_of_the_disk_are_told_with_a_remedy(number: int, words: str, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=words) as told, disk_faults(tmp_path):
        raise OSError(number, "as the system says it")
    assert str(tmp_path) in str(told.value)


def test_other_faults_pass(tmp_path: Path) -> None:
    with pytest.raises(ConnectionRefusedError), disk_faults(tmp_path):
        raise ConnectionRefusedError(errno.ECONNREFUSED, "no")


def test_progress_is_a_line_a_step_for_people() -> None:
    out = io.StringIO()
    progress = Progress(console=Console(file=out, width=200))
    with progress.step("migrations") as step:
        step.done("9 applied")
    with pytest.raises(CannotStart), progress.step("services"):
        raise CannotStart("no")
    assert "migrations: 9 applied" in out.getvalue()
    assert "services" not in out.getvalue()


def test_progress_is_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(machine=True)
    with progress.step("one") as step:
        step.at("half way")
        step.done("fine")
    with pytest.raises(CannotStart), progress.step("two"):
        raise CannotStart("no")
    progress.ready({"gateway": "http://x"}, ["for people"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["event"], line.get("title"), line.get("state")) for line in lines] == [
        ("step", "one", "started"), ("step", "one", "done"), ("step", "two", "started"), ("step", "two", "failed"),
        ("ready", None, None),
    ]  # fmt: skip
    assert lines[-1]["gateway"] == "http://x"


async def test_a_platform_that_is_refused_leaves_the_other_one_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with FolderLock(tmp_path):
        layout.state_file.write_text("the first one's")
        second = Platform(Wanted(tmp_path, 0, free_ports=True), Progress(machine=True))
        with pytest.raises(CannotStart, match="in use"):
            await second.start_stores()
        await second.stop()
        assert layout.state_file.read_text() == "the first one's"


async def test_a_port_in_use_is_found_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        platform = Platform(Wanted(tmp_path, taken.getsockname()[1], free_ports=True), Progress(machine=True))
        with pytest.raises(CannotStart, match="gateway is in use"):
            await platform.start_stores()
    await platform.stop()
    assert not layout_exists(tmp_path)


def layout_exists(folder: Path) -> bool:
    return Layout(folder).postgres.exists() or Layout(folder).emulator.exists()


def service(tmp_path: Path, code: str) -> ServiceProcess:
    layout = Layout(tmp_path)
    layout.environments.mkdir(parents=True)
    layout.environment("probe").write_text(f"PYTHONPATH='{tmp_path}'\nCARESLOT_SAYS='a b'\n")
    (tmp_path / "probe_module.py").write_text(code)
    return ServiceProcess("probe", "probe_module", layout)


async def test_a_service_gets_its_variables_and_says_why_it_ended(tmp_path: Path) -> None:
    line = '{"level": "error", "event": "cannot start", "error_type": "ValidationError", "frames": ["a.py:1 f"]}'
    probe = service(tmp_path, f"import os, sys\nprint(os.environ['CARESLOT_SAYS'])\nprint('{line}')\nsys.exit(3)\n")
    assert probe.fault() == "it was never started"
    probe.start()
    while probe.poll() is None:
        await asyncio.sleep(0.02)
    assert probe.poll() == 3
    assert "a b" in probe.fault()
    assert "error cannot start ValidationError a.py:1 f" in probe.fault()
    assert str(Layout(tmp_path).log("probe")) in probe.fault()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [(200, {"status": "ok"}, "ready"), (200, {"status": "degraded"}, "degraded"), (503, {"status": "unavailable"}, "")],
)
async def test_readiness_is_what_a_service_says(status: int, body: dict[str, str], said: str) -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, json=body))
    async with httpx.AsyncClient(transport=transport) as client:
        assert await asks(client, "http://service/readyz")() == said


async def test_nobody_is_asked_before_somebody_listens() -> None:
    asked = []

    async def question() -> str:
        asked.append("once")
        return "ready"

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        ready = once_open(listening.getsockname()[1], question)
        assert (await ready(), asked) == ("", [])
        listening.listen()
        assert (await ready(), asked) == ("ready", ["once"])
