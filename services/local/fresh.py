"""A platform of a drill's or a bench's own, in a temporary folder, gone with it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.local.child import CannotStart, Child
from services.local.state import NotRunning, running_platform

READY_SECONDS = 300.0
# Large enough for the load, and started in half a minute.
SIZES = {"facilities": 12, "clinicians": 160, "patients": 1200}
UP = "import typer; from services.local.cli import up; typer.run(up)"
STOP_SECONDS = 45.0


@contextmanager
def fresh_platform(**sizes: int) -> Iterator[Path]:
    """Start a platform and return its folder once it is ready; stop it and remove everything afterwards.

    ``sizes`` are options of `careslot up`, SIZES where they are not given. It is on a leash: it does not
    outlive this process, whatever ends that. Raise CannotStart in words.
    """
    folder = Path(tempfile.mkdtemp(prefix="careslot-"))
    options: list[str | Path] = ["--folder", folder / "home", "--port", "0", "--free-ports", "--json"]
    options += [word for name, size in (SIZES | sizes).items() for word in (f"--{name}", str(size))]
    command: list[str | Path] = [sys.executable, "-c", UP, *options]
    child = Child("a fresh platform", command, log=folder / "up.log", grace=STOP_SECONDS)
    child.start()
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not _ready(folder / "home"):
            if not child.running or time.monotonic() > deadline:
                raise CannotStart(f"the fresh platform did not start; the end of what it said:\n{child.output(600)}")
            time.sleep(0.2)
        yield folder / "home"
    finally:
        child.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _ready(folder: Path) -> bool:
    try:
        running_platform(folder)
    except (NotRunning, CannotStart):
        return False
    return True
