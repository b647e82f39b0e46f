"""A child is stopped the way it wants to be, and its end and its words are seen."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from services.local.child import CannotStart, Child
from tests.fixtures.waiting import eventually

DEAF = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "child.log"


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
