"""The door through which another process of the same user holds one service down, and lets it up again.

It is a file in the platform's own folder: whoever can write there owns the platform anyway, and no port is opened. The
supervisor looks for it ten times a second and restarts nothing that is held down.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from services.contracts.catalogue import catalogue
from services.kernel.errors import Invalid
from services.local.child import CannotStart
from services.local.state import Layout, running_platform

OBEY_SECONDS = 30.0


def hold_down(folder: Path, service: str, *, crash: bool = False) -> None:
    """Keep ``service`` (and its functions) down until `let_up`; with ``crash`` it is killed instead of asked to stop.

    Raise NotRunning, NotFound, Invalid for what is no service, CannotStart when the supervisor does not obey.
    """
    child = running_platform(folder).child(service)
    if service not in catalogue():
        raise Invalid(f"{service} cannot be stopped alone; services can: {', '.join(catalogue())}")
    Layout(folder).stopped(service).touch()
    if crash and child.pid is not None and child.state != "stopped":
        # The hold is there already, so the supervisor does not take this for a crash to mend.
        os.kill(child.pid, signal.SIGKILL)
    _obeyed(folder, service, stopped=True)


def let_up(folder: Path, service: str) -> None:
    """End the hold, and wait until the service runs again; raise as `hold_down` does."""
    Layout(folder).stopped(service).unlink(missing_ok=True)
    _obeyed(folder, service, stopped=False)


def _obeyed(folder: Path, service: str, *, stopped: bool) -> None:
    deadline = time.monotonic() + OBEY_SECONDS
    while (running_platform(folder).child(service).state == "stopped") is not stopped:
        if time.monotonic() > deadline:
            raise CannotStart(f"{service} did not obey within {OBEY_SECONDS:.0f} s; see `careslot status`")
        time.sleep(0.1)
