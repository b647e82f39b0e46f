"""The door to hold a service down: what it leaves, what it kills, what it refuses."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.kernel.errors import Invalid, NotFound
from services.local.holding import FolderLock
from services.local.outage import hold_down, let_up
from services.local.state import ChildState, Layout, NotRunning, PlatformState, write_state


class FakePlatform:
    """A folder with a platform's state in it, and a supervisor that obeys the door."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        self.layout.control.mkdir(parents=True)
        self._lock = FolderLock(folder)
        self._lock.take()
        self._child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        self._ended = threading.Event()
        self._tell("ready")
        self._thread = threading.Thread(target=self._obey)
        self._thread.start()

    def killed(self) -> bool:
        return self._child.wait(10) == -9

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._child.kill()
        self._child.wait()
        self._lock.release()

    def _obey(self) -> None:
        while not self._ended.is_set():
            self._tell("stopped" if self.layout.stopped("booking").exists() else "ready")
            time.sleep(0.05)

    def _tell(self, state: str) -> None:
        booking = ChildState(name="booking", state=state, pid=self._child.pid)
        children = (booking, ChildState(name="postgres", state="ready"))
        write_state(
            self.layout,
            PlatformState(
                pid=1, phase="ready", started_at=datetime.now(UTC), gateway="", emulator="", region="", account="",
                bus="", children=children,
            ),
        )  # fmt: skip


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[FakePlatform]:
    made = FakePlatform(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("crash", [False, True])
def test_held_down_until_let_up(platform: FakePlatform, crash: bool) -> None:
    hold_down(platform.layout.folder, "booking", crash=crash)
    assert platform.layout.stopped("booking").exists()
    if crash:
        assert platform.killed()
    let_up(platform.layout.folder, "booking")
    assert not platform.layout.stopped("booking").exists()


def test_only_services_can_be_held_down(platform: FakePlatform, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        hold_down(platform.layout.folder, "nothing")
    with pytest.raises(Invalid):
        hold_down(platform.layout.folder, "postgres")
    with pytest.raises(NotRunning):
        hold_down(tmp_path / "elsewhere", "booking")
