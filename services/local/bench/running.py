"""What a part of the bench is given: whether to be quick, a folder of its own, a platform if it asks for one.

A part that measures the platform from outside uses the one that runs; where none runs, one is started for this bench
and stopped with it, so that `make bench` needs nothing prepared.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from services.local.fresh import fresh_platform
from services.local.progress import Progress, Step
from services.local.state import NotRunning, PlatformState, running_platform

# Enough free slots for the rush of the waiting list.
CLINICIANS = 600


class Run:
    """One run of the bench; a context, at whose end everything that was started for it is stopped and removed."""

    def __init__(self, home: Path, progress: Progress, *, quick: bool = False) -> None:
        self.quick = quick
        self.kept: dict[str, Any] = {}
        self._home = home
        self._progress = progress
        self._open = ExitStack()
        self._platform: PlatformState | None = None
        self._folders = 0

    def __enter__(self) -> Run:
        # Not in the project: a path of PostgreSQL's socket must stay short.
        self._scratch = Path(tempfile.mkdtemp(prefix="careslot-"))
        self._open.callback(shutil.rmtree, self._scratch, ignore_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def size(self, full: int, quick: int) -> int:
        """Return how many of something to make or do in a run like this one."""
        return quick if self.quick else full

    def folder(self, name: str) -> Path:
        """Return an empty folder that is removed when the run ends."""
        self._folders += 1
        made = self._scratch / f"{name}-{self._folders}"
        made.mkdir()
        return made

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show ``title`` while the block runs; ``at`` of what it returns shows how far it is."""
        with self._progress.step(title) as step:
            yield step

    def keep(self, name: str, data: Any) -> None:
        """Keep JSON-ready ``data`` (a curve, a plan) beside the figures."""
        self.kept[name] = data

    def platform(self) -> PlatformState:
        """Return the platform that runs in the folder asked for, or one started for this run."""
        if self._platform is None:
            try:
                self._platform = running_platform(self._home)
            except NotRunning:
                with self.step("a fresh platform"):
                    folder = self._open.enter_context(fresh_platform(clinicians=CLINICIANS))
                self._platform = running_platform(folder)
        return self._platform
