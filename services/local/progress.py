"""How `up` tells what it is doing: a living line on a terminal, plain lines in a log, JSON for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.status import Status


class Progress:
    """Numbered seconds since the start and one line a finished step; ``machine`` prints JSON lines
    instead.
    """

    def __init__(self, *, machine: bool = False, console: Console | None = None) -> None:
        self._machine = machine
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._started = time.monotonic()
        self._status: Status | None = None

    @property
    def seconds(self) -> float:
        """Seconds since this was made."""
        return time.monotonic() - self._started

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show ``title`` while the block runs, and what it was told to say when it is done."""
        step = Step(self, title)
        began = time.monotonic()
        if self._machine:
            self._emit("step", title=title, state="started")
        elif self._console.is_terminal:
            self._status = self._console.status(f"{title} ...")
            self._status.start()
        try:
            yield step
        except BaseException:
            self._end_status()
            if self._machine:
                self._emit("step", title=title, state="failed", took=round(time.monotonic() - began, 2))
            raise
        self._end_status()
        if self._machine:
            self._emit("step", title=title, state="done", said=step.said, took=round(time.monotonic() - began, 2))
        else:
            self.say(f"{title}{f': {step.said}' if step.said else ''}")

    def say(self, text: str, *, style: str | None = None) -> None:
        """Print one line with the elapsed seconds."""
        if self._machine:
            self._emit("message", text=text)
            return
        self._console.print(f"{self.seconds:6.1f} s  {text}", style=style, markup=False)

    def update(self, text: str) -> None:
        """Change the living line, where there is one."""
        if self._status is not None:
            self._status.update(text)

    def ready(self, facts: dict[str, Any], lines: list[str]) -> None:
        """Print the last words of a start: ``facts`` for programs, ``lines`` for people."""
        if self._machine:
            self._emit("ready", **facts)
            return
        for line in lines:
            self._console.print(line, markup=False)

    def _end_status(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _emit(self, event: str, **fields: Any) -> None:
        print(json.dumps({"event": event, "seconds": round(self.seconds, 2), **fields}), flush=True, file=sys.stdout)


class Step:
    """What a step has to say about itself when it is done."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._title = title
        self.said = ""

    def done(self, text: str) -> None:
        """Say this when the step ends."""
        self.said = text

    def at(self, text: str) -> None:
        """Show how far it is."""
        self._progress.update(f"{self._title}: {text}")
