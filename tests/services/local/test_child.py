"""A child ends when its parent does, however that ends, and says what it said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from services.local.child import CannotStart, Child

DEAF = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "child.log"


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_stopping_sends_the_stop_signal_and_gives_the_exit_code(log: Path) -> None:
    say = (
        "import signal, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit(7));"
        "print('up', flush=True); time.sleep(60)"
    )
    child = Child("it", [sys.executable, "-c", say], log=log, stop_signal=signal.SIGINT)
    child.start()
    assert eventually(lambda: "up" in child.output())
    assert child.running
    assert child.stop() == 7
    assert not child.running


def test_one_that_does_not_listen_is_killed_after_its_grace(log: Path) -> None:
    child = Child("it", [sys.executable, "-c", DEAF], log=log, grace=0.2)
    child.start()
    assert eventually(lambda: "deaf" in child.output())
    assert child.stop() == 128 + signal.SIGKILL


def test_a_program_that_does_not_exist_is_named(log: Path) -> None:
    child = Child("the thing", ["/nowhere/thing"], log=log)
    with pytest.raises(CannotStart, match=r"the thing cannot be started: cannot run /nowhere/thing: No such file"):
        child.start()
    assert not child.running


def test_its_own_end_and_words_are_seen_but_not_those_of_the_run_before(log: Path) -> None:
    for word in ("first", "second"):
        child = Child("it", [sys.executable, "-c", f"import sys; print('{word}'); sys.exit(3)"], log=log)
        child.start()
        assert child.wait(20) == 3
    assert child.output().strip() == "second"
    assert log.read_text().split() == ["first", "second"]


def test_ctrl_c_in_the_terminal_reaches_the_parent_alone(log: Path) -> None:
    child = Child("it", [sys.executable, "-c", "import time; time.sleep(60)"], log=log)
    child.start()
    try:
        assert child.pid is not None
        assert os.getpgid(child.pid) != os.getpgid(0)
    finally:
        child.stop()


PARENT = """
import sys, time
from pathlib import Path
from services.local.child import Child
child = Child("it", [sys.executable, "-c", "import time; time.sleep(60)"], log=Path(sys.argv[1]))
child.start()
print(child.pid, child._process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("victim", ["parent", "leash"])
def test_it_does_not_outlive_what_holds_it(log: Path, victim: str) -> None:
    if victim == "leash" and sys.platform != "linux":
        pytest.skip("only Linux tells a child that its parent died")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(log)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd(),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        assert parent.stdout is not None
        child, leash = (int(number) for number in parent.stdout.readline().split())
        assert not gone(child)
        os.kill(parent.pid if victim == "parent" else leash, signal.SIGKILL)
        assert eventually(lambda: gone(child))
        assert eventually(lambda: gone(leash))
    finally:
        parent.kill()
        parent.communicate()
